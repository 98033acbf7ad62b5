"""What an answer has beside its paths: code that nobody has read, gates, what comes closest, and whether it is all."""

from dataclasses import replace

import pytest
from hypothesis import given

from tests.core.access.drawn import QUESTION, Drawn, DrawnAccess, any_drawn
from whalefall_pipeline.core.access.decide import MOST_PER_CANDIDATE, Decider
from whalefall_pipeline.core.access.model import (
    Answer,
    Code,
    Gate,
    GateQuestion,
    GateState,
    Link,
    Question,
    Source,
    Verdict,
)
from whalefall_pipeline.core.access.walk import MAX_WAYS
from whalefall_pipeline.core.model import Kind, Securable, Seen, Unseen

TO_BOSS = Link("ana", "boss", "member of boss", "SET ROLE boss")
OF_BOSS = Source("boss", "SELECT")
AS_BOSS = Code("routine f as boss", "boss")
CONNECT = GateQuestion("connect", Question("CONNECT", Securable("database", "shop")), by_login=True)
USAGE = GateQuestion("schema", Question("USAGE", Securable("schema", "shop", "public")))


def decide(case: Drawn, username: str = "ana", *, with_code: bool = True) -> Answer:
    return case.decider().decide(username, QUESTION, with_code=with_code)


def to_case(*links: Link, names: tuple[str, ...] = ("ana", "bob", "boss"), **code: tuple[Code, ...]) -> Drawn:
    return Drawn(links, (OF_BOSS,), names=names, code=code)


def test_code_that_runs_as_who_can_makes_a_no_unknown() -> None:
    case = to_case(ana=(AS_BOSS,))
    answer = decide(case)
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, ("what routine f as boss does",))
    assert (answer.kind, answer.paths, answer.complete) == (Kind.USER, (), True)
    assert case.decider().decide("ana", QUESTION) == answer
    assert decide(case, with_code=False) == answer._replace(verdict=Verdict.NO, unseen=())
    assert decide(case, "bob").verdict is Verdict.NO


def test_code_may_run_other_code_and_what_its_owner_comes_to_counts() -> None:
    as_bob = Code("routine g as bob", "bob")
    assert decide(to_case(ana=(as_bob,), bob=(AS_BOSS,))).unseen == ("what routine f as boss does",)
    assert decide(to_case(Link("bob", "boss", "member of boss"), ana=(as_bob,))).unseen == (
        "what routine g as bob does",
    )
    assert decide(to_case(Link("bob", "role", "member"), ana=(as_bob,), role=(AS_BOSS,))).unseen == (
        "what routine f as boss does",
    )
    assert decide(to_case(ana=(as_bob,))).verdict is Verdict.NO


def test_code_that_runs_as_its_caller_or_round_in_a_circle_says_nothing() -> None:
    assert decide(to_case(ana=(Code("f as ana", "ana"),))).verdict is Verdict.NO
    circle = to_case(ana=(Code("f as bob", "bob"),), bob=(Code("g as ana", "ana"), Code("h as bob", "bob")))
    assert decide(circle).verdict is Verdict.NO


def test_code_that_runs_as_somebody_whose_access_nobody_reads_makes_a_no_unknown() -> None:
    case = to_case(
        Link("bob", "eve", "member of eve"), ana=(Code("g as bob", "bob"),), names=("ana", "bob", "eve", "boss")
    )
    assert decide(case).verdict is Verdict.NO
    assert decide(replace(case, excluded=frozenset({"eve"}))).unseen == ("what g as bob does",)


@pytest.mark.parametrize(("number", "more"), [(3, ()), (4, ("and 1 more such",)), (6, ("and 3 more such",))])
def test_three_pieces_of_code_are_named_and_the_others_counted(number: int, more: tuple[str, ...]) -> None:
    code = tuple(Code(f"f{each}", "boss") for each in reversed(range(number)))
    answer = decide(to_case(ana=(*code, *code)))
    assert answer.unseen == ("what f0 does", "what f1 does", "what f2 does", *more)


def test_a_database_that_is_excluded_is_named_once() -> None:
    scope = "database:shop"

    def find_unseen(status: Seen, *seen_by_engine: str) -> tuple[str, ...]:
        case = replace(to_case(), unseen=seen_by_engine)
        population = replace(case.population(), unseen={scope: Unseen(scope, status, "why", None)})
        return Decider(DrawnAccess(case), population).decide("ana", QUESTION).unseen

    assert find_unseen(Seen.EXCLUDED) == (scope,)
    assert find_unseen(Seen.EXCLUDED, scope) == (scope,)
    assert find_unseen(Seen.EXCLUDED, "database:hr") == ("database:hr", scope)
    assert find_unseen(Seen.DENIED) == ()


def test_what_a_denial_takes_is_closest_and_else_who_has_it() -> None:
    case = Drawn(
        (Link("ana", "role", "member of role"), TO_BOSS, Link("ana", "owner", "member of owner")),
        (
            Source("role", "SELECT by role"),
            Source("owner", "what only the owner has", own=True),
            OF_BOSS,
            Source("zoe", "SELECT"),
        ),
        denied=frozenset({"ana", "boss"}),
        names=("ana", "boss", "zoe"),
    )
    assert decide(case).nearest == "SELECT by role, which a denial takes away"
    without = replace(case, sources=case.sources[1:])
    assert decide(without).nearest == "boss, owner, zoe have it"
    assert decide(Drawn((), (), names=("ana",))).nearest == "nobody has it"


def test_what_only_its_holder_has_no_member_has_where_there_are_denials_too() -> None:
    case = Drawn(
        (Link("ana", "boss", "member of boss"),),
        (OF_BOSS._replace(own=True),),
        denied=frozenset({"somebody"}),
        names=("ana", "boss"),
    )
    assert case.decider().find_able(QUESTION) == {"boss"}
    assert replace(case, denied=frozenset({"boss"})).decider().find_able(QUESTION) == set()
    assert replace(case, sources=(OF_BOSS,)).decider().find_able(QUESTION) == {"ana", "boss"}


@given(any_drawn())
def test_the_first_path_alone_is_the_first_of_all(case: Drawn) -> None:
    case = replace(
        case, gates=(CONNECT, USAGE), gate_sources=tuple(source._replace(step="") for source in case.sources[1:])
    )
    every = case.decider().find_who_can(QUESTION)
    first = case.decider().find_who_can(QUESTION, first_only=True)
    assert first == [answer._replace(paths=answer.paths[:1], complete=False) for answer in every]
    assert all(answer.complete for answer in every)


@pytest.mark.parametrize(("number", "is_complete"), [(MAX_WAYS - 1, True), (MAX_WAYS, False)])
def test_as_many_paths_as_are_listed_may_not_be_all_unless_every_path_was_asked_for(
    number: int, is_complete: bool
) -> None:
    assert MAX_WAYS == 100
    sources = tuple(Source("ana", f"source {each}") for each in range(number))
    decider = Drawn((), sources, names=("ana",)).decider()
    (listed,) = decider.find_who_can(QUESTION)
    assert listed == decider.decide("ana", QUESTION)
    assert (len(listed.paths), listed.complete) == (number, is_complete)
    assert decider.decide("ana", QUESTION, every_path=True).complete
    more = Drawn((), (*sources, *(Source("ana", f"further {each}") for each in range(2))), names=("ana",)).decider()
    answer = more.decide("ana", QUESTION, every_path=True)
    assert (len(answer.paths), answer.complete) == (100, number + 2 <= MAX_WAYS)


def find_gates(
    *sources: Source,
    username: str = "ana",
    others: int = 0,
    unseen: tuple[str, ...] = (),
    excluded: frozenset[str] = frozenset(),
    locked: frozenset[str] = frozenset(),
) -> list[Gate]:
    """Return the gates of an account beside others; ana may act as boss, who has the role that can."""
    case = Drawn(
        (TO_BOSS, Link("boss", "role", "member of role"), Link("role", "inner", "member of inner")),
        (Source("role", "SELECT"),),
        names=("ana", "boss", "role", *(f"user {number}" for number in range(others))),
        gates=(CONNECT, USAGE),
        gate_sources=sources,
        unseen=unseen,
        excluded=excluded,
        locked=locked,
    )
    (answer,) = (answer for answer in case.decider().find_who_can(QUESTION) if answer.username == username)
    assert case.decider().decide(username, QUESTION).gates == answer.gates
    return list(answer.gates)


OPEN = [Gate("connect", GateState.OPEN), Gate("schema", GateState.OPEN)]
MANY = 3 * MOST_PER_CANDIDATE + 1
NO_CONNECT = "ana lacks CONNECT on database shop"
NO_USAGE = "boss lacks USAGE on schema shop.public"


@pytest.mark.parametrize("others", [0, MANY])
def test_a_gate_is_passed_by_who_logs_in_or_by_whom_it_acts_as(others: int) -> None:
    ana, boss, inner = Source("ana", "all"), Source("boss", "all"), Source("inner", "all")
    connect, usage = OPEN
    closed = [Gate("connect", GateState.CLOSED, NO_CONNECT), Gate("schema", GateState.CLOSED, NO_USAGE)]
    assert find_gates(ana, boss, others=others) == OPEN
    assert find_gates(ana, inner, others=others) == OPEN
    assert find_gates(ana, others=others) == [connect, closed[1]]
    assert find_gates(boss, others=others) == [closed[0], usage]
    assert find_gates(boss._replace(step="a step"), others=others) == closed
    assert find_gates(inner._replace(own=True), others=others) == closed
    assert find_gates(inner, username="boss", others=others) == OPEN
    assert find_gates(inner, username="role", others=others) == OPEN


@pytest.mark.parametrize("others", [0, MANY])
def test_a_gate_that_was_not_seen_is_unknown(others: int) -> None:
    unseen = [gate.reason for gate in find_gates(others=others, unseen=("database:shop",))]
    assert unseen == [f"{reason}, as far as was seen: not database:shop" for reason in (NO_CONNECT, NO_USAGE)]
    gates = find_gates(others=others, excluded=frozenset({"role", "user 1"}))
    assert [gate.state for gate in gates] == [GateState.UNKNOWN, GateState.UNKNOWN]
    assert gates[1].reason == f"{NO_USAGE}, as far as was seen: not account:role"
    (connect, usage) = find_gates(Source("ana", "all"), others=others, unseen=("server",))
    assert (connect.state, usage.state) == (GateState.OPEN, GateState.UNKNOWN)


def test_other_gates_come_last() -> None:
    sources = Source("ana", "all"), Source("boss", "all")
    assert find_gates(*sources, locked=frozenset({"ana"})) == [*OPEN, Gate("login", GateState.CLOSED, "locked")]
    assert find_gates(*sources, locked=frozenset({"boss"})) == OPEN
