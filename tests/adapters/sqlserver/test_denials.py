"""What is denied to the collector itself hides rows from it: that part is not observed, and nothing in it is gone."""

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.denials import HIDDEN
from whalefall_pipeline.adapters.sqlserver.names import quote_name
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Seen

IN_DATABASE = f"USE {quote_name(DATABASE)}"
USER = "CREATE USER [the collector] FOR LOGIN [wf_collector]"
SCOPE = f"database:{DATABASE}"


@pytest.fixture
def deny(engine: SqlserverEngine) -> SqlserverEngine:
    engine.standin.tables.add_object(DATABASE, "secret")
    return engine


@pytest.mark.parametrize(
    "statements",
    [
        (USER, "DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [the collector]"),
        (USER, "DENY VIEW DEFINITION ON OBJECT::[dbo].[secret] TO [the collector]"),
        (USER, "DENY CONTROL ON OBJECT::[dbo].[secret] TO [the collector]"),
        (USER, "DENY VIEW SECURITY DEFINITION TO [the collector]"),
        (USER, "CREATE ROLE [hidden]", "DENY VIEW DEFINITION ON ROLE::[hidden] TO [the collector]"),
        (
            USER,
            "CREATE ROLE [outer]",
            "CREATE ROLE [inner]",
            "ALTER ROLE [outer] ADD MEMBER [inner]",
            "ALTER ROLE [inner] ADD MEMBER [the collector]",
            "DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [outer]",
        ),
        ("DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [public]",),
        ("DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [guest]",),
    ],
    ids=["schema", "object", "control", "security", "role", "through roles", "public", "guest"],
)
def test_a_database_is_not_observed_where_something_is_denied_to_the_collector(
    deny: SqlserverEngine, readings: Readings, statements: tuple[str, ...]
) -> None:
    deny.standin.execute(IN_DATABASE, *statements)
    _, reading = readings.read()
    assert reading.coverage[SCOPE] == HIDDEN
    assert {seen.status for scope, seen in reading.coverage.items() if scope != SCOPE} == {Seen.OBSERVED}
    assert not any(grant.securable.database == DATABASE for grant in reading.grants)
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        assert [part.scope for part in session.check() if not part.readable] == [SCOPE]
        assert session.may_hide(f"{quote_name(DATABASE)}.[somebody]")


@pytest.mark.parametrize(
    "statements",
    [
        (USER, "DENY SELECT ON SCHEMA::[dbo] TO [the collector]"),
        (USER, "DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [guest]"),
        (USER, "CREATE ROLE [other]", "DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [other]"),
        (USER, "CREATE ROLE [r]", "ALTER ROLE [db_datareader] ADD MEMBER [r]", "DENY CONTROL ON SCHEMA::[dbo] TO [r]"),
        (USER, "GRANT VIEW DEFINITION ON SCHEMA::[dbo] TO [the collector]"),
    ],
    ids=["of data", "to guest, who it is not", "to a role that it is not in", "to others in a role", "no denial"],
)
def test_what_is_denied_to_others_hides_nothing(
    deny: SqlserverEngine, readings: Readings, statements: tuple[str, ...]
) -> None:
    deny.standin.execute(IN_DATABASE, *statements)
    assert {seen.status for seen in readings.read()[1].coverage.values()} == {Seen.OBSERVED}


def test_a_login_that_is_hidden_fails_the_list(engine: SqlserverEngine, readings: Readings) -> None:
    engine.standin.execute("CREATE LOGIN [x] WITH PASSWORD = 'a'", "DENY VIEW DEFINITION ON LOGIN::[x] TO [public]")
    with pytest.raises(SyncDataError, match="REVOKE the denial"):
        readings.read()


def test_an_endpoint_that_is_hidden_leaves_the_accounts_and_takes_the_server_s_grants(
    engine: SqlserverEngine, readings: Readings
) -> None:
    engine.standin.execute("DENY CONTROL ON ENDPOINT::[TSQL Default TCP] TO [wf_collector]")
    accounts, reading = readings.read()
    assert any(account.username == "sa" for account in accounts)
    assert reading.coverage["server"] == HIDDEN


def test_nothing_is_denied_to_sysadmin(deny: SqlserverEngine, readings: Readings) -> None:
    deny.standin.execute(IN_DATABASE, "DENY VIEW DEFINITION ON SCHEMA::[dbo] TO [public]")
    deny.standin.tables.insert("login_token", [(3, b"\x03")])
    assert {seen.status for seen in readings.read()[1].coverage.values()} == {Seen.OBSERVED}


def test_two_readings_of_the_same_have_one_digest_and_of_another_thing_another(
    engine: SqlserverEngine, readings: Readings
) -> None:
    first, again = readings.read()[1], readings.read()[1]
    assert first.rows
    assert first.rows == again.rows
    engine.create_accounts(["somebody"])
    assert readings.read()[1].rows not in (b"", first.rows)
