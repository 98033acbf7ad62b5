"""All that an account can do is listed: each answer of its own, or that of its likes where only wider grants bear."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.core.access.drawn import QUESTION, Drawn, DrawnAccess
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.everything import (
    ANY,
    find_everything,
    find_missing,
    find_superuser,
    to_like,
)
from whalefall_pipeline.core.access.model import Danger, Link, Population, Question, Source, Verdict
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Held, Kind, Securable

USERS, ROLES = ("ana", "bob", "root"), ("r0", "r1", "pg_read_all_data", "pg_write_all_data")
TABLES = [Securable("table", "shop", schema, name) for schema in ("app", "hr") for name in ("t0", "t1")]
KNOWN = [
    *TABLES,
    *(Securable("schema", "shop", schema) for schema in ("app", "hr")),
    Securable("database", "shop"),
    Securable("routine", "shop", "app", "f()"),
]
FLAGS = {"rolsuper": False, "rolcreaterole": False, "rolinherit": True, "rolcanlogin": True}


@st.composite
def populations(draw: st.DrawFn) -> Population:
    """Draw users and roles of PostgreSQL; members are of later roles only, and everybody may hold something too."""
    names = (*USERS, *ROLES, "PUBLIC")
    held: dict[str, set[Held]] = {name: set() for name in names}
    pairs = [(member, role) for number, member in enumerate((*USERS, *ROLES)) for role in ROLES[max(0, number - 2) :]]
    for member, role in draw(st.sets(st.sampled_from([pair for pair in pairs if pair[0] != pair[1]]), max_size=6)):
        options = draw(st.sampled_from([("MEMBER", "INHERIT", "SET"), ("MEMBER", "SET"), ("MEMBER",)]))
        held[member] |= {Held(option, Securable("role", object=role)) for option in options}
    for name, securable in draw(st.sets(st.tuples(st.sampled_from(names), st.sampled_from(KNOWN)), max_size=6)):
        choices = ACCESS.list_privileges(securable)
        held[name].add(Held(draw(st.sampled_from(list(choices))), securable))
    kinds = {"PUBLIC": Kind.PUBLIC, **dict.fromkeys(ROLES[2:], Kind.PREDEFINED), **dict.fromkeys(ROLES[:2], Kind.ROLE)}
    is_super, creates = draw(st.booleans()), draw(st.booleans())
    special = {"root": {**FLAGS, "rolsuper": is_super, "rolcreaterole": creates}, "PUBLIC": {}}
    accounts = {
        name: AccountState(Account(name, kinds.get(name, Kind.USER), special.get(name, FLAGS)), frozenset(held[name]))
        for name in names
    }
    return Population(accounts, version=draw(st.sampled_from(["PostgreSQL 15.4", "PostgreSQL 18.1"])))


@given(populations(), st.sampled_from(USERS))
def test_what_is_listed_is_what_can_be_done(population: Population, username: str) -> None:
    listed = {answer.question: answer.verdict for answer in find_everything(ACCESS, population, username, KNOWN)}
    decider = Decider(ACCESS, population)
    for securable in KNOWN:
        for privilege in ACCESS.list_privileges(securable):
            answer = decider.decide(username, Question(privilege, securable))
            told = listed.get(Question(privilege, securable))
            if not any(question.securable == securable for question in listed):
                told = told or listed.get(Question(privilege, to_like(securable)))
            assert (told is not None) == bool(answer.paths), (securable, privilege)
            assert told in (None, answer.verdict)


@given(populations(), st.sampled_from(USERS))
def test_a_closure_is_enough(population: Population, username: str) -> None:
    """An account with its roles and everybody's, and what their links lead to, answers as the whole population."""
    accounts = population.accounts
    part = {username, "PUBLIC"}
    while True:
        closure = replace(population, accounts={name: accounts[name] for name in sorted(part)})
        missing = find_missing(ACCESS, closure)
        if missing is None:
            closure = population
            break
        if not missing & accounts.keys() - part:
            break
        part |= missing & accounts.keys()
    found, whole = (
        [(answer.question, answer.verdict) for answer in find_everything(ACCESS, each, username, KNOWN)]
        for each in (closure, population)
    )
    assert found == whole


@given(populations())
def test_a_superuser_is_one_as_it_logs_in(population: Population) -> None:
    for username in USERS:
        is_super = bool(population.accounts[username].account.attributes["rolsuper"])
        assert (find_superuser(ACCESS, population, username) is not None) == is_super


def test_the_last_name_of_a_like_is_any() -> None:
    assert to_like(TABLES[0]) == Securable("table", "shop", "app", ANY)
    assert to_like(Securable("database", "shop")) == Securable("database", ANY)
    assert to_like(Securable("column", "shop", "app", "t0", "c")) == Securable("column", "shop", "app", "t0", ANY)
    assert to_like(Securable("server")) == Securable("server")


def to_population(**held: set[Held]) -> Population:
    accounts = {name: AccountState(Account(name, Kind.USER, FLAGS), frozenset(items)) for name, items in held.items()}
    return Population(accounts, version="PostgreSQL 18.1")


def member_of(role: str) -> set[Held]:
    return {Held(option, Securable("role", object=role)) for option in (MEMBER, "INHERIT", "SET")}


def test_accounts_that_links_lead_to_and_that_are_not_there_are_missing_unless_they_may_be_any() -> None:
    population = to_population(ana=member_of("r0") | member_of("bob"), bob=set())
    assert find_missing(ACCESS, population) == {"r0"}
    creator = AccountState(Account("root", Kind.USER, {**FLAGS, "rolsuper": True}))
    assert find_missing(ACCESS, replace(population, accounts={**population.accounts, "root": creator})) is None


def test_what_an_account_comes_to_by_a_step_or_of_somebody_else_makes_it_no_superuser() -> None:
    boss = Danger("boss", "", 0, "superuser", "")
    link = Link("ana", "boss", "member of boss")

    def find(danger: Danger, link: Link = link) -> tuple[object, ...] | None:
        case = Drawn((link,), (), dangers=(danger,), names=("ana", "boss"))
        answer = find_superuser(DrawnAccess(case), case.population(), "ana")
        return answer and (answer.verdict, answer.question.privilege, str(answer.paths[0]), answer.kind)

    assert find(boss) == (Verdict.YES, "SUPERUSER", "member of boss, superuser", Kind.USER)
    assert find(boss, link._replace(step="SET ROLE boss")) is None
    assert find(boss._replace(step="write a file")) is None
    assert find(boss._replace(becomes="eve")) is None
    assert find(boss._replace(becomes="eve", step="set its password")) is None


def list_questions(population: Population, *known: Securable) -> list[Question]:
    return [answer.question for answer in find_everything(ACCESS, population, "ana", known)]


def test_what_only_others_hold_on_a_securable_does_not_have_it_asked_about_alone() -> None:
    table, other = TABLES[:2]
    reader = to_population(ana=member_of("pg_read_all_data"), bob={Held("INSERT", table)}, pg_read_all_data=set())
    likes = [("SELECT", to_like(table))]
    assert [asked for asked in list_questions(reader, table, other) if asked.securable.scope == "table"] == likes


def test_what_an_account_holds_on_a_securable_has_it_asked_about_alone_and_not_with_its_likes() -> None:
    table = TABLES[0]
    population = to_population(ana=member_of("pg_read_all_data") | {Held("INSERT", table)}, pg_read_all_data=set())
    asked = [each for each in list_questions(population, table) if each.securable.scope == "table"]
    assert sorted(asked) == [("INSERT", table), ("SELECT", table)]


def test_memberships_are_no_securables_to_ask_about() -> None:
    case = Drawn((), (Source("ana", "all"),), names=("ana",), gate_sources=(Source("ana", "all"),))
    held = frozenset({*member_of("readers"), Held(QUESTION.privilege, QUESTION.securable)})
    population = Population({"ana": AccountState(Account("ana", Kind.USER), held)})
    found = find_everything(DrawnAccess(case), population, "ana", [])
    assert [answer.question.securable for answer in found] == [Securable("server"), QUESTION.securable]
