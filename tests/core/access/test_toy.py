"""The toy engine's access, as an example that is read in one go."""

from tests.engines.toy_adapter.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Population, Question, Verdict
from whalefall_pipeline.core.model import Account, AccountState, Held, Kind, Securable

READ = Question("READ", Securable("table", object="orders"))


def account(name: str, *held: Held) -> AccountState:
    return AccountState(Account(name, Kind.USER, {"locked": False}), frozenset(held))


def member_of(role: str) -> Held:
    return Held("MEMBER", Securable("role", object=role))


def population(*states: AccountState) -> Population:
    return Population({state.account.username: state for state in states})


SHOP = population(
    account("ana", member_of("analysts")),
    account("analysts", member_of("readers")),
    account("readers", Held(*READ)),
    account("boss", Held("ALL", Securable("server"))),
    account("writer", Held("WRITE", READ.securable)),
    account("deputy", member_of("boss")),
)


def test_who_can_read() -> None:
    answers = Decider(ACCESS, SHOP).find_who_can(READ)
    assert {answer.username: str(answer.paths[0]) for answer in answers} == {
        "ana": "member of analysts, member of readers, READ on table orders",
        "analysts": "member of readers, READ on table orders",
        "readers": "READ on table orders",
        "boss": "ALL on server",
        "deputy": "member of boss, ALL on server",
    }


def test_a_no_says_what_is_missing() -> None:
    answer = Decider(ACCESS, SHOP).decide("writer", READ)
    assert (answer.verdict, answer.nearest) == (Verdict.NO, "has WRITE on it; boss, readers have it")


def test_who_has_a_superusers_role_is_one() -> None:
    assert find_escalations(ACCESS, SHOP).superusers == ("boss", "deputy")
