"""Finds what a question about effective access is about, and loads what it is decided from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from whalefall_pipeline.cli.object_paths import KINDS, MOST, parse_object_path, parse_target
from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.model import Population, Question, Seeds, Wanted
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.model import MEMBER, SERVER, Securable
from whalefall_pipeline.ledger.access import (
    Asked,
    Relevant,
    read_asked,
    read_known,
    read_populations,
    read_relevant,
)
from whalefall_pipeline.ledger.queries import knows_object
from whalefall_pipeline.ledger.reader import Reader

AT_ONCE = 100
"""Instances whose accounts are all in memory at once; what needs few of each is loaded for the whole fleet."""
NAMED = 5
"""Instances that a line names."""
COLUMN = "column"
OWNER = "OWNER"
RELATIONS = frozenset({"table", "view", "object", "materialized_view"})


class Asking(NamedTuple):
    """The words of a question: `PRIVILEGE ON [KIND] OBJECT`; the privilege is None where all are asked for."""

    privilege: str | None
    kind: str | None
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """The object as it was named."""
        return ".".join(self.path) or SERVER


class Case(NamedTuple):
    """One instance with the questions that are asked about it."""

    asked: Asked
    access: Access
    questions: Sequence[Question]


def find_access(db_type: str) -> Access:
    """Return an engine's rules of effective access. Raises InvalidInputError for an engine that has none here."""
    access = _look_up(db_type)
    if access is None:
        raise InvalidInputError(f"who can do what on {db_type} is not known to this version")
    return access


def knows_access(db_type: str) -> bool:
    """Return whether an engine has rules of effective access."""
    return _look_up(db_type) is not None


def _look_up(db_type: str) -> Access | None:
    from whalefall_pipeline.adapters.registry import ADAPTERS  # noqa: PLC0415 - commands that ask no engine need none

    adapter = ADAPTERS.get(db_type)
    return adapter.access if adapter else None


def parse_question(privilege: str, words: Sequence[str], usage: str) -> Asking:
    """Return what `PRIVILEGE [ON] [KIND] OBJECT` says; a privilege of several words ends at ON.

    Raises InvalidInputError, with the usage, for anything else.
    """
    upper = [word.upper() for word in words]
    if "ON" in upper[1:] and upper[0] != "ON":
        end = upper.index("ON")
        privilege, words = " ".join([privilege, *words[:end]]), words[end:]
    name = privilege.upper()
    if not privilege.strip() or name == "ON" or not words:
        raise InvalidInputError(f"say: {usage}")
    return parse_object(words, usage)._replace(privilege=name)


def parse_object(words: Sequence[str], usage: str) -> Asking:
    """Return what `[ON] [KIND] OBJECT` names; `server` is the whole instance. Raises InvalidInputError."""
    rest = list(words[1:] if words and words[0].upper() == "ON" else words)
    match rest:
        case [word] if word.lower() == SERVER:
            return Asking(None, SERVER, ())
        case [word, name] if word.lower() == COLUMN:
            path = parse_object_path(name, MOST + 1)
            if len(path) < 2:
                raise InvalidInputError(f"{name!r} names no column: write table.column, or more of its path")
            return Asking(None, COLUMN, path)
        case [kind, name] if kind.lower() not in KINDS:
            raise InvalidInputError(f"{kind!r} is no kind of object; say: {usage}, the kind one of {', '.join(KINDS)}")
        case _:
            return Asking(None, *parse_target(words, usage))


def find_asked(
    reader: Reader,
    instance: str | None,
    at: datetime | None,
    *,
    removed: bool = False,
    chosen: Collection[str] | None = None,
) -> list[Asked]:
    """Return the instances that are asked about; those of which nothing can be said are named and left out.

    `chosen` holds the names of those that labels chose.
    """
    asked: list[Asked] = []
    for item in read_asked(reader, instance, at=at, removed=removed):
        if chosen is not None and item.name not in chosen:
            continue
        if item.read_at is None:
            warn(f"{item.name}: its permissions were never read, so nothing is known of it; run: whalefall sync")
        elif not (instance or knows_access(item.db_type)):
            warn(f"{item.name} is left out: who can do what on {item.db_type} is not known to this version")
        else:
            asked.append(item)
    return asked


def find_cases(
    reader: Reader, asked: Sequence[Asked], asking: Asking, at: datetime | None, *, named: bool
) -> list[Case]:
    """Return each instance that has what is asked about, with its questions.

    `named`: the instance was named, so that an engine which does not list its objects is asked all the same. Raises
    InvalidInputError where no instance has such an object, or none of them has such a privilege on it.
    """
    path = asking.path[:-1] if asking.kind == COLUMN else asking.path
    known = read_known(reader, asked, path, kind=asking.kind, at=at) if path else {}
    found: list[tuple[Asked, Access, Sequence[Securable]]] = []
    silent: list[str] = []
    for item in asked:
        access = find_access(item.db_type)
        targets = _find_targets(access, asking, known.get(item.id, ()))
        if targets and path and not known.get(item.id) and not named:
            silent.append(item.name)
        elif targets:
            found.append((item, access, targets))
    if silent:
        more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
        warn(
            f"not asked, since no grant there names {asking.name} and not all objects are known there: "
            f"{', '.join(silent[:NAMED])}{more}; ask one: --instance NAME"
        )
    if not found:
        _refuse_object(reader, asked, asking)
    cases = [
        Case(item, access, _to_questions(access, asking, targets, item.version)) for item, access, targets in found
    ]
    if not any(case.questions for case in cases):
        choices = sorted(
            {
                name
                for item, access, targets in found
                for t in targets
                for name in access.list_privileges(t, item.version)
            }
        )
        kinds = ", ".join(sorted({str(target) for _, _, targets in found for target in targets})[:NAMED])
        there = f"there are {', '.join(choices)}" if choices else "no privilege on it can be asked for"
        raise InvalidInputError(f"{asking.privilege!r} is no privilege on {kinds}; {there}")
    return [case for case in cases if case.questions]


def _find_targets(access: Access, asking: Asking, known: Sequence[Securable]) -> Sequence[Securable]:
    if asking.kind == SERVER:
        return [Securable(SERVER)]
    targets = access.find_targets(asking.kind, asking.path, known)
    if asking.kind != COLUMN or targets:
        return targets
    relations = access.find_targets(None, asking.path[:-1], known)
    return [
        Securable(COLUMN, *relation[1:4], asking.path[-1])
        for relation in relations
        if relation.scope in RELATIONS and relation.object
    ]


def _to_questions(access: Access, asking: Asking, targets: Sequence[Securable], version: str) -> list[Question]:
    questions: list[Question] = []
    for target in targets:
        names = access.list_privileges(target, version)
        if asking.privilege is None:
            questions += [Question(name, target) for name in names]
        elif asking.privilege in names or asking.privilege in (MEMBER, OWNER):
            questions.append(Question(asking.privilege, target))
    return questions


def _refuse_object(reader: Reader, asked: Sequence[Asked], asking: Asking) -> None:
    where = asked[0].name if len(asked) == 1 else "any instance"
    kind = f"{asking.kind} " if asking.kind else ""
    if asking.path and knows_object(reader, asking.path[-MOST:], asked[0].name if len(asked) == 1 else None):
        raise InvalidInputError(
            f"no {kind or 'object '}named {asking.name} is known of {where} at that moment; it was, or is, as another "
            f"kind of object: whalefall who-has ANY ON {asking.name}"
        )
    raise InvalidInputError(
        f"no {kind or 'object '}named {asking.name} is known of {where}: nobody holds anything on it; names are as in "
        "the server's catalog"
    )


def load_cases(
    reader: Reader, cases: Sequence[Case], at: datetime | None, *, also: str | None = None
) -> Iterator[tuple[Case, Population]]:
    """Yield each case with the accounts that may matter to it and what they hold of what bears on its questions.

    The account that `also` names is there whether it matters or not; so are all of an instance whose engine has code
    that runs as somebody else, since a no of that account may hang on any of them.
    """
    by_access: dict[tuple[int, tuple[Question, ...]], Sequence[Seeds] | None] = {}
    narrow: list[Case] = []
    wide: list[Case] = []
    for case in cases:
        key = (id(case.access), tuple(case.questions))
        if key not in by_access:  # on most instances the questions are the same
            by_access[key] = _find_seeds(case)
        needs_all = by_access[key] is None or (also is not None and case.access.has_code)
        is_narrow = not needs_all and case.access.may_narrow(case.asked.attributes, case.asked.unseen)
        (narrow if is_narrow else wide).append(case)
    if narrow:
        named = [] if also is None else [also]
        seeds = list(dict.fromkeys(one for found in by_access.values() for one in found or ()))
        relevant = read_relevant(reader, [case.asked for case in narrow], seeds, at=at, also=named)
        yield from _load(reader, narrow, at, relevant)
    for start in range(0, len(wide), AT_ONCE):
        yield from _load(reader, wide[start : start + AT_ONCE], at)


def _find_seeds(case: Case) -> Sequence[Seeds] | None:
    """Return the seeds of all of a case's questions; None: not all have such."""
    seeds = [case.access.find_seeds(question) for question in case.questions]
    return None if None in seeds else [one for one in seeds if one is not None]


def _load(
    reader: Reader, cases: Sequence[Case], at: datetime | None, relevant: Relevant | None = None
) -> Iterator[tuple[Case, Population]]:
    populations = read_populations(reader, [case.asked for case in cases], find_wanted(cases), at=at, relevant=relevant)
    for case in cases:
        yield case, populations.pop(case.asked.id)


def find_wanted(cases: Sequence[Case]) -> Mapping[int, Sequence[Wanted]]:
    """Return by instance the grants that bear on its questions."""
    known: dict[tuple[int, tuple[Question, ...]], Sequence[Wanted]] = {}
    wanted: dict[int, Sequence[Wanted]] = {}
    for case in cases:
        key = (id(case.access), tuple(case.questions))
        if key not in known:
            known[key] = list({one for question in case.questions for one in case.access.find_wanted(question)})
        wanted[case.asked.id] = known[key]
    return wanted
