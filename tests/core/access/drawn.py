"""An engine of access whose links, sources and denials are drawn; and the same verdicts by plain fixed points."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.core.strategies import RULES
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import (
    Acting,
    Code,
    Danger,
    Escalations,
    Gate,
    GateQuestion,
    GateState,
    Link,
    Population,
    Question,
    Source,
    Verdict,
    Wanted,
)
from whalefall_pipeline.core.model import Account, AccountState, Kind, Securable, Seen, Unseen

NAMES = tuple("abcdef")
QUESTION = Question("SELECT", Securable("table", "shop", "public", "orders"))
DATABASES = ("", "", "shop", "other")


@dataclass(frozen=True)
class Drawn:
    """What an engine finds: `denied` are accounts in whose identity no source holds, but for those of `beyond`.

    `gate_sources` are the sources of all questions but the one; `code` is what an account may run.
    """

    links: tuple[Link, ...]
    sources: tuple[Source, ...]
    denied: frozenset[str] = frozenset()
    beyond: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
    dangers: tuple[Danger, ...] = ()
    names: tuple[str, ...] = field(default=NAMES)
    kinds: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    dangerous: tuple[Wanted, ...] = ()
    gates: tuple[GateQuestion, ...] = ()
    gate_sources: tuple[Source, ...] = ()
    locked: frozenset[str] = frozenset()
    code: Mapping[str, tuple[Code, ...]] = field(default_factory=dict[str, tuple[Code, ...]])

    def population(self) -> Population:
        scopes = [f"account:{name}" for name in self.excluded]
        unseen = {scope: Unseen(scope, Seen.EXCLUDED, "nobody may", None) for scope in scopes}
        kinds = dict.fromkeys(self.names, Kind.USER) | dict(self.kinds)
        accounts = {name: AccountState(Account(name, kind)) for name, kind in kinds.items()}
        return Population(accounts, unseen=unseen)

    def decider(self) -> Decider:
        return Decider(DrawnAccess(self), self.population())

    def escalations(self) -> Escalations:
        return find_escalations(DrawnAccess(self), self.population())

    def add(self, *, links: Iterable[Link] = (), sources: Iterable[Source] = ()) -> "Drawn":
        return replace(self, links=(*self.links, *links), sources=(*self.sources, *sources))


class DrawnAccess(Access):
    """Gives what was drawn, whatever is asked."""

    rules = RULES

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self.has_denials = bool(drawn.denied)  # pyright: ignore[reportIncompatibleVariableOverride,reportAttributeAccessIssue]

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        return [QUESTION.securable]

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        return [QUESTION.privilege]

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        return []

    def find_links(self, population: Population) -> Iterable[Link]:
        return self._drawn.links

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        sources = self._drawn.sources if question == QUESTION else self._drawn.gate_sources
        return [source for source in sources if source.holder in usernames]

    def find_code(self, population: Population, question: Question, reached: Collection[str]) -> Iterable[Code]:
        return [code for name in sorted(reached) for code in self._drawn.code.get(name, ())]

    def find_gate_questions(self, question: Question) -> Sequence[GateQuestion]:
        return self._drawn.gates

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        return self._find_login

    def _find_login(self, acting: Acting) -> Sequence[Gate]:
        is_locked = acting.username in self._drawn.locked
        return [Gate("login", GateState.CLOSED, "locked")] if is_locked else []

    def keep_sources(
        self, population: Population, identity: Collection[str], sources: Sequence[Source], question: Question
    ) -> Sequence[Source]:
        if self._drawn.denied.isdisjoint(identity):
            return sources
        return [source for source in sources if source.holder in self._drawn.beyond]

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        return self._drawn.unseen

    def find_dangerous(self) -> Sequence[Wanted]:
        return self._drawn.dangerous

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        return self._drawn.dangers


@st.composite
def drawn(draw: st.DrawFn, *, denials: bool = False) -> Drawn:
    """Draw a graph with cycles, steps and databases; words make each link and source another one."""
    number = count()
    names = st.sampled_from(NAMES)
    some_step = st.sampled_from(("", "", "step"))
    pairs = draw(st.lists(st.tuples(names, names, some_step, st.sampled_from(DATABASES), st.booleans()), max_size=14))
    links = [
        Link(member, target, f"link {next(number)}", step, database, own=own)
        for member, target, step, database, own in pairs
        if member != target
    ]
    ends = draw(st.lists(st.tuples(names, some_step, st.booleans()), max_size=4))
    sources = [Source(holder, f"source {next(number)}", step, own=own) for holder, step, own in ends]
    sets: SearchStrategy[frozenset[str]] = st.frozensets(names, max_size=2)
    denied, beyond = (draw(sets), draw(sets)) if denials else (frozenset[str](), frozenset[str]())
    return Drawn(tuple(links), tuple(sources), denied, beyond)


def any_drawn() -> SearchStrategy[Drawn]:
    return drawn() | drawn(denials=True)


def find_inside(case: Drawn, root: str) -> frozenset[str]:
    """Return an account's identity, by going over all links until nothing is new."""
    inside = {root}
    while True:
        new = {link.target for link in list_links(case) if _leads(link, inside, root) and not link.step} - inside
        if not new:
            return frozenset(inside)
        inside |= new


def list_links(case: Drawn) -> list[Link]:
    return [link for link in case.links if link.database in ("", QUESTION.securable.database)]


def _leads(link: Link, inside: Collection[str], root: str) -> bool:
    return link.member == root if link.own else link.member in inside


def find_reached(case: Drawn, username: str) -> frozenset[str]:
    """Return whom an account may come to, whatever it takes: a part of this is its identity."""
    return find_inside(replace(case, links=tuple(link._replace(step="", own=False) for link in case.links)), username)


def find_sources(case: Drawn, root: str) -> set[Source]:
    """Return what an identity leaves of its sources."""
    inside = find_inside(case, root)
    own = {source for source in case.sources if source.holder in inside and (source.holder == root or not source.own)}
    if case.denied.isdisjoint(inside):
        return own
    return {source for source in own if source.holder in case.beyond}


def find_roots(case: Drawn, username: str) -> set[str]:
    """Return whose identity an account may take."""
    roots = {username}
    while True:
        new = {
            link.target
            for root in roots
            for link in list_links(case)
            if link.step and _leads(link, find_inside(case, root), root)
        } - roots
        if not new:
            return roots
        roots |= new


def find_all_sources(case: Drawn, username: str) -> set[Source]:
    """Return all sources that an account may come to."""
    return set[Source]().union(*(find_sources(case, root) for root in find_roots(case, username)))


def judge(case: Drawn, username: str) -> Verdict:
    """Return the verdict by these."""
    if any(not source.step for source in find_sources(case, username)):
        return Verdict.YES
    if find_all_sources(case, username):
        return Verdict.AFTER_STEP
    return Verdict.UNKNOWN if case.unseen or case.excluded & find_reached(case, username) else Verdict.NO
