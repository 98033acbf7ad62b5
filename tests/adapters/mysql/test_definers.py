"""Who views, routines, triggers and events run as: all of it, or said to be not observed."""

import pytest

from tests.adapters.mysql.servers import grants_of, read
from tests.engines.mysql import DEFINER_RIGHTS, MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.flavour import CATALOGS
from whalefall_pipeline.core.model import AccountState, Grant, Login, Securable, Seen

OBJECTS = (
    "CREATE DEFINER = ann@'%' VIEW wf_app.v AS SELECT 1 AS one",
    "CREATE DEFINER = ann@'%' SQL SECURITY INVOKER VIEW wf_app.w AS SELECT 1 AS one",
    "CREATE DEFINER = ann@'%' PROCEDURE wf_app.two() SELECT 1",
    "CREATE DEFINER = ann@'%' FUNCTION wf_app.two() RETURNS INT DETERMINISTIC RETURN 1",
    "CREATE DEFINER = ann@'%' PROCEDURE wf_app.invoked() SQL SECURITY INVOKER SELECT 1",
    "CREATE DEFINER = bob@localhost TRIGGER wf_app.tr BEFORE INSERT ON wf_app.orders FOR EACH ROW SET NEW.total = 1",
    "CREATE DEFINER = bob@localhost EVENT wf_app.ev ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
    "CREATE DEFINER = ann@'%' VIEW `App_Mixed`.`odd ``view`` ж` AS SELECT 1 AS one",
)
EXPECTED = {
    Grant("ann@%", "DEFINER", Securable("view", "wf_app", "", "v")),
    Grant("ann@%", "DEFINER", Securable("routine", "wf_app", "procedure", "two")),
    Grant("ann@%", "DEFINER", Securable("routine", "wf_app", "function", "two")),
    Grant("ann@%", "DEFINER", Securable("view", "App_Mixed", "", "odd `view` ж")),
    Grant("bob@localhost", "DEFINER", Securable("trigger", "wf_app", "", "tr")),
    Grant("bob@localhost", "DEFINER", Securable("event", "wf_app", "", "ev")),
}


@pytest.fixture
def defined(server: MysqlServer) -> MysqlServer:
    server.execute("CREATE USER ann@'%', bob@localhost", *OBJECTS)
    return server


def test_a_collector_with_the_rights_sees_every_definer(defined: MysqlServer) -> None:
    _, reading = read(defined)
    assert reading.coverage["definers"].status is Seen.OBSERVED
    assert {grant for name in ("ann@%", "bob@localhost") for grant in grants_of(reading, name)} == EXPECTED


def test_the_rights_may_come_by_roles_in_roles(defined: MysqlServer) -> None:
    is_mysql = defined.flavour == "mysql"
    defined.execute(
        "CREATE USER seer@localhost IDENTIFIED BY 'x'",
        "GRANT SELECT ON mysql.* TO seer@localhost",
        "CREATE ROLE inner_seers, seers",
        "GRANT inner_seers TO seers",
        "GRANT seers TO seer@localhost",
        f"GRANT {DEFINER_RIGHTS[defined.flavour]} ON *.* TO inner_seers",
        *([] if is_mysql else ["SET DEFAULT ROLE seers FOR seer@localhost"]),
    )
    _, reading = read(defined, Login("seer", "x"))
    assert reading.coverage["definers"].status is Seen.OBSERVED
    assert len(grants_of(reading, "ann@%")) == 4


def test_what_is_missing_is_said_and_nothing_else_suffers(defined: MysqlServer) -> None:
    defined.execute("CREATE USER plain@localhost IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO plain@localhost")
    _, reading = read(defined, Login("plain", "x"))
    assert reading.coverage["definers"].status is Seen.DENIED
    assert reading.coverage["definers"].reason.startswith("no SHOW VIEW, TRIGGER")
    assert not grants_of(reading, "ann@%")
    assert {scope for scope, seen in reading.coverage.items() if seen.status is not Seen.OBSERVED} == {"definers"}


def test_partial_revokes_of_the_collector_hide_definers(defined: MysqlServer) -> None:
    if defined.flavour != "mysql":
        pytest.skip("of MySQL only")
    defined.execute(
        "CREATE USER seer@localhost IDENTIFIED BY 'x'",
        f"GRANT SELECT, {DEFINER_RIGHTS['mysql']} ON *.* TO seer@localhost",
        "REVOKE SHOW VIEW ON wf_app.* FROM seer@localhost",
    )
    _, reading = read(defined, Login("seer", "x"))
    assert reading.coverage["definers"].status is Seen.DENIED
    assert "partial revokes" in reading.coverage["definers"].reason


def test_what_takes_too_long_is_not_observed(defined: MysqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "SELECT 'view', '', user, host, sleep(20) FROM mysql.db UNION ALL SELECT 'view', '', 'a', 'b', sleep(20)"
    monkeypatch.setitem(CATALOGS[defined.flavour], "definers", slow)
    with defined.adapter.open(defined.instance, defined.login, Limits(statement_seconds=0.5), Deadline(60)) as session:
        reading = session.read_grants()
    assert reading.coverage["definers"].status is Seen.TIMED_OUT


def test_a_script_says_that_definers_are_left_out(defined: MysqlServer) -> None:
    accounts, _ = read(defined)
    state = AccountState.of(accounts["ann@%"], [grant for grant in EXPECTED if grant.grantee == "ann@%"])
    gaps = defined.adapter.find_gaps(AccountState(state.account), state)
    (line,) = [line for line in gaps if "definer" in line]
    assert "view App_Mixed" in line
    assert "and 1 more" in line
    assert any("definer" in line for line in defined.adapter.build_script({"ann@%": state}))
