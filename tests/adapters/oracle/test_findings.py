"""Every rule of Oracle's, and those of all engines, found on the stand-in and clear on it."""

from typing import NamedTuple

import pytest

from tests.engines.judging import Case, Judged, judge, run_all
from tests.engines.oracle import OracleServer, to_connect
from tests.servers.oracle import COLLECTOR, PASSWORD, VERSION_23, StandIn
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.adapters.oracle.findings import RULES
from whalefall_pipeline.core.findings.everywhere import RULES as EVERYWHERE
from whalefall_pipeline.core.findings.model import Options, Outcome
from whalefall_pipeline.core.model import Instance, Login

OPTIONS = Options(superusers=frozenset({"CHIEF", "SALESPDB.CHIEF"}), superusers_at_most=1)
PDB, ROOT = "SALESPDB", "FREE"
LIMITS = {"OR-19": "FAILED_LOGIN_ATTEMPTS", "OR-20": "PASSWORD_LIFE_TIME", "OR-21": "PASSWORD_VERIFY_FUNCTION"}
GOOD_LIMITS = {"FAILED_LOGIN_ATTEMPTS": "5", "PASSWORD_LIFE_TIME": "90", "PASSWORD_VERIFY_FUNCTION": "STRONG"}
PARAMETERS = {
    "OR-22": ("remote_os_authent", "TRUE", "FALSE"),
    "OR-23": ("remote_os_roles", "TRUE", "FALSE"),
    "OR-24": ("o7_dictionary_accessibility", "TRUE", "FALSE"),
    "OR-25": ("sec_case_sensitive_logon", "FALSE", "TRUE"),
    "OR-26": ("sec_max_failed_login_attempts", "10", "3"),
}


def system(rule: str, privilege: str, to: str = "ANA") -> Case:
    make, undo = (f"GRANT {privilege} TO {to}",), (f"REVOKE {privilege} FROM {to}",)
    return Case(rule=rule, make=make, undo=undo, account=to, hides=True)


def one(rule: str, make: str, undo: str, account: str = "ANA", name: str = "") -> Case:
    return Case(
        rule=rule,
        make=(make,) if make else (),
        undo=(undo,) if undo else (),
        account=account,
        object=name,
        hides=True,
    )


CASES = (
    one("ALL-01", "GRANT DBA TO BOSS", "REVOKE DBA FROM BOSS", "BOSS"),
    one("ALL-02", "GRANT DBA TO CHIEF", "REVOKE DBA FROM CHIEF", ""),
    one("ALL-03", "GRANT GRANT ANY PRIVILEGE TO CARL", "REVOKE GRANT ANY PRIVILEGE FROM CARL", "CARL"),
    one("ALL-04", "GRANT GRANT ANY PRIVILEGE TO GONE", "REVOKE GRANT ANY PRIVILEGE FROM GONE", "GONE"),
    one(
        "ALL-05",
        'GRANT SELECT ON "WF_OWNER"."Orders" TO ANA WITH GRANT OPTION',
        'REVOKE SELECT ON "WF_OWNER"."Orders" FROM ANA',
        "ANA",
        PDB,
    ),
    one("ALL-06", 'GRANT "wf_role" TO ANA WITH ADMIN OPTION', 'REVOKE "wf_role" FROM ANA', "ANA", "wf_role"),
    one("ALL-07", 'GRANT "WF_ADMIN" TO PUBLIC', 'REVOKE "WF_ADMIN" FROM PUBLIC', "PUBLIC", "WF_ADMIN"),
    one("ALL-10", "", ""),
    one(
        "ALL-11", 'ALTER USER "OLD" GRANT CONNECT THROUGH DORA', 'ALTER USER "OLD" REVOKE CONNECT THROUGH DORA', "DORA"
    ),
    one("OR-01", "", "", "BOSS"),
    system("OR-02", "CREATE ANY TABLE"),
    system("OR-03", "SELECT ANY DICTIONARY"),
    system("OR-04", "BECOME USER"),
    system("OR-05", "ALTER SYSTEM"),
    system("OR-06", "AUDIT SYSTEM"),
    system("OR-07", "EXEMPT ACCESS POLICY"),
    system("OR-08", "UNLIMITED TABLESPACE"),
    system("OR-09", "CREATE SESSION", "PUBLIC"),
    one("OR-10", "", "", "PUBLIC", PDB),
    one(
        "OR-11",
        'GRANT SELECT ON "WF_OWNER"."Orders" TO PUBLIC',
        'REVOKE SELECT ON "WF_OWNER"."Orders" FROM PUBLIC',
        "PUBLIC",
        "WF_OWNER",
    ),
    one("OR-12", "GRANT SYSBACKUP TO BOSS", "REVOKE SYSBACKUP FROM BOSS", "BOSS"),
    one(
        "OR-13",
        'ALTER USER "wf_client" GRANT CONNECT THROUGH ANA',
        'ALTER USER "wf_client" REVOKE CONNECT THROUGH ANA',
        "ANA",
        f"proxy {PDB}.wf_client",
    ),
    one("OR-14", "ALTER USER CARL PASSWORD EXPIRE", "ALTER USER CARL ACCOUNT LOCK", "CARL"),
    one("OR-15", "", "", "OLD"),
    one("OR-16", "", "", "OUTLN"),
    one("OR-17", 'CREATE USER SCOTT IDENTIFIED BY "x"', "DROP USER SCOTT", "SCOTT"),
    one("OR-18", "CREATE USER OPS IDENTIFIED EXTERNALLY", "DROP USER OPS", "OPS"),
)
ELSEWHERE = {
    "ALL-08": "the dictionary names no grantee that is gone",
    "ALL-09": "see test_everybody",
}
PEOPLE = tuple(
    f'CREATE USER {name} IDENTIFIED BY "x"' for name in ("BOSS", "CHIEF", "ANA", "CARL", "DORA", "GONE", "OLD")
)
PREPARED = (
    'CREATE USER "WF_OWNER" NO AUTHENTICATION',
    'CREATE TABLE "WF_OWNER"."Orders" ("id" NUMBER)',
    'CREATE ROLE "wf_role"',
    'CREATE ROLE "WF_ADMIN"',
    'CREATE USER "wf_client" NO AUTHENTICATION',
    "ALTER USER GONE ACCOUNT LOCK",
)


def to_server(standin: StandIn, service: str) -> OracleServer:
    return OracleServer(
        OracleAdapter(connect=to_connect(standin)),
        Instance(1, "oracle-under-test", "oracle", "127.0.0.1", 0, service),
        Login(COLLECTOR, PASSWORD),
        run=lambda statements, container: standin.execute(*statements, container=container),
        forget=standin.start_anew,
        kill=lambda: None,
        version=VERSION_23,
    )


def set_all(standin: StandIn, *, wrong: bool) -> None:
    """Set what no statement of the stand-in can set: limits, parameters, and accounts of Oracle's own."""
    tables = standin.tables
    for name, limit in GOOD_LIMITS.items():
        bad = "NULL" if name.endswith("FUNCTION") else "UNLIMITED"
        tables.update("profiles", {"limit": bad if wrong else limit}, profile="DEFAULT", resource_name=name)
    for name, bad, good in PARAMETERS.values():
        for row in [row for row in tables.rows["parameter"] if str(row["name"]).lower() == name]:
            tables.delete("parameter", name=row["name"])
        tables.insert("parameter", name=name, value=bad if wrong else good)
    tables.update("users", {"password_versions": "10G 11G" if wrong else "11G 12C"}, username="OLD")
    changes = {"account_status": "OPEN" if wrong else "LOCKED", "authentication_type": "PASSWORD"}
    tables.update("users", {**changes}, username="OUTLN")
    tables.update("pwfile_users", {"sysdba": "TRUE"}, username="SYS")
    if not wrong:
        tables.delete("tab_privs", grantee="PUBLIC", table_name="UTL_FILE")


class Worlds(NamedTuple):
    """What the rules said of SALESPDB with all that is wrong, of the root, also while it is closed, and mended."""

    wrong: Judged
    root: Judged
    closed: Judged
    mended: Judged


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    standin = StandIn(VERSION_23)
    standin.execute(*PEOPLE, *PREPARED)
    pluggable, root = to_server(standin, PDB), to_server(standin, ROOT)
    run_all(pluggable, CASES)
    set_all(standin, wrong=True)
    wrong, of_root = judge(pluggable, options=OPTIONS), judge(root, options=OPTIONS)
    standin.tables.update("pdbs", {"open_mode": "MOUNTED"}, pdb_name=PDB)
    closed = judge(root, options=OPTIONS)
    standin.tables.update("pdbs", {"open_mode": "READ WRITE"}, pdb_name=PDB)
    run_all(pluggable, CASES, undo=True)
    set_all(standin, wrong=False)
    return Worlds(wrong, of_root, closed, judge(pluggable, options=OPTIONS))


RULE_IDS = [rule.id for rule in (*EVERYWHERE, *RULES)]


def test_every_rule_has_a_case() -> None:
    cases = {case.rule for case in CASES} | LIMITS.keys() | PARAMETERS.keys()
    assert set(RULE_IDS) == cases | ELSEWHERE.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_found(worlds: Worlds, case: Case) -> None:
    assert worlds.wrong.find(case), worlds.wrong.list_found(case.rule)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_found_from_the_root_too(worlds: Worlds, case: Case) -> None:
    if case.rule == "ALL-02":
        assert worlds.root.outcome("ALL-02") is Outcome.FOUND
        return
    own = {account.removeprefix(f"{PDB}.") for account, _ in worlds.root.list_found(case.rule)}
    assert case.account in own


@pytest.mark.parametrize(("rule", "resource"), LIMITS.items())
def test_a_limit_is_found(worlds: Worlds, rule: str, resource: str) -> None:
    assert worlds.wrong.list_found(rule) == [("", "profile DEFAULT")], resource


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, (name, *_) in PARAMETERS.items()])
def test_a_parameter_is_found(worlds: Worlds, rule: str, name: str) -> None:
    assert worlds.wrong.list_found(rule) == [("", name)]


@pytest.mark.parametrize("rule", RULE_IDS)
def test_it_is_clear_when_it_was_mended(worlds: Worlds, rule: str) -> None:
    assert worlds.mended.list_found(rule) == []
    assert worlds.mended.outcome(rule) is Outcome.CLEAR


@pytest.mark.parametrize("rule", RULE_IDS)
def test_a_closed_container_makes_it_unknown_and_never_clear(worlds: Worlds, rule: str) -> None:
    """From the root: its users, grants, limits and settings can't be seen while it is mounted only."""
    if rule not in {case.rule for case in CASES}:
        return
    assert worlds.closed.outcome(rule) is not Outcome.CLEAR, rule
    assert not [key for key in worlds.closed.list_found(rule) if key[0].startswith(f"{PDB}.")]


@pytest.mark.parametrize(("rule", "view"), [("OR-19", "DBA_PROFILES"), ("OR-22", "V_$PARAMETER")])
def test_settings_that_are_hidden_are_unknown(rule: str, view: str) -> None:
    standin = StandIn(VERSION_23)
    standin.hide(view)
    assert judge(to_server(standin, PDB)).outcome(rule) is Outcome.UNKNOWN


def test_everybody(worlds: Worlds) -> None:
    standin = StandIn(VERSION_23)
    server = to_server(standin, PDB)
    assert judge(server).outcome("ALL-09") is Outcome.CLEAR
    standin.execute("GRANT GRANT ANY PRIVILEGE TO PUBLIC")
    assert judge(server).list_found("ALL-09") == [("PUBLIC", "")]
