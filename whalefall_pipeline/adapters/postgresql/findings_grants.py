"""Rules of PostgreSQL: what accounts hold, and are members of. Pure."""

from collections.abc import Iterator

from whalefall_pipeline.adapters.postgresql.rules import CATEGORIES, DATABASE
from whalefall_pipeline.core.findings.making import (
    find_held,
    find_members,
    find_privileges,
    list_held,
    to_everybody,
    to_path,
)
from whalefall_pipeline.core.findings.model import Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Held

OWNER = "OWNER"
DEFINER = "SECURITY DEFINER"
OBJECTS = ("table", "column", "sequence", "large_object")
NOT_OWNED = frozenset(
    {"role", "parameter", "column", "default_privileges", "trigger", "policy", "user_mapping", "subscribed_table"}
)
"""Scopes of what is its role's, table's or server's; default privileges are their role's by being changed."""
OWNED = frozenset(CATEGORIES.keys() - NOT_OWNED)
READS_ALL = frozenset({"pg_read_all_data", "pg_write_all_data"})
DEFAULTS_OF_PUBLIC = frozenset({("EXECUTE", "ROUTINES"), ("USAGE", "TYPES")})
"""What PUBLIC has on future objects of a kind anyway."""
ROLES = Sights(scopes=frozenset({"role"}))


def _find_definers(world: World) -> Iterator[Hit]:
    """Find routines that run with a superuser's rights and that everybody may execute."""
    executable = {
        item.securable
        for state in world.everybody
        for item in state.held
        if item.securable.scope == "routine" and item.privilege == "EXECUTE" and item.effect == "grant"
    }
    owners = [state for state in world.states.values() if state.account.attributes.get("rolsuper")]
    for state, held in world.list_holding(
        owners, {"routine"}, lambda item: item.privilege == DEFINER and item.securable in executable
    ):
        for item in sorted(held):
            text = f"everybody may execute {item.securable}, which runs with the rights of {state.account.username}"
            yield Hit(state.account.username, str(item.securable), text, (item,))


def _is_ownership(item: Held) -> bool:
    return item.privilege == OWNER


def _is_future(item: Held) -> bool:
    return item.effect == "grant" and (item.privilege, item.securable.column) not in DEFAULTS_OF_PUBLIC


@PerAccount
def _find_owners(world: World) -> Iterator[Hit]:
    for hit in find_held(OWNED, _is_ownership)(world):
        yield hit._replace(message=f"{hit.account} owns {list_held(hit.held).replace('OWNER on ', '')}")


RULES = (
    Rule(
        id="PG-06",
        title="Account that may run programs on the server",
        severity=Severity.CRITICAL,
        why="pg_execute_server_program runs any command as the server's user, which owns all data files.",
        remedy="Revoke the role.",
        find=find_members(lambda role: role == "pg_execute_server_program"),
        looks_at=ROLES,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-07",
        title="Account that may write files on the server",
        severity=Severity.CRITICAL,
        why="pg_write_server_files can replace configuration and programs, and so becomes the server's user.",
        remedy="Revoke the role.",
        find=find_members(lambda role: role == "pg_write_server_files"),
        looks_at=ROLES,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-08",
        title="Account that may read files on the server",
        severity=Severity.HIGH,
        why="pg_read_server_files reads all that the server's user can read: data files, keys, other databases.",
        remedy="Revoke the role.",
        find=find_members(lambda role: role == "pg_read_server_files"),
        looks_at=ROLES,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-09",
        title="Account that reads or writes all tables",
        severity=Severity.HIGH,
        why="No grant says what it may see, and none can be revoked: new tables are open to it from the start.",
        remedy="Revoke the role, and grant what is needed.",
        find=find_members(READS_ALL.__contains__),
        looks_at=ROLES,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-10",
        title="Everybody may create objects in a schema",
        severity=Severity.HIGH,
        why="Whoever puts a function or table where others look first has them run it (CVE-2018-1058).",
        remedy="REVOKE CREATE ON SCHEMA … FROM PUBLIC",
        find=find_privileges({"schema"}, {"CREATE"}, who=to_everybody, by=to_path),
        looks_at=Sights(scopes=frozenset({"schema"})),
        references=("DISA STIG CD12-00-009600",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-11",
        title="Everybody may read or change tables",
        severity=Severity.HIGH,
        why="Every account that reaches the database has it, and so has every one that is made later.",
        remedy="Revoke it from PUBLIC, and grant it to roles.",
        find=find_held(OBJECTS, lambda item: item.effect == "grant", who=to_everybody),
        looks_at=Sights(scopes=frozenset(OBJECTS)),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-12",
        title="Everybody may create schemas in a database",
        severity=Severity.HIGH,
        why="A schema of one's own on another's search path is a way to run code with their rights.",
        remedy="REVOKE CREATE ON DATABASE … FROM PUBLIC",
        find=find_privileges({DATABASE}, {"CREATE"}, who=to_everybody),
        looks_at=Sights(scopes=frozenset({DATABASE})),
        references=("DISA STIG CD12-00-009600",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-13",
        title="Account that may make foreign servers",
        severity=Severity.MEDIUM,
        why="USAGE on a foreign-data wrapper lets it connect the server to any other, from inside the network.",
        remedy="Revoke USAGE on the wrapper, and make the servers as an administrator.",
        find=find_privileges(
            {"foreign_data_wrapper"},
            {"USAGE"},
            who=lambda world: [*world.holders, *world.everybody],
            by=to_path,
        ),
        looks_at=Sights(scopes=frozenset({"foreign_data_wrapper"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-14",
        title="Everybody may use a foreign server",
        severity=Severity.MEDIUM,
        why="Any account can make a user mapping there, and use the server as a way into another.",
        remedy="REVOKE USAGE ON FOREIGN SERVER … FROM PUBLIC",
        find=find_privileges({"foreign_server"}, {"USAGE"}, who=to_everybody, by=to_path),
        looks_at=Sights(scopes=frozenset({"foreign_server"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-15",
        title="Objects that are made later are open to everybody",
        severity=Severity.MEDIUM,
        why="Default privileges of PUBLIC open each new table without anybody saying so.",
        remedy="ALTER DEFAULT PRIVILEGES … REVOKE … FROM PUBLIC",
        find=find_held({"default_privileges"}, _is_future, who=to_everybody),
        looks_at=Sights(scopes=frozenset({"default_privileges"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-16",
        title="Objects that belong to a login",
        severity=Severity.LOW,
        why="An owner has all rights, can't be restricted, and can't be dropped without what it owns.",
        remedy="ALTER … OWNER TO a role without LOGIN",
        find=_find_owners,
        looks_at=Sights(scopes=OWNED),
    ),
    Rule(
        id="PG-17",
        title="Everybody may run code with a superuser's rights",
        severity=Severity.HIGH,
        why="A SECURITY DEFINER routine of a superuser is as safe as its code: one slip, and anybody is superuser.",
        remedy="REVOKE EXECUTE … FROM PUBLIC, and give the routine an owner with the rights that it needs",
        find=_find_definers,
        looks_at=Sights(scopes=frozenset({"routine"})),
        references=("CIS PostgreSQL 14 4.3", "DISA STIG CD16-00-006900"),
    ),
    Rule(
        id="PG-22",
        title="Account that may change the server's parameters",
        severity=Severity.HIGH,
        why="ALTER SYSTEM is for all sessions and outlives a restart; some parameters load code.",
        remedy="REVOKE ALTER SYSTEM ON PARAMETER …",
        find=find_privileges(
            {"parameter"},
            {"ALTER SYSTEM"},
            who=lambda world: [*world.holders, *world.everybody],
            by=to_path,
        ),
        looks_at=Sights(scopes=frozenset({"parameter"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="PG-23",
        title="Everybody uses one account on another server",
        severity=Severity.HIGH,
        why="A user mapping for PUBLIC lends its password's rights on the other server to every account here.",
        remedy="DROP USER MAPPING FOR PUBLIC SERVER …, and make one for each account",
        find=find_held({"user_mapping"}, lambda _item: True, who=to_everybody, by=to_path),
        looks_at=Sights(scopes=frozenset({"user_mapping"})),
    ),
)
