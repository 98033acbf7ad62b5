"""Shows what effective access came to: the same columns for every question, for programs; sentences for people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from whalefall_pipeline.cli.known import describe_unseen
from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.cli.rows import Format, choose_limit, show_rows
from whalefall_pipeline.core.access.model import Answer, Gate, GateState, Path, Verdict
from whalefall_pipeline.core.model import Kind, Seen, Unseen
from whalefall_pipeline.core.text import make_visible

COLUMNS = (
    *("instance", "username", "kind", "privilege", "object", "verdict", "path", "steps", "gates", "unseen", "since"),
)
MOST = 20
"""Lines about what was not observed, at most."""
SHORT = {Verdict.YES: "yes", Verdict.AFTER_STEP: "after a step", Verdict.NO: "no", Verdict.UNKNOWN: "unknown"}


class AnswerRow(NamedTuple):
    """One line of an answer; `gates` are those before the path."""

    instance: str
    username: str
    kind: Kind
    privilege: str
    object: str
    verdict: Verdict
    path: str = ""
    steps: Sequence[str] = ()
    gates: Sequence[Gate] = ()
    unseen: Sequence[str] = ()
    since: datetime | None = None


def to_row(instance: str, answer: Answer, path: Path | None = None) -> AnswerRow:
    """Return an answer as a row, with one of its paths: the first, unless it is named."""
    chosen = path or (answer.paths[0] if answer.paths else None)
    return AnswerRow(
        instance,
        answer.username,
        answer.kind,
        answer.question.privilege,
        str(answer.question.securable),
        answer.verdict,
        f"{answer.username}: {chosen}" if chosen else "",
        chosen.steps if chosen else (),
        answer.gates,
        answer.unseen,
        chosen.since if chosen else None,
    )


def show_answers(
    rows: Sequence[AnswerRow], form: Format, *, raw: bool, limit: int | None, of_one: bool = False
) -> None:
    """Print rows: with all columns for programs, and for people with those that differ, in a few words.

    `of_one`: all rows are of one account.
    """
    at_most = choose_limit(limit, form)
    if form is Format.TABLE:
        names = ("instance", "object", "privilege") if of_one else ("instance", "object", "username", "privilege")
        columns = [name for name in names if name == "username" or len({getattr(row, name) for row in rows}) > 1]
        columns += ["verdict", "path", "since"]
        title = _to_title(rows, columns)
        show_rows([_to_words(row) for row in rows], columns, form, at_most=at_most, title=title)
    else:
        show_rows([_to_data(row) for row in rows], COLUMNS, form, raw=raw, at_most=at_most)


def _to_title(rows: Sequence[AnswerRow], columns: Sequence[str]) -> str:
    """Return what all rows are about, where no column says it."""
    if not rows:
        return ""
    first = rows[0]
    parts = [] if "username" in columns else [f"{first.username}:"]
    parts += [] if "privilege" in columns else [first.privilege]
    parts += [] if "object" in columns else [f"on {first.object}"]
    parts += [] if "instance" in columns else [f"({first.instance})"]
    return make_visible(" ".join(parts))


def _to_data(row: AnswerRow) -> Mapping[str, Any]:
    gates = [{"name": gate.name, "state": gate.state.value, "reason": gate.reason} for gate in row.gates]
    lists = {"steps": list(row.steps), "gates": gates, "unseen": list(row.unseen)}
    return {**row._asdict(), **lists, "kind": row.kind.value, "verdict": row.verdict.value, "path": row.path or None}


def _to_words(row: AnswerRow) -> Mapping[str, Any]:
    return {**row._asdict(), "verdict": SHORT[row.verdict], "path": format_path(row)}


def format_path(row: AnswerRow) -> str:
    """Return how an account can, in a line: its path, what must be done, and what else stands before it."""
    path = row.path.removeprefix(f"{row.username}: ")
    steps = f"; by {', then '.join(row.steps)}" if row.steps else ""
    gates = to_gates_text(row.gates)
    return f"{path}{steps}{f'; {gates}' if gates else ''}"


def to_gates_text(gates: Iterable[Gate]) -> str:
    """Return the gates that do not simply let through, in a line."""
    return "; ".join(format_gate(gate) for gate in gates if gate.state is not GateState.OPEN)


def format_gate(gate: Gate) -> str:
    """Return one gate with its reason."""
    return f"{gate.name} {gate.state.value}{f' ({gate.reason})' if gate.reason else ''}"


def print_unseen(unseen: Mapping[str, Iterable[str]], known: Mapping[str, Mapping[str, Unseen]]) -> None:
    """Print by instance what was not observed and could make a no a yes; what was not to be read comes last.

    `known` are the scopes that the ledger has as such, by instance.
    """
    found = [
        (instance, describe_scope(scope, known.get(instance, {})))
        for instance, scopes in unseen.items()
        for scope in sorted(scopes)
    ]
    found.sort(key=lambda item: item[1].is_excluded)
    for instance, scope in found[:MOST]:
        warn(f"{instance}: {scope.words}: whether others can is not known")
    if len(found) > MOST:
        warn(f"{len(found) - MOST} more were not observed; see: whalefall sessions")


class NotSeen(NamedTuple):
    """What was not seen, with why not, in words."""

    is_excluded: bool
    words: str


def describe_scope(scope: str, known: Mapping[str, Unseen]) -> NotSeen:
    """Return of what could make a no a yes that it could not be observed, or was not to be."""
    found = known.get(scope)
    if found and found.status is Seen.EXCLUDED:
        return NotSeen(True, f"{scope} {describe_unseen(found.status, found.reason)}")
    return NotSeen(False, f"{scope} was not observed")
