"""What CONTAINER_DATA hides from the root looks like dropped: it is not observed, and the check says what shows it.

Also what an application PDB has from its application root, which looks like what it has from the root itself.
"""

import re

import pytest

from tests.adapters.oracle.reading import ROOT, Seen, read, to_adapter, to_instance
from tests.servers.oracle import COLLECTOR, PASSWORD, StandIn
from tests.servers.oracle_standin.tables import ROOT_NAME
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.catalog import OF_ALL, STATEMENTS, VIEWS
from whalefall_pipeline.adapters.oracle.container_data import ContainerDataRow, build_container_data
from whalefall_pipeline.core.model import AccountState, Login, find_observation
from whalefall_pipeline.core.model import Seen as Status
from whalefall_pipeline.core.unseen import carry_unseen

NARROW = f"ALTER USER {COLLECTOR} SET CONTAINER_DATA = (CDB$ROOT, SALESPDB, HRPDB)"
OF_PARTS = [VIEWS[statement].replace("DBA_", "CDB_") for statement in STATEMENTS.values()]
STATEMENT = re.compile(r"ALTER USER .* CONTAINER=CURRENT")


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn("23.6.0.24.10")


@pytest.fixture
def server(stand_in: StandIn) -> StandIn:
    stand_in.start_anew()
    stand_in.execute(
        "CREATE USER SCOTT IDENTIFIED BY pw", "CREATE ROLE CLERK",
        "GRANT CREATE SESSION TO SCOTT", "GRANT CLERK TO SCOTT",
        f"GRANT CLERK TO {COLLECTOR}", 'CREATE TABLE "SCOTT"."T" (ID NUMBER)', "GRANT SELECT ON SCOTT.T TO CLERK",
        "GRANT UPDATE (ID) ON SCOTT.T TO CLERK", "GRANT SELECT ANY TABLE ON SCHEMA SCOTT TO CLERK",
        "GRANT SYSBACKUP TO SCOTT", f"ALTER USER SCOTT GRANT CONNECT THROUGH {COLLECTOR}",
        'ALTER USER SCOTT QUOTA UNLIMITED ON "USERS"', container="OLDPDB",
    )  # fmt: skip
    return stand_in


def assert_nothing_is_lost(before: Seen, after: Seen) -> None:
    """Whatever `after` lacks of what `before` had, a sync keeps."""
    for username, state in before.states.items():
        assert username in after.states or after.may_hide_any(username)
        now = after.states.get(username, AccountState(state.account))
        assert carry_unseen(now, state.held, after.coverage, rules.RULES).held == state.held, username


@pytest.mark.parametrize(
    "view",
    ["", "DBA_PDBS", "V_$PDBS", "V$PDBS", "CDB_USERS", "CDB_ROLES", "V_$PWFILE_USERS", "CDB_PROFILES", *OF_PARTS],
)
def test_what_is_hidden_is_kept_and_the_statement_that_shows_it_is_told(server: StandIn, view: str) -> None:
    before = read(server, ROOT)
    assert before.unseen == {}
    of_view = f" FOR SYS.{view}" if view else ""
    server.execute(f"{NARROW}{of_view} CONTAINER = CURRENT", container=ROOT_NAME)
    after = read(server, ROOT)
    assert after.unseen
    assert {after.coverage[scope].status for scope in after.unseen} == {Status.DENIED}
    assert_nothing_is_lost(before, after)
    assert after.attributes is None or view not in ("", "CDB_PROFILES")

    found = {match[0] for reason in after.unseen.values() if (match := STATEMENT.search(reason))}
    assert len(found) == 1
    server.execute(*found, container=ROOT_NAME)
    assert read(server, ROOT).coverage == before.coverage


@pytest.mark.parametrize("view", ["", "DBA_PDBS", "V_$PDBS"])
def test_a_list_of_containers_that_is_narrowed_is_denied(server: StandIn, view: str) -> None:
    of_view = f" FOR SYS.{view}" if view else ""
    server.execute(f"{NARROW}{of_view} CONTAINER = CURRENT", container=ROOT_NAME)
    seen = read(server, ROOT)
    assert seen.coverage["databases"].status is Status.DENIED
    # whatever else there may be, a name of it says nothing
    assert seen.may_hide_any("NEVERSEEN.SCOTT")
    for part in (*STATEMENTS, rules.PASSWORD_FILE):
        known = find_observation(rules.to_coverage_scope("NEVERSEEN", part), seen.coverage)
        assert known is not None
        assert known.status is Status.DENIED
    assert not seen.may_hide_any("SALESPDB.SCOTT")


def test_a_view_that_is_shown_whole_is_whole_though_the_default_is_narrow(server: StandIn) -> None:
    before = read(server, ROOT)
    views = ["DBA_PDBS", "V_$PDBS", "CDB_USERS", "CDB_ROLES", "CDB_PROFILES", "V_$PWFILE_USERS", *OF_PARTS]
    server.execute(
        f"ALTER USER {COLLECTOR} SET CONTAINER_DATA = DEFAULT CONTAINER = CURRENT",
        *(f"ALTER USER {COLLECTOR} SET CONTAINER_DATA = ALL FOR SYS.{view} CONTAINER = CURRENT" for view in views),
        container=ROOT_NAME,
    )
    after = read(server, ROOT)
    assert (after.states, after.coverage) == (before.states, before.coverage)


@pytest.mark.parametrize("how", ["ORA-00942", "no row"])
def test_without_knowing_what_is_hidden_nothing_of_the_containers_is_certain(server: StandIn, how: str) -> None:
    before = read(server, ROOT)
    if how == "no row":
        server.tables.delete("container_data")
    else:
        server.failing["DBA_CONTAINER_DATA"] = how
    after = read(server, ROOT)
    assert_nothing_is_lost(before, after)
    words = "ALTER USER" if how == "no row" else "GRANT SELECT ON SYS.DBA_CONTAINER_DATA"
    assert words in after.unseen["databases"]
    assert after.tokens("SYS") == before.tokens("SYS")


def test_the_check_prints_the_statement_that_shows_all(server: StandIn) -> None:
    server.execute(f"{NARROW} CONTAINER = CURRENT", container=ROOT_NAME)
    with to_adapter(server).open(to_instance(ROOT), Login(COLLECTOR, PASSWORD), Limits(), Deadline(60)) as session:
        denied = {item.scope: item.note for item in session.check() if not item.readable}
    assert denied["databases"].endswith(f'ALTER USER "{COLLECTOR}" SET CONTAINER_DATA=ALL CONTAINER=CURRENT')


def test_attributes_of_others_and_for_objects_of_others_do_not_count() -> None:
    rows = [
        ContainerDataRow("Y", None, None, "Y", None),
        ContainerDataRow("N", "SCOTT", "CDB_TAB_PRIVS", "N", "CDB$ROOT"),
        ContainerDataRow("N", "SYS", "V$SESSION", "N", "CDB$ROOT"),
    ]
    data = build_container_data("C##X", rows)
    assert data.find_hidden("CDB_TAB_PRIVS", "HRPDB") is None
    assert data.find_incomplete(["DBA_PDBS"]) is None
    assert build_container_data("C##X", rows[1:]).find_incomplete(["DBA_PDBS"]) is not None


def test_each_view_that_is_read_from_the_root_is_asked_about() -> None:
    """A view that is no container data object in the root would be one that nobody has thought of."""
    known = {"DBA_CONTAINER_DATA", "DBA_TAB_COLUMNS", "V_$DATABASE", "V_$PARAMETER", "CDB_PROFILES"}
    known |= {"DBA_PDBS", "V_$PDBS", "CDB_USERS", "CDB_ROLES", "V_$PWFILE_USERS", *OF_PARTS}
    of_the_root_itself = {view.replace("CDB_", "DBA_") for view in OF_PARTS}
    read_views = {name.upper() for text in OF_ALL.values() for name in re.findall(r"sys\.([\w$]+)", text)}
    assert read_views <= known | of_the_root_itself


# application containers


@pytest.fixture
def application(server: StandIn) -> StandIn:
    """An application root with one application PDB, and an administrator that is common to both."""
    server.plug_in("APPROOT", 6)
    server.plug_in("APPPDB", 7, application_root=6)
    server.execute(
        "CREATE USER APP_ADMIN IDENTIFIED BY pw CONTAINER=ALL", "CREATE ROLE APP_ROLE CONTAINER=ALL",
        "GRANT DBA TO APP_ADMIN CONTAINER=ALL", "GRANT APP_ROLE TO APP_ADMIN CONTAINER=ALL",
        "GRANT CREATE USER TO APP_ADMIN CONTAINER=ALL", f"GRANT CREATE TABLE TO {COLLECTOR} CONTAINER=ALL",
        'CREATE TABLE "APP_ADMIN"."T" (ID NUMBER)', "GRANT SELECT ON APP_ADMIN.T TO APP_ROLE CONTAINER=ALL",
        "GRANT UPDATE (ID) ON APP_ADMIN.T TO APP_ROLE CONTAINER=ALL",
        "GRANT SELECT ANY TABLE ON SCHEMA APP_ADMIN TO APP_ROLE CONTAINER=ALL",
        container="APPROOT",
    )  # fmt: skip
    return server


def test_an_application_pdb_has_what_its_application_root_gives(application: StandIn) -> None:
    seen = read(application, ROOT)
    for container in ("APPROOT", "APPPDB"):
        assert seen.tokens(f"{container}.APP_ADMIN") == {
            ("CREATE USER", f"database {container}"),
            *((word, f"database_role {container}.{role}") for word in ("MEMBER", "DEFAULT")
              for role in ("DBA", f"{container}.APP_ROLE")),
        }  # fmt: skip
        assert seen.tokens(f"{container}.APP_ROLE") == {
            ("SELECT", f"table {container}.APP_ADMIN.T"),
            ("UPDATE", f"column {container}.APP_ADMIN.T.ID"),
            ("SELECT ANY TABLE", f"schema {container}.APP_ADMIN"),
        }
        assert ("CREATE TABLE", f"database {container}") in seen.tokens(COLLECTOR)
    inherited = {name for name, state in seen.states.items() if state.account.attributes.get("inherited")}
    assert inherited == {"APPPDB.APP_ADMIN", "APPPDB.APP_ROLE"}


def test_what_an_application_pdb_has_from_the_root_is_told_once(application: StandIn) -> None:
    seen = read(application, ROOT)
    databases = {grant.securable.database for name in ("SYS", "DBA") for grant in seen.states[name].grants}
    assert databases == {""}
    assert {scope for scope in seen.tokens("PUBLIC") if "DUAL" in scope[1]} == {("SELECT", "table SYS.DUAL")}


def test_an_application_pdb_by_itself_is_a_database_like_any_other(application: StandIn) -> None:
    seen = read(application, "APPPDB")
    assert ("MEMBER", "role DBA") in seen.tokens("APP_ADMIN")
    assert ("SELECT", "table APPPDB.APP_ADMIN.T") in seen.tokens("APP_ROLE")
