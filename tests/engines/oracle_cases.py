"""Each scope of Oracle's privileges: how it is granted in SALESPDB, and what then stands, seen from it or the root."""

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.engines.engine import ACCOUNT, ScopeCase
from whalefall_pipeline.core.model import Grant, Securable

PDB = "SALESPDB"
OWNER = "WF_OWNER"
OBJECTS = (
    f'CREATE USER "{OWNER}" NO AUTHENTICATION DEFAULT TABLESPACE "USERS"',
    f'CREATE TABLE "{OWNER}"."Orders" ("id" NUMBER, "note" VARCHAR2(10))',
    f'CREATE VIEW "{OWNER}"."RECENT" AS SELECT "id" FROM "{OWNER}"."Orders"',
    f'CREATE SEQUENCE "{OWNER}"."NUMBERS"',
    f'CREATE PROCEDURE "{OWNER}"."CLEAN" AS BEGIN NULL; END;',
    f'CREATE FUNCTION "{OWNER}"."TOTAL" RETURN NUMBER AS BEGIN RETURN 0; END;',
    f'CREATE PACKAGE "{OWNER}"."TOOLS" AS PROCEDURE TIDY; END;',
    f'CREATE TYPE "{OWNER}"."MONEY" AS OBJECT (AMOUNT NUMBER)',
    "CREATE DIRECTORY \"WF_FILES\" AS '/tmp'",
    'CREATE ROLE "wf_role"',
    'CREATE ROLE "WF_ADMIN"',
    'CREATE USER "wf_client" NO AUTHENTICATION',
    'CREATE USER "wf_other" NO AUTHENTICATION',
)
PREPARED = (OWNER, "wf_role", "WF_ADMIN", "wf_client", "wf_other")
"""The accounts among them: as given to a test as its objects are."""
ON_OBJECTS = (
    ("table", "SELECT", f'"{OWNER}"."Orders"', OWNER, "Orders"),
    ("view", "READ", f'"{OWNER}"."RECENT"', OWNER, "RECENT"),
    ("sequence", "SELECT", f'"{OWNER}"."NUMBERS"', OWNER, "NUMBERS"),
    ("procedure", "EXECUTE", f'"{OWNER}"."CLEAN"', OWNER, "CLEAN"),
    ("function", "EXECUTE", f'"{OWNER}"."TOTAL"', OWNER, "TOTAL"),
    ("package", "EXECUTE", f'"{OWNER}"."TOOLS"', OWNER, "TOOLS"),
    ("type", "EXECUTE", f'"{OWNER}"."MONEY"', OWNER, "MONEY"),
    ("directory", "WRITE", 'DIRECTORY "WF_FILES"', "SYS", "WF_FILES"),
    ("user", "INHERIT PRIVILEGES", f'USER "{OWNER}"', "SYS", OWNER),
)
"""Scope, privilege, how it is written, owner and name."""


def to_scope_cases(probe: str, *, is_root: bool, has_schemas: bool) -> Sequence[ScopeCase]:
    """Build the cases for an instance that is SALESPDB, or the root that holds it; `probe` is the probe's username."""
    name = f'"{ACCOUNT}"'
    prefix = f"{PDB}." if is_root else ""
    wide = PDB if is_root else ""
    role = Securable("database_role" if is_root else "role", wide, object=f"{prefix}wf_role")
    server = Securable("database" if is_root else "server", wide)
    orders = Securable("table", PDB, OWNER, "Orders")
    note = Securable("column", PDB, OWNER, "Orders", "note")
    proxy = Securable("proxy", PDB, object=f"{prefix}wf_client")
    other_role = role._replace(object=f"{prefix}WF_ADMIN")
    other_proxy = proxy._replace(object=f"{prefix}wf_other")
    one_role = Securable("proxy_role", PDB, f"{prefix}wf_other", f"{prefix}wf_role")
    file = Securable("container_password_file" if is_root else "password_file", wide)
    cases = [
        _case("role", f'GRANT "wf_role" TO {name}', f'REVOKE "wf_role" FROM {name}',
              [Grant(probe, "MEMBER", role), Grant(probe, "DEFAULT", role)]),
        _case("role with admin option", f'GRANT "WF_ADMIN" TO {name} WITH ADMIN OPTION',
              f'REVOKE "WF_ADMIN" FROM {name}',
              [Grant(probe, "MEMBER", other_role, True), Grant(probe, "DEFAULT", other_role)]),
        _case("system privilege", f"GRANT CREATE ANY TABLE TO {name} WITH ADMIN OPTION",
              f"REVOKE CREATE ANY TABLE FROM {name}", [Grant(probe, "CREATE ANY TABLE", server, True)]),
        _case("hierarchy option", f'GRANT DELETE ON "{OWNER}"."Orders" TO {name} WITH HIERARCHY OPTION',
              f'REVOKE DELETE ON "{OWNER}"."Orders" FROM {name}',
              [Grant(probe, "DELETE", orders), Grant(probe, "DELETE WITH HIERARCHY OPTION", orders)]),
        _case("column", f'GRANT UPDATE ("note") ON "{OWNER}"."Orders" TO {name} WITH GRANT OPTION',
              f'REVOKE UPDATE ON "{OWNER}"."Orders" FROM {name}', [Grant(probe, "UPDATE", note, True)]),
        _case("proxy", f'ALTER USER "wf_client" GRANT CONNECT THROUGH {name}',
              f'ALTER USER "wf_client" REVOKE CONNECT THROUGH {name}',
              [Grant(probe, "CONNECT THROUGH", proxy), Grant(probe, "PROXY MAY ACTIVATE ALL CLIENT ROLES", proxy)]),
        _case("proxy with one role", f'ALTER USER "wf_other" GRANT CONNECT THROUGH {name} WITH ROLE "wf_role"',
              f'ALTER USER "wf_other" REVOKE CONNECT THROUGH {name}',
              [Grant(probe, "CONNECT THROUGH", other_proxy), Grant(probe, "PROXY MAY ACTIVATE ROLE", one_role)]),
        _case("quota", f'ALTER USER {name} QUOTA 1048576 ON "USERS"', f'ALTER USER {name} QUOTA 0 ON "USERS"',
              [Grant(probe, "QUOTA 1048576", Securable("tablespace", PDB, object="USERS"))]),
        _case("PUBLIC", f'GRANT SELECT ON "{OWNER}"."Orders" TO PUBLIC',
              f'REVOKE SELECT ON "{OWNER}"."Orders" FROM PUBLIC', [Grant("PUBLIC", "SELECT", orders)]),
        _case("password file", f"GRANT SYSBACKUP TO {name}", f"REVOKE SYSBACKUP FROM {name}",
              [Grant(probe, "SYSBACKUP", file)]),
    ]  # fmt: skip
    cases += [
        _case(scope, f"GRANT {privilege} ON {written} TO {name}", f"REVOKE {privilege} ON {written} FROM {name}",
              [Grant(probe, privilege, Securable(scope, PDB, owner, of))])
        for scope, privilege, written, owner, of in ON_OBJECTS
    ]  # fmt: skip
    if has_schemas:
        cases.append(
            _case("schema", f'GRANT SELECT ANY TABLE ON SCHEMA "{OWNER}" TO {name}',
                  f'REVOKE SELECT ANY TABLE ON SCHEMA "{OWNER}" FROM {name}',
                  [Grant(probe, "SELECT ANY TABLE", Securable("schema", PDB, OWNER))])
        )  # fmt: skip
    return cases


def _case(name: str, grant: str, revoke: str, expected: list[Grant]) -> ScopeCase:
    return ScopeCase(name, (grant,), (revoke,), expected, PDB)


NAMES = ("wf one", "WF_TWO", "wf.three")
ROLES = ("wf r1", "WF_R2")


@st.composite
def draw_statements(draw: st.DrawFn) -> list[str]:
    """Draw users and roles, their states, and grants in all scopes to them."""
    made = [f'CREATE ROLE "{role}"' for role in ROLES]
    for name in NAMES:
        locked = draw(st.sampled_from(("", " ACCOUNT LOCK")))
        authentication = draw(st.sampled_from(("NO AUTHENTICATION", "IDENTIFIED EXTERNALLY", "IDENTIFIED GLOBALLY")))
        quota = draw(st.sampled_from(("", ' QUOTA UNLIMITED ON "USERS"', ' QUOTA 65536 ON "USERS"')))
        made.append(f'CREATE USER "{name}" {authentication}{quota}{locked}')
    everybody = [f'"{name}"' for name in (*NAMES, *ROLES)]
    possible = [f'GRANT "wf_role" TO {who}{option}' for who in everybody for option in ("", " WITH ADMIN OPTION")]
    possible += [f'GRANT "{ROLES[0]}" TO "{ROLES[1]}"', f'GRANT "{ROLES[1]}" TO "{NAMES[0]}"']
    possible += [f"GRANT CREATE SESSION TO {who}{option}" for who in everybody for option in ("", " WITH ADMIN OPTION")]
    possible += [
        f"GRANT {privilege} ON {written} TO {who}"
        for _, privilege, written, _, _ in ON_OBJECTS
        for who in (*everybody, "PUBLIC")
    ]
    users = everybody[: len(NAMES)]
    possible += [f'GRANT UPDATE ("note") ON "{OWNER}"."Orders" TO {who} WITH GRANT OPTION' for who in users]
    possible += [
        f'GRANT SELECT ON "{OWNER}"."Orders" TO {who} WITH HIERARCHY OPTION WITH GRANT OPTION' for who in users
    ]
    possible += [
        f'ALTER USER "wf_client" GRANT CONNECT THROUGH {who}{how}'
        for who in users
        for how in (
            "",
            " WITH NO ROLES",
            ' WITH ROLE "wf_role"',
            ' WITH ROLE ALL EXCEPT "wf_role" AUTHENTICATION REQUIRED',
        )
    ]
    grants = draw(st.lists(st.sampled_from(possible), unique=True, max_size=12))
    is_member = any(statement.startswith(f'GRANT "wf_role" TO {users[0]}') for statement in grants)
    if is_member and draw(st.booleans()):
        grants.append(f"ALTER USER {users[0]} DEFAULT ROLE NONE")
    return made + grants
