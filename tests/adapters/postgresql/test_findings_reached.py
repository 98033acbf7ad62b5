"""What a rule is about holds too where an account comes to it by SET ROLE, or by what every account is set to."""

from collections.abc import Generator
from unittest.mock import patch

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.core.findings.worlds import find, to_world
from tests.engines.judging import judge
from tests.engines.postgresql import DATABASE, PostgresqlEngine, start
from tests.engines.postgresql_cases import OWNED
from whalefall_pipeline.adapters.postgresql import findings_accounts
from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.core.findings.model import Outcome
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Held, Kind, Securable
from whalefall_pipeline.core.roles import reach_roles

PASSWORD = "never-a-secret"
PEOPLE = (
    f"CREATE ROLE ana LOGIN PASSWORD '{PASSWORD}';",
    "CREATE ROLE ben LOGIN;",
    "CREATE ROLE inner_role; CREATE ROLE outer_role; GRANT inner_role TO outer_role; GRANT outer_role TO ana;",
)


@pytest.fixture(params=[14, 18])
def engine(request: pytest.FixtureRequest) -> Generator[PostgresqlEngine]:
    with start(request.param) as engine:
        engine.reset()
        engine.prepare()
        engine.execute(*PEOPLE)
        yield engine


def run_as_ana(engine: PostgresqlEngine, *statements: str) -> object:
    """Log in as who has only the roles, and return what the last statement gives, if anything."""
    conninfo = make_conninfo(engine.running.conninfo(DATABASE), user="ana", password=PASSWORD)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement.encode())
        cursor = connection.execute(statements[-1].encode())
        return cursor.fetchall()[0][0] if cursor.description else None


def test_who_sets_a_role_with_bypassrls_reads_what_policies_keep(engine: PostgresqlEngine) -> None:
    engine.execute(
        "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1); GRANT SELECT ON kept TO PUBLIC;",
        "ALTER TABLE kept ENABLE ROW LEVEL SECURITY; ALTER ROLE inner_role BYPASSRLS;",
    )
    assert run_as_ana(engine, "SELECT count(*) FROM kept") == 0
    assert run_as_ana(engine, "SET ROLE inner_role", "SELECT count(*) FROM kept") == 1
    assert judge(engine).list_found("PG-01") == [("ana", "")]


def test_who_sets_a_role_with_createdb_makes_databases(engine: PostgresqlEngine) -> None:
    engine.execute("ALTER ROLE inner_role CREATEDB;")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_as_ana(engine, "CREATE DATABASE wf_made")
    run_as_ana(engine, "SET ROLE inner_role", "CREATE DATABASE wf_made")
    assert judge(engine).list_found("PG-03") == [("ana", "")]


def test_who_may_not_set_the_role_does_neither(engine: PostgresqlEngine) -> None:
    if engine.version < 16:
        pytest.skip("before 16 who is a member may set the role")
    engine.execute("GRANT inner_role TO outer_role WITH SET FALSE; ALTER ROLE inner_role CREATEDB BYPASSRLS;")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_as_ana(engine, "SET ROLE inner_role")
    judged = judge(engine)
    assert [judged.outcome(rule) for rule in ("PG-01", "PG-03")] == [Outcome.CLEAR, Outcome.CLEAR]


def to_login(name: str, role: str, option: str, **attributes: str) -> AccountState:
    of_role = Securable("role", object=role)
    known = {"rolsuper": "", "rolcreaterole": "", "rolcanlogin": "yes", **attributes}
    held = frozenset({Held(MEMBER, of_role), Held(option, of_role)})
    return AccountState(Account(name, Kind.USER, known), held)


def test_the_way_is_sought_once_for_logins_with_the_same_memberships() -> None:
    logins = [to_login(f"set_{number}", "outer_role", "SET") for number in range(5)]
    logins += [to_login(f"inherit_{number}", "outer_role", "INHERIT") for number in range(5)]
    logins += [to_login("direct", "inner_role", "SET"), to_login("own", "outer_role", "SET", rolcreatedb="yes")]
    roles = [
        to_login("outer_role", "inner_role", "SET", rolcanlogin=""),
        to_login("inner_role", "nothing", "SET", rolcanlogin="", rolcreatedb="yes"),
    ]
    (rule,) = (rule.find for rule in findings_accounts.RULES if rule.id == "PG-03")
    world = to_world(*logins, *roles, rules=RULES)
    with patch.object(findings_accounts, "reach_roles", wraps=reach_roles) as reach:
        found = {username: message.partition(": ")[2] for username, _, message in find(rule, world)}
    assert reach.call_count == 3, "one for each kind of those that have it by no attribute of their own"
    way = "has CREATEDB through role"
    assert found == {
        **{f"set_{number}": f"{way} outer_role > inner_role" for number in range(5)},
        "direct": f"{way} inner_role",
        "own": "has CREATEDB",
    }


@pytest.mark.parametrize("where", ["ROLE ALL", f"DATABASE {DATABASE}", f"ROLE ALL IN DATABASE {DATABASE}"])
def test_every_account_may_be_set_to_skip_triggers(engine: PostgresqlEngine, where: str) -> None:
    assert judge(engine).outcome("PG-24") is Outcome.CLEAR
    engine.execute(f"ALTER {where} SET session_replication_role TO replica;")
    try:
        assert run_as_ana(engine, "SHOW session_replication_role") == "replica"
        assert judge(engine).list_found("PG-24") == [("", "session_replication_role")]
    finally:
        engine.execute(f"ALTER {where} RESET session_replication_role;")


@pytest.mark.parametrize("kind", ["SEQUENCES", "SCHEMAS"])
def test_usage_on_what_is_to_come_is_no_default_of_everybody(engine: PostgresqlEngine, kind: str) -> None:
    engine.execute(
        "ALTER DEFAULT PRIVILEGES FOR ROLE wf_role GRANT EXECUTE ON ROUTINES TO PUBLIC;",
        "ALTER DEFAULT PRIVILEGES FOR ROLE wf_role IN SCHEMA app GRANT USAGE ON TYPES TO PUBLIC;",
    )
    assert judge(engine).outcome("PG-15") is Outcome.CLEAR
    engine.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE wf_role GRANT USAGE ON {kind} TO PUBLIC;")
    assert judge(engine).list_found("PG-15") == [("public", DATABASE)]


def test_whatever_a_login_owns_keeps_it_from_being_dropped(engine: PostgresqlEngine) -> None:
    assert judge(engine).outcome("PG-16") is Outcome.CLEAR
    for target, securable in OWNED:
        engine.execute(f"ALTER {target} OWNER TO ben;")
        with pytest.raises(AssertionError, match="cannot be dropped because some objects depend on it"):
            engine.execute("DROP ROLE ben;")
        assert judge(engine).list_found("PG-16") == [("ben", securable.database)], target
        engine.execute(f"ALTER {target} OWNER TO postgres;")
