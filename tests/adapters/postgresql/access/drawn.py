"""Random roles with memberships, tables and grants, as statements; and the steps that a role can take, tried."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg
from hypothesis import strategies as st

from whalefall_pipeline.core.access.model import Path

DATABASE = "wf_drawn"
ROLES = tuple(f"wf_{letter}" for letter in "abcdefghij")
TABLES = ("one", "two", "three")
GIVEN = ("pg_read_all_data", "pg_write_all_data", "pg_monitor")

ESCALATE = """
do $$
declare
  acting text;
  wanted text;
  more bool := true;
begin
  while more loop
    more := false;
    for acting in select rolname from pg_roles where pg_has_role(session_user, oid, '{set}') loop
      for wanted in select rolname from pg_roles where not pg_has_role(session_user, oid, '{set}')
                    and (rolname like 'wf_%' or rolname in ('pg_read_all_data', 'pg_write_all_data')) loop
        begin
          execute format('set role %I', acting);
          execute format('grant %I to %I', wanted, session_user);
          more := pg_has_role(session_user, wanted, '{set}');
        exception when others then null;
        end;
        execute 'reset role';
        exit when more;
      end loop;
      exit when more;
    end loop;
  end loop;
end $$
"""
"""Takes every membership that the session's role can give itself, as itself or after SET ROLE, until there is none."""


class Drawn(NamedTuple):
    """The statements that make roles, on the server, and what stands in the database."""

    roles: Sequence[str]
    objects: Sequence[str]


@st.composite
def drawn(draw: st.DrawFn, version: int) -> Drawn:
    """Draw ten roles, their memberships without a cycle, and three tables with owners, grants and policies."""
    roles = [f"CREATE ROLE {role} {draw(_attributes(version))}" for role in ROLES]
    for number, role in enumerate(ROLES):
        for member in draw(st.lists(st.sampled_from(ROLES[:number] or ("",)), max_size=3, unique=True)):
            roles += [f"GRANT {role} TO {member} {draw(_options(version))}"] if member else []
    for role in GIVEN:
        roles += [f"GRANT {role} TO {member}" for member in draw(_few(ROLES, 1))]
    roles.append(f"CREATE DATABASE {DATABASE} OWNER {draw(st.sampled_from((*ROLES, 'postgres')))}")
    objects = ["GRANT USAGE ON SCHEMA public TO PUBLIC"]
    for table in TABLES:
        objects += draw(_table(table))
    objects += [f"GRANT CREATE ON DATABASE {DATABASE} TO {grantee}" for grantee in draw(_few(_grantees(), 2))]
    return Drawn(roles, objects)


def _few(names: Sequence[str], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=most, unique=True)


def _grantees() -> Sequence[str]:
    return (*ROLES, *ROLES, "PUBLIC", "pg_database_owner")


def _attributes(version: int) -> st.SearchStrategy[str]:
    parts = (
        st.sampled_from(("INHERIT", "INHERIT", "NOINHERIT")),
        st.sampled_from(("NOSUPERUSER",) * 12 + ("SUPERUSER",)),
        st.sampled_from(("NOCREATEROLE",) * 6 + ("CREATEROLE",)),
        st.sampled_from(("NOBYPASSRLS",) * 3 + ("BYPASSRLS",)),
        st.sampled_from(("LOGIN", "NOLOGIN")),
    )
    return st.tuples(*parts).map(" ".join)


def _options(version: int) -> st.SearchStrategy[str]:
    if version < 16:
        return st.sampled_from(("", "", "WITH ADMIN OPTION"))
    yes_no = st.sampled_from(("TRUE", "FALSE"))
    mostly_no = st.sampled_from(("FALSE", "FALSE", "TRUE"))
    return st.tuples(yes_no, yes_no, mostly_no).map("WITH INHERIT {0[0]}, SET {0[1]}, ADMIN {0[2]}".format)


@st.composite
def _table(draw: st.DrawFn, table: str) -> list[str]:
    owner = draw(st.sampled_from(ROLES))
    lines = [f"CREATE TABLE {table} (id int, name text)", f"INSERT INTO {table} VALUES (1)"]
    granted = st.sampled_from(("SELECT", "SELECT, UPDATE", "INSERT"))
    lines += [f"GRANT {draw(granted)} ON {table} TO {grantee}" for grantee in draw(_few(_grantees(), 3))]
    lines += [f"GRANT SELECT (name) ON {table} TO {grantee}" for grantee in draw(_few(_grantees(), 2))]
    if draw(st.booleans()):
        lines.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        if draw(st.booleans()):
            lines.append(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        for number, role in enumerate(draw(_few((*ROLES, "PUBLIC"), 2))):
            command = draw(st.sampled_from(("ALL", "SELECT", "UPDATE")))
            lines.append(f"CREATE POLICY p{number} ON {table} FOR {command} TO {role} USING (true)")
    lines.append(f"ALTER TABLE {table} OWNER TO {owner}")
    if draw(st.booleans()):
        lines.append(f"REVOKE SELECT ON {table} FROM {owner}")
    return lines


def list_steps(path: Path) -> Iterator[str]:
    """Yield the statements of a path's steps; to log in as a role is to be that session's role."""
    for step in path.steps:
        statement, _, role = step.partition(", log in as ")
        yield from [statement, f"SET LOCAL SESSION AUTHORIZATION {role}"] if role else step.split("; ")


def take(connection: psycopg.Connection, username: str, steps: Sequence[str]) -> None:
    """Become a role as it logs in, and take some steps; to be undone with the transaction."""
    connection.execute(f"SET LOCAL SESSION AUTHORIZATION {username}".encode())
    for step in steps:
        connection.execute(step.encode())


def name_set(version: int) -> str:
    return "SET" if version >= 16 else "MEMBER"


def find_all_roles(connection: psycopg.Connection, username: str, version: int) -> set[str]:
    """Return whom a role can become in the end by the server: it takes all that it can.

    A role with CREATEROLE before 16 can't be granted a role that is a member of it; that one's password it may set.
    """
    found: set[str] = set()
    frontier = {username}
    while frontier:
        found |= frontier
        reached = set[str]().union(*(_escalate(connection, name, version) for name in frontier if name in ROLES))
        frontier = reached - found
    return found


def _escalate(connection: psycopg.Connection, username: str, version: int) -> set[str]:
    settable = (
        f"SELECT rolname, rolcreaterole FROM pg_roles WHERE pg_has_role(session_user, oid, '{name_set(version)}')"
    )
    with connection.transaction(force_rollback=True):
        take(connection, username, [])
        connection.execute(ESCALATE.format(set=name_set(version)).encode())
        reached = dict(connection.execute(settable.encode()).fetchall())
        if version < 16:
            for creator in [name for name, may_create in reached.items() if may_create and name in ROLES]:
                connection.execute(f"SET LOCAL ROLE {creator}".encode())
                reached |= {
                    role: False for role in ROLES if role not in reached and _may_set_password(connection, role)
                }
    return set(reached)


def _may_set_password(connection: psycopg.Connection, role: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(f"ALTER ROLE {role} PASSWORD 'taken over'".encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
