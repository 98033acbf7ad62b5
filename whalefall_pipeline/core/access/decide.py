"""Verdicts with their paths: who can do what is asked, and why an account can or can't."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.graph import Graph, Links
from whalefall_pipeline.core.access.model import (
    Acting,
    Answer,
    Gate,
    GateQuestion,
    GateState,
    Path,
    Population,
    Question,
    Source,
    Verdict,
)
from whalefall_pipeline.core.access.sentences import NAMED, find_nearest
from whalefall_pipeline.core.access.walk import MAX_WAYS, Keep, Walk, Way, group_ends
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, OF_DATABASE
from whalefall_pipeline.core.model import Seen

MOST_PER_CANDIDATE = 4
"""Accounts for each candidate up to which it takes less to look at all of them than to find out which are needed."""


class Decider:
    """Answers questions about one population; what several questions share is found once."""

    def __init__(self, access: Access, population: Population) -> None:
        self._access = access
        self._population = population
        self._graphs: dict[str, Graph] = {}

    def find_who_can(self, question: Question, *, first_only: bool = False) -> list[Answer]:
        """Return those who can, each with the shortest path to each source: who can now first, then by username.

        `first_only`: each with the first of these alone, which takes less to find; it is not `complete` then. Of all
        others the verdict is no, or unknown where `find_unseen` names something, `find_excluded` somebody whom they may
        come to, or `decide` code that runs as somebody who can.
        """
        accounts = self._population.accounts
        walk = self._walk(question, self._find_all_sources(question))
        candidates = sorted(walk.relevant & accounts.keys())
        asked = self._prepare(question, self._find_judged(question, candidates))
        answers: list[Answer] = []
        for username in candidates:
            ways = walk.find_first(username) if first_only else walk.find_ways(username)
            if ways:
                complete = not first_only and len(ways) < MAX_WAYS
                answers.append(self._answer_yes(username, ways, asked, complete=complete))
        return sorted(answers, key=lambda answer: answer.verdict is Verdict.AFTER_STEP)

    def decide(self, username: str, question: Question, *, every_path: bool = False, with_code: bool = True) -> Answer:
        """Return one account's answer; `every_path`: with all simple paths, as far as the bound allows.

        `with_code`: a no is unknown where code that runs as somebody else may do it; not to ask spares looking for it.
        Raise KeyError for a username that is no account of the population.
        """
        kind = self._population.accounts[username].account.kind
        graph = self._graph(question)
        reached = graph.find_reached(username)
        sources = self._find_sources(question, reached)
        walk = self._walk(question, sources)
        ways, complete = walk.find_all_ways(username) if every_path else (walk.find_ways(username), True)
        if ways:
            complete = complete and (every_path or len(ways) < MAX_WAYS)
            return self._answer_yes(username, ways, self._prepare(question, reached), complete=complete)
        unread = self._find_unread(username, question, reached) if with_code else ()
        unseen = (*dict.fromkeys((*self.find_unseen(question), *self.find_excluded(reached))), *unread)
        verdict = Verdict.UNKNOWN if unseen else Verdict.NO
        nearest = self._find_nearest(username, question, sources)
        return Answer(username, kind, question, verdict, unseen=unseen, nearest=nearest)

    def find_able(self, question: Question) -> frozenset[str]:
        """Return who can without a step, accounts that only links name among them."""
        judge = self._judge(question, self._population.accounts.keys() | set(self._links.others))
        return frozenset(name for name in judge.graph.find_reaching(judge.holders) if judge.is_able(name))

    def find_unseen(self, question: Question) -> tuple[str, ...]:
        """Return the scopes that were not observed and could make a no a yes."""
        found = tuple(self._access.find_unseen(self._population, question))
        scope = f"{OF_DATABASE}{question.securable.database}"
        return (*found, scope) if scope not in found and self._is_excluded(scope) else found

    def find_excluded(self, usernames: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes of those of the accounts that are excluded: what they hold now is not known."""
        scopes = sorted(f"{OF_ACCOUNT}{username}" for username in usernames)
        return tuple(scope for scope in scopes if self._is_excluded(scope))

    def _is_excluded(self, scope: str) -> bool:
        known = self._population.unseen.get(scope)
        return known is not None and known.status is Seen.EXCLUDED

    @cached_property
    def _links(self) -> Links:
        return self._access.open_links(self._population)

    def _graph(self, question: Question) -> Graph:
        database = question.securable.database
        if database not in self._graphs:
            self._graphs[database] = Graph(self._links, database)
        return self._graphs[database]

    def _find_sources(self, question: Question, usernames: Collection[str]) -> list[Source]:
        return list(self._access.find_sources(self._population, question, usernames))

    def _find_all_sources(self, question: Question) -> list[Source]:
        return self._find_sources(question, self._population.accounts.keys() | set(self._links.others))

    def _walk(self, question: Question, sources: Sequence[Source]) -> Walk[Source]:
        graph = self._graph(question)
        if not self._access.has_denials:
            return Walk(graph, sources)
        return Walk(graph, sources, self._prepare_keep(question, sources, graph))

    def _prepare_keep(self, question: Question, sources: Iterable[Source], graph: Graph) -> Keep:
        by_holder = group_ends(sources)
        kept: dict[str, frozenset[int]] = {}

        def keep(root: str) -> frozenset[int]:
            if root not in kept:
                identity = graph.find_identity(root)
                own = [end for name in identity for end in by_holder.get(name, ()) if name == root or not end.own]
                left = self._access.keep_sources(self._population, identity, own, question) if own else ()
                kept[root] = frozenset(map(id, left))
            return kept[root]

        return keep

    def _find_judged(self, question: Question, candidates: Sequence[str]) -> Collection[str]:
        """Return the accounts that gates are judged by: all, where they are not many more than the candidates."""
        accounts = self._population.accounts
        if len(accounts) <= MOST_PER_CANDIDATE * len(candidates):
            return accounts.keys() | set(self._links.others)
        return set[str]().union(*map(self._graph(question).find_identity, candidates))

    def _judge(self, question: Question, usernames: Collection[str]) -> "_Judge":
        """Prepare to judge accounts whose identities hold no others than these."""
        graph = self._graph(question)
        sources = [source for source in self._find_sources(question, usernames) if not source.step]
        keep = self._prepare_keep(question, sources, graph) if self._access.has_denials else None
        return _Judge.of(graph, sources, keep)

    def _answer_yes(self, username: str, ways: Sequence[Way[Source]], asked: "_Asked", *, complete: bool) -> Answer:
        paths = tuple(Path(way.links, way.end) for way in ways)
        verdict = Verdict.AFTER_STEP if ways[0].steps else Verdict.YES
        kind = self._population.accounts[username].account.kind
        gates = asked.find_gates(username, paths[0])
        return Answer(username, kind, asked.question, verdict, paths, gates, asked.unseen, "", complete)

    def _find_unread(self, username: str, question: Question, reached: Collection[str]) -> tuple[str, ...]:
        """Return which code may do it for an account, since it runs as somebody who can; by other code too."""
        found: list[str] = []
        able = {username: False}
        frontier = [reached]
        while frontier:
            for code in self._access.find_code(self._population, question, frontier.pop()):
                if code.runs_as not in able:
                    able[code.runs_as] = self._may_have_way(code.runs_as, question)
                    if not able[code.runs_as]:
                        frontier.append(self._graph(question).find_reached(code.runs_as))
                if able[code.runs_as]:
                    found.append(f"what {code.words} does")
        found = sorted(set(found))
        more = [f"and {len(found) - NAMED} more such"] if len(found) > NAMED else []
        return (*found[:NAMED], *more)

    def _may_have_way(self, username: str, question: Question) -> bool:
        """Return whether an account can, or comes to one of which that is not known."""
        reached = self._graph(question).find_reached(username)
        ways = self._walk(question, self._find_sources(question, reached)).find_ways(username)
        return bool(ways or self.find_excluded(reached))

    def _prepare(self, question: Question, usernames: Collection[str]) -> "_Asked":
        find = self._access.prepare_gates(self._population, question)
        gates = [
            _AskedGate(gate, self._judge(gate.question, usernames), self.find_unseen(gate.question), self.find_excluded)
            for gate in self._access.find_gate_questions(question)
        ]
        return _Asked(question, self.find_unseen(question), self._graph(question), gates, find)

    def _find_nearest(self, username: str, question: Question, sources: Sequence[Source]) -> str:
        identity = self._graph(question).find_identity(username)
        withheld = [source for source in sources if source.holder in identity and not source.own]
        return find_nearest(self._population, identity, question, withheld, self._find_all_sources(question))


class _Judge(NamedTuple):
    """Who can without a step: whose identity holds a source, or, where there are denials, keeps one.

    `by_all` are the holders of sources that count for who has what they have, `holders` all of them.
    """

    graph: Graph
    by_all: frozenset[str]
    holders: frozenset[str]
    keep: Keep | None
    known: dict[str, bool]

    @classmethod
    def of(cls, graph: Graph, sources: Sequence[Source], keep: Keep | None) -> "_Judge":
        """Prepare to judge by sources without a step."""
        by_all = frozenset(source.holder for source in sources if not source.own)
        return cls(graph, by_all, frozenset(source.holder for source in sources), keep, {})

    def is_able(self, username: str) -> bool:
        """Return whether an account can as it logs in."""
        known = self.known.get(username)
        if known is None:
            known = self.known[username] = self._is_able(username)
        return known

    def _is_able(self, username: str) -> bool:
        if self.keep:
            return bool(self.keep(username))
        return username in self.holders or (bool(self.by_all) and self.graph.has_any(username, self.by_all))


class _AskedGate(NamedTuple):
    """A gate that is a privilege: who has it, what was not seen of it, and how to find whom nobody reads."""

    gate: GateQuestion
    able: _Judge
    unseen: tuple[str, ...]
    find_excluded: Callable[[Iterable[str]], tuple[str, ...]]

    def judge(self, acting: Acting) -> Gate:
        """Return whether it lets somebody through."""
        name, question, by_login = self.gate
        who = acting.username if by_login else acting.actor
        if self.able.is_able(who):
            return Gate(name, GateState.OPEN)
        lacking = f"{who} lacks {question.privilege} on {question.securable}"
        unseen = dict.fromkeys((*self.unseen, *self.find_excluded(self.able.graph.find_reached(who))))
        if unseen:
            return Gate(name, GateState.UNKNOWN, f"{lacking}, as far as was seen: not {', '.join(unseen)}")
        return Gate(name, GateState.CLOSED, lacking)


class _Asked(NamedTuple):
    """A question with what is found once for all accounts."""

    question: Question
    unseen: tuple[str, ...]
    graph: Graph
    gates: Sequence[_AskedGate]
    find_others: FindGates

    def find_gates(self, username: str, path: Path) -> tuple[Gate, ...]:
        """Return the gates of an account on a path."""
        acting = Acting(username, path.actor, self.graph.find_identity)
        return (*(gate.judge(acting) for gate in self.gates), *self.find_others(acting))
