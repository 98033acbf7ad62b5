"""What names and words mean: which objects a path may name, what is loaded for a question, and how answers read."""

from whalefall_pipeline.adapters.postgresql.access import ACCESS, DATABASE_OWNERS, PRIVILEGES
from whalefall_pipeline.adapters.postgresql.access_links import to_grant_sql
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Population, Question, Sought, Verdict, Wanted
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Held, Kind, Securable

ORDERS = Securable("table", "shop", "sales", "orders")
KNOWN = (
    ORDERS,
    Securable("table", "shop", "public", "orders"),
    Securable("sequence", "shop", "sales", "orders"),
    Securable("column", "shop", "sales", "orders", "id"),
    Securable("routine", "shop", "sales", "total(integer)"),
    Securable("routine", "shop", "sales", "total(text)"),
    Securable("database", "shop"),
    Securable("schema", "shop", "sales"),
    Securable("policy", "shop", "sales", "orders", "orders"),
    Securable("large_object", "shop", object="123"),
)


def find(kind: str | None, *path: str) -> list[str]:
    return [str(found) for found in ACCESS.find_targets(kind, path, KNOWN)]


def test_a_path_names_what_ends_so() -> None:
    assert find(None, "orders") == [
        "sequence shop.sales.orders",
        "table shop.public.orders",
        "table shop.sales.orders",
    ]
    assert find("table", "sales", "orders") == ["table shop.sales.orders"]
    assert find(None, "shop", "sales", "orders") == ["sequence shop.sales.orders", "table shop.sales.orders"]
    assert find(None, "hr", "sales", "orders") == find(None, "x", "shop", "sales", "orders") == []
    assert find(None, "sales") == ["schema shop.sales"]
    assert find(None, "shop") == ["database shop"]
    assert find(None, "123") == ["large_object shop.123"]


def test_a_routine_needs_no_arguments() -> None:
    assert find(None, "sales", "total") == ["routine shop.sales.total(integer)", "routine shop.sales.total(text)"]
    assert find("routine", "total(text)") == ["routine shop.sales.total(text)"]


def test_a_column_is_one_of_a_known_table() -> None:
    assert find("column", "sales", "orders", "note") == ["column shop.sales.orders.note"]
    assert find("column", "note") == []


def test_a_role_is_what_its_name_says() -> None:
    assert find("role", "readers") == ["role readers"]


def test_each_scope_has_privileges_of_its_own() -> None:
    assert all(ACCESS.list_privileges(Securable(scope)) for scope in PRIVILEGES)
    assert ACCESS.list_privileges(Securable("policy")) == ()


def test_maintain_came_with_17() -> None:
    chief = AccountState.of(Account("chief", Kind.USER, {"rolsuper": True}), [])
    for version, has_it in (("14.9", False), ("16.4", False), ("17.0", True), ("", True)):
        population = Population({"chief": chief}, version=f"PostgreSQL {version}")
        assert bool(list(ACCESS.find_sources(population, Question("MAINTAIN", ORDERS), {"chief"}))) is has_it
        assert ("MAINTAIN" in ACCESS.list_privileges(ORDERS, population.version)) is has_it


def test_what_is_loaded_for_a_table() -> None:
    assert set(ACCESS.find_wanted(Question("SELECT", ORDERS))) == {
        DATABASE_OWNERS,
        Wanted("table", "shop", "sales", "orders", ""),
        Wanted("column", "shop", "sales", "orders"),
        Wanted("schema", "shop", "sales", "", ""),
        Wanted("database", "shop", "", "", ""),
        Wanted("policy", "shop", "sales", "orders"),
    }


def test_where_paths_to_a_column_end() -> None:
    seeds = ACCESS.find_seeds(Question("SELECT", ORDERS._replace(scope="column", column="id")))
    assert seeds
    assert set(seeds.grants) == {
        *(
            Sought(each, scope, "shop", "sales", "orders")
            for each in ("SELECT", "OWNER")
            for scope in ("table", "column")
        ),
        Sought("OWNER", "database", "shop"),
    }
    assert seeds.usernames == ("pg_read_all_data", "pg_database_owner")
    assert ACCESS.find_seeds(Question("CREATE", Securable("database", "shop"))) is None


def test_a_step_is_written_as_a_person_would() -> None:
    assert to_grant_sql("dba") == "GRANT dba TO CURRENT_USER; SET ROLE dba"
    assert to_grant_sql('D"BA') == 'GRANT "D""BA" TO CURRENT_USER; SET ROLE "D""BA"'


def test_createrole_opens_a_role_that_holds_nothing_before_16() -> None:
    plain = {"rolcanlogin": True, "rolsuper": False, "rolcreaterole": False}
    states = {
        name: AccountState(Account(name, Kind.USER, {**plain, "rolcreaterole": name == "hr"}))
        for name in ("hr", "idle")
    }
    question = Question(MEMBER, Securable("role", object="idle"))
    before = Decider(ACCESS, Population(states, version="PostgreSQL 15.3")).decide("hr", question)
    assert (before.verdict, before.paths[0].steps) == (
        Verdict.AFTER_STEP,
        ("GRANT idle TO CURRENT_USER; SET ROLE idle",),
    )
    since = Decider(ACCESS, Population(states, version="PostgreSQL 16.0")).decide("hr", question)
    assert since.verdict is Verdict.NO


def test_an_answer_reads_as_a_sentence() -> None:
    attributes = {"rolcanlogin": True, "rolsuper": False, "rolcreaterole": False}
    member = {Held(each, Securable("role", object="readers")) for each in (MEMBER, "SET")}
    states = (
        AccountState(Account("ana", Kind.USER, attributes), frozenset(member)),
        AccountState(Account("readers", Kind.ROLE, attributes), frozenset({Held("SELECT", ORDERS)})),
    )
    answer = Decider(ACCESS, Population({state.account.username: state for state in states})).decide(
        "ana", Question("SELECT", ORDERS)
    )
    assert str(answer.paths[0]) == "member of readers, SELECT on table shop.sales.orders"
    assert answer.paths[0].steps == ("SET ROLE readers",)
