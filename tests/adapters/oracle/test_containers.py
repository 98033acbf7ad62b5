"""The root of a container database: each open pluggable database under its name, closed ones not observed."""

from datetime import datetime

import pytest

from tests.adapters.oracle.reading import ROOT, read
from tests.servers.oracle import COLLECTOR, Session, StandIn
from tests.servers.oracle_standin.tables import ROOT_NAME, Value
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.container_data import ContainerDataRow, build_container_data
from whalefall_pipeline.adapters.oracle.containers import ContainerRow, build_containers
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import AccountState, Seen
from whalefall_pipeline.core.unseen import carry_unseen


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def server(stand_in: StandIn) -> StandIn:
    stand_in.start_anew()
    for pdb in ("SALESPDB", "HRPDB", "OLDPDB"):
        stand_in.execute("CREATE USER SCOTT IDENTIFIED BY pw", "GRANT CREATE SESSION TO SCOTT", container=pdb)
    return stand_in


def test_a_local_user_is_an_account_of_its_container_and_a_common_one_is_one_account(server: StandIn) -> None:
    seen = read(server, ROOT)
    usernames = [account.username for account in seen.accounts]
    assert {"SALESPDB.SCOTT", "HRPDB.SCOTT", "OLDPDB.SCOTT", "SYS", COLLECTOR} <= set(usernames)
    assert len(usernames) == len(set(usernames))
    assert not any(name.endswith((".SYS", ".PUBLIC", f".{COLLECTOR}", ".DBA")) for name in usernames)
    assert seen.states["HRPDB.SCOTT"].account.attributes["container"] == "HRPDB"
    assert seen.states["SYS"].account.attributes["container"] == ROOT_NAME
    assert seen.strangers == 0


def test_an_inherited_grant_is_told_once(server: StandIn) -> None:
    seen = read(server, ROOT)
    assert seen.tokens(COLLECTOR) == {
        ("CREATE SESSION", "server"),
        ("MEMBER", "role SELECT_CATALOG_ROLE"),
        ("DEFAULT", "role SELECT_CATALOG_ROLE"),
    }


def test_a_grant_in_one_container_is_not_one_in_all(server: StandIn) -> None:
    server.execute(f"GRANT DBA TO {COLLECTOR}", container="HRPDB")
    server.execute(f"GRANT CREATE TABLE TO {COLLECTOR}", container=ROOT_NAME)
    seen = read(server, ROOT)
    assert seen.tokens(COLLECTOR) >= {
        ("CREATE TABLE", f"database {ROOT_NAME}"),
        ("MEMBER", "database_role HRPDB.DBA"),
        ("CREATE SESSION", "server"),
    }
    assert seen.tokens("SALESPDB.SCOTT") == {("CREATE SESSION", "database SALESPDB")}


def test_a_local_role_is_named_as_its_account(server: StandIn) -> None:
    server.execute("CREATE ROLE CLERK", "GRANT CLERK TO SCOTT", "GRANT DBA TO CLERK", container="HRPDB")
    states = read(server, ROOT).states
    assert [membership.role for membership in states["HRPDB.SCOTT"].memberships] == ["HRPDB.CLERK"]
    assert "HRPDB.CLERK" in states


def close(server: StandIn, **changes: str) -> None:
    server.tables.update("pdbs", {**changes}, pdb_name="OLDPDB")


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ({"open_mode": "MOUNTED"}, Seen.UNREACHABLE, "OPEN_MODE MOUNTED"),
        ({"open_mode": "MIGRATE"}, Seen.UNREACHABLE, "OPEN_MODE MIGRATE"),
        ({"restricted": "YES"}, Seen.UNREACHABLE, "restricted"),
        ({"is_proxy_pdb": "YES"}, Seen.UNREACHABLE, "a proxy"),
    ],
    ids=["closed", "in migration", "restricted", "a proxy"],
)
def test_a_container_that_is_not_seen_keeps_what_it_had(
    server: StandIn, how: dict[str, str], status: Seen, words: str
) -> None:
    before = read(server, ROOT)
    close(server, **how)
    after = read(server, ROOT)
    assert {after.coverage[scope].status for scope in after.unseen} == {status}
    assert after.unseen.keys() == {"database:OLDPDB"}
    assert words in after.unseen["database:OLDPDB"]

    scott = before.states["OLDPDB.SCOTT"]
    kept = carry_unseen(scott, scott.held, after.coverage, rules.RULES)
    assert kept.grants == scott.grants
    assert after.may_hide == {"OLDPDB.SCOTT": True, "SALESPDB.SCOTT": False, "SCOTT": False}
    assert after.states["SALESPDB.SCOTT"] == before.states["SALESPDB.SCOTT"]


def test_a_container_without_a_single_account_was_not_seen(server: StandIn) -> None:
    server.tables.delete("users", con_id=5)
    assert read(server, ROOT).unseen == {"database:OLDPDB": "CDB_USERS shows no account of it to the login"}


def turn(server: StandIn, monkeypatch: pytest.MonkeyPatch, words: str, **changes: Value) -> None:
    """Change OLDPDB right before the first statement that has these words."""
    fetch, done = Session.fetch, list[str]()

    def fetch_later(session: Session, statement: str) -> list[tuple[object, ...]]:
        if words in statement.lower() and not done:
            done.append(words)
            server.tables.update("pdbs", changes, pdb_name="OLDPDB")
        return fetch(session, statement)

    monkeypatch.setattr(Session, "fetch", fetch_later)


OTHER_TIME = datetime(2026, 2, 1)  # noqa: DTZ001 - as the stand-in keeps it


@pytest.mark.parametrize(
    ("before", "words", "changes"),
    [
        pytest.param("MOUNTED", "u.account_status", {"open_mode": "READ WRITE"}, id="opens after the first look"),
        pytest.param("MOUNTED", "sys.cdb_roles", {"open_mode": "READ WRITE"}, id="opens after the users"),
        pytest.param("READ WRITE", "u.account_status", {"open_mode": "MOUNTED"}, id="closes before the users"),
        pytest.param("READ WRITE", "sys.cdb_role_privs", {"open_mode": "MOUNTED"}, id="closes before the grants"),
        pytest.param("READ WRITE", "sys.cdb_tab_privs", {"open_time": OTHER_TIME}, id="is opened again meanwhile"),
    ],
)
def test_a_container_that_was_not_open_all_the_while_was_not_observed(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, before: str, words: str, changes: dict[str, Value]
) -> None:
    scott = read(server, ROOT).states["OLDPDB.SCOTT"]
    close(server, open_mode=before)
    turn(server, monkeypatch, words, **changes)
    seen = read(server, ROOT)
    assert "OLDPDB.SCOTT" in seen.states or seen.may_hide["OLDPDB.SCOTT"]
    again = seen.states.get("OLDPDB.SCOTT", AccountState(scott.account))
    assert carry_unseen(again, scott.held, seen.coverage, rules.RULES) == scott
    assert seen.may_hide["OLDPDB.SCOTT"]
    assert not seen.may_hide["SALESPDB.SCOTT"]


def test_a_container_that_is_dropped_is_gone(server: StandIn) -> None:
    server.tables.delete("pdbs", pdb_name="OLDPDB")
    seen = read(server, ROOT)
    assert "OLDPDB.SCOTT" not in seen.states
    assert seen.unseen == {}
    assert not any(seen.may_hide.values())


def test_a_view_that_is_denied_is_denied_for_each_container(server: StandIn) -> None:
    server.hide("CDB_COL_PRIVS")
    seen = read(server, ROOT)
    assert seen.unseen.keys() == {
        rules.to_coverage_scope(database, rules.COLUMN_PRIVILEGES)
        for database in ("", ROOT_NAME, "SALESPDB", "HRPDB", "OLDPDB")
    }
    assert all("SYS.CDB_COL_PRIVS" in reason for reason in seen.unseen.values())


def test_without_the_list_of_containers_there_is_no_account_list(server: StandIn) -> None:
    server.hide("DBA_PDBS")
    with pytest.raises(SyncDataError, match="DBA_PDBS"):
        read(server, ROOT)


def test_statements_do_not_depend_on_the_number_of_containers(server: StandIn) -> None:
    many = read(server, ROOT).statements
    close(server, open_mode="MOUNTED")
    assert read(server, ROOT).statements == many


ALL = ContainerDataRow("Y", None, None, "Y", None)
SALES = ContainerRow(3, "SALESPDB", "READ WRITE", "NO", 9)


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([[SALES], []], "dropped, unplugged or hidden"),
        ([[], [SALES]], "made or plugged in"),
        ([[SALES], [SALES._replace(open_mode=None)]], "V$PDBS does not show it to the login"),
    ],
    ids=["dropped meanwhile", "made meanwhile", "in one view only"],
)
def test_a_container_that_no_look_shows_all_the_while_is_not_taken_for_empty(
    looks: list[list[ContainerRow]], words: str
) -> None:
    found = build_containers(looks, [], build_container_data(COLLECTOR, [ALL]))
    assert not found.pdbs
    assert words in found.closed["SALESPDB"].reason
    assert found.may_hide("SALESPDB.SCOTT")
