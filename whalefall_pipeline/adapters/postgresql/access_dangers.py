"""What lets a role become more than it is on PostgreSQL. Each is tried on real servers, or stands in the documentation.

Left out, since they were tried and lead nowhere by themselves: the schema of a superuser's SECURITY DEFINER routine,
owners of extensions, publications and event triggers, `pg_create_subscription` and what it makes.

Not looked at, since it hangs on what others run: functions and operators that a search path finds first, code in views,
defaults, rules and policies of tables that others use, what a SECURITY DEFINER routine does for its caller, settings
that a database's owner makes for all who connect. Nor is which tables a subscription writes to as its owner where it is
made so (`run_as_owner`, 16 and later), nor whose functions the triggers run that are there and fire for it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from whalefall_pipeline.adapters.postgresql.access_links import (
    build_memberships,
    find_below,
    find_major,
    is_superuser,
    to_password_sql,
    to_role_sql,
)
from whalefall_pipeline.core.access.model import Danger, Population, Wanted
from whalefall_pipeline.core.model import MEMBER, AccountState, Held, Securable, is_of_role
from whalefall_pipeline.core.states import find_held

SUPERUSER, OPERATING_SYSTEM, FILES, CODE, TRIGGERS, LOGINS = range(6)
"""How bad it is: the worst first."""
PASSWORDS_SINCE = 16
"""The major version from which on a role with REPLICATION sets its own password; before, only a superuser sets it."""
FUNCTION_OWNER, TRIGGER, WRITER = "FUNCTION OWNER", "TRIGGER", "WRITER"

PREDEFINED: Mapping[str, tuple[int, str, str]] = {
    "pg_execute_server_program": (
        OPERATING_SYSTEM,
        "runs programs as the server's operating system user",
        "COPY … FROM PROGRAM",
    ),
    "pg_write_server_files": (OPERATING_SYSTEM, "writes any file of the server's", "COPY … TO '<file>'"),
    "pg_read_server_files": (FILES, "reads any file of the server's, those of its tables too", "COPY … FROM '<file>'"),
}
"""Documentation, Predefined Roles: "could be used to gain superuser-level access"."""
ROUTINES: Mapping[str, tuple[int, str]] = {
    "lo_export": (OPERATING_SYSTEM, "writes any file of the server's"),
    "lo_import": (FILES, "reads any file of the server's"),
    "pg_read_file": (FILES, "reads files of the server's, those of its tables too"),
    "pg_read_binary_file": (FILES, "reads files of the server's, those of its tables too"),
}
"""Documentation, Large Objects (server-side functions) and Generic File Access Functions."""
COMMANDS = frozenset(
    {
        *("archive_command", "archive_cleanup_command", "recovery_end_command", "restore_command"),
        *("ssl_passphrase_command", "shared_preload_libraries", "archive_library"),
    }
)
"""Parameters whose value the server runs or loads."""
DANGEROUS = (
    Wanted("parameter", privilege="ALTER SYSTEM"),
    *(Wanted("event_trigger", privilege=each) for each in (FUNCTION_OWNER,)),
    Wanted("trigger", privilege=FUNCTION_OWNER),
    Wanted("table", privilege=TRIGGER),
    Wanted("subscribed_table", privilege=WRITER),
    Wanted("table", privilege="OWNER"),
    Wanted("routine", None, "pg_catalog", None, None, "EXECUTE"),
)


def find_dangers(population: Population) -> Iterator[Danger]:
    """Yield all dangers; what a superuser has beside being one is left out."""
    accounts = population.accounts
    yield from (
        Danger(name, "", SUPERUSER, "superuser", "", own=True)
        for name, state in accounts.items()
        if is_superuser(state)
    )
    for name, (rank, words, step) in PREDEFINED.items():
        if name in accounts:
            yield Danger(name, "", rank, f"{name} {words}", step)
    yield from _find_replication(population)
    yield from _find_logins(population)
    yield from _find_subscribed(population)
    held = find_held(accounts, _is_looked_at)
    owners = _find_owners(population)
    for name, state in accounts.items():
        if not state.held.isdisjoint(held) and not is_superuser(state):
            yield from _Holder(population, name, owners).find(state.held & held)


def _is_super(population: Population, name: str) -> bool:
    state = population.accounts.get(name)
    return state is not None and is_superuser(state)


def _find_replication(population: Population) -> Iterator[Danger]:
    """Yield who may log in to copy the cluster; SET ROLE is no login.

    From 16 on, who comes to such a role sets its password, and may let it log in with CREATEROLE and ADMIN on it.
    """
    words, accounts = "REPLICATION copies the whole cluster, password hashes too", population.accounts
    may_open = find_major(population.version) >= PASSWORDS_SINCE
    for name, state in accounts.items():
        if not state.account.attributes.get("rolreplication") or is_superuser(state):
            continue
        logs_in = bool(state.account.attributes.get("rolcanlogin"))
        if logs_in:
            yield Danger(name, "", FILES, words, "pg_basebackup", own=True, by_login=True)
        if logs_in and may_open:
            role = to_role_sql(name)
            step = f"ALTER ROLE {role} PASSWORD '…', log in as {role}, pg_basebackup"
            yield Danger(name, "", FILES, words, step, own=True, of=name)
        if may_open:
            yield from _find_openers(population, name, words, of=name if logs_in else "")


def _find_openers(population: Population, role: str, words: str, of: str) -> Iterator[Danger]:
    """Yield who has CREATEROLE and ADMIN on a role: for ADMIN any memberships count, without INHERIT and SET too."""
    accounts = population.accounts
    creators = [
        name
        for name, state in accounts.items()
        if state.account.attributes.get("rolcreaterole") and not is_superuser(state) and name != role
    ]
    if not creators:
        return
    admin = Held(MEMBER, Securable("role", object=role), grant_option=True)
    admins = {name for name, state in accounts.items() if admin in state.held}
    below, step = find_below(population, admins), f"{to_password_sql(role)}, pg_basebackup"
    for name in creators:
        if name in admins:
            told, since = f"CREATEROLE and ADMIN option on {role}: {words}", population.find_since(name, admin)
            yield Danger(name, "", FILES, told, step, admin, since, own=True, of=of)
        elif name in below:
            told = f"CREATEROLE and, by roles that it is a member of, ADMIN option on {role}: {words}"
            yield Danger(name, "", FILES, told, step, own=True, of=of)


def _find_logins(population: Population) -> Iterator[Danger]:
    """Yield who may act as another role that logs in, by a membership with SET or ADMIN.

    With CREATEROLE before 16 that is every role; there the worse ways tell of it.
    """
    accounts = population.accounts
    held = find_held(accounts, lambda item: is_of_role(item) and _is_plain_login(accounts.get(item.securable.object)))
    for name, state in accounts.items():
        if not state.held.isdisjoint(held) and not is_superuser(state):
            for link in build_memberships(population, name, state.held & held):
                if link.step:
                    words = f"{link.words}, which logs in itself"
                    yield Danger(name, link.target, LOGINS, words, link.step, link.held, link.since, link.own)


def _is_plain_login(state: AccountState | None) -> bool:
    return state is not None and bool(state.account.attributes.get("rolcanlogin")) and not is_superuser(state)


def _find_subscribed(population: Population) -> Iterator[Danger]:
    """Yield who owns a table that a subscription writes to as its own owner; of several, the first by writer.

    Documentation of 14 and 15, Logical Replication, Security. A trigger fires then only if the table's owner says so:
    TRIGGER alone is not enough.
    """
    accounts, seen = population.accounts, set[tuple[str, str, str]]()
    writing = find_held(accounts, lambda item: item.privilege == WRITER)
    if not writing:
        return
    owners = _find_owners(population)
    found = [(item.securable, name) for name, state in accounts.items() for item in state.held & writing]
    for subscribed, writer in sorted(found):
        table = subscribed._replace(scope="table", column="")
        owner = owners.get(table)
        if owner is None or owner == writer or _is_super(population, owner):
            continue
        becomes = "" if _is_super(population, writer) else writer
        if (owner, becomes, table.database) in seen:
            continue
        seen.add((owner, becomes, table.database))
        held = Held("OWNER", table)
        words = f"owner of {table}, which subscription {subscribed.column} writes to as {writer}"
        step, since = "ALTER TABLE … ENABLE ALWAYS TRIGGER …", population.find_since(owner, held)
        yield Danger(owner, becomes, CODE, words, step, held, since, database=table.database)


def _is_looked_at(item: Held) -> bool:
    scope, _, schema, name, _ = item.securable
    if item.effect != "grant":
        return False
    match item.privilege:
        case "ALTER SYSTEM":
            return name in COMMANDS
        case "EXECUTE":
            return scope == "routine" and schema == "pg_catalog" and name.partition("(")[0] in ROUTINES
        case "FUNCTION OWNER":
            return True
        case "TRIGGER":
            return scope == "table"
        case _:
            return False


def _find_owners(population: Population) -> dict[Securable, str]:
    """Return the owner of each table."""
    tables = find_held(population.accounts, lambda item: item.privilege == "OWNER" and item.securable.scope == "table")
    return {
        item.securable: name
        for name, state in population.accounts.items()
        if not state.held.isdisjoint(tables)
        for item in state.held & tables
    }


class _Holder(NamedTuple):
    """A role that holds something dangerous."""

    population: Population
    name: str
    owners: Mapping[Securable, str]

    def find(self, held: frozenset[Held]) -> Iterator[Danger]:
        """Yield its dangers; of those on tables, the first for each of their owners and databases."""
        seen: set[tuple[str, str, str]] = set()
        for item in sorted(held):
            danger = self._to_danger(item)
            key = (item.privilege, danger.becomes or item.privilege, item.securable.database) if danger else None
            if danger and (danger.rank < CODE or key not in seen):
                yield danger
            if key:
                seen.add(key)

    def _to_danger(self, item: Held) -> Danger | None:
        scope, database, _, name, _ = item.securable
        since = self.population.find_since(self.name, item)
        if scope == "parameter":
            words, step = f"ALTER SYSTEM on {name}, which the server runs or loads", f"ALTER SYSTEM SET {name} = …"
            return Danger(self.name, "", OPERATING_SYSTEM, words, step, item, since)
        if scope == "routine":
            rank, words = ROUTINES[name.partition("(")[0]]
            return Danger(
                self.name,
                "",
                rank,
                f"EXECUTE on {name}, which {words}",
                f"SELECT {name}",
                item,
                since,
                database=database,
            )
        if scope == "event_trigger":
            words = (
                f"owner of the function of event trigger {name} in {database}, which runs as whoever changes objects"
            )
            return Danger(
                self.name, "", OPERATING_SYSTEM, words, "CREATE OR REPLACE FUNCTION …", item, since, database=database
            )
        return self._of_table(item)

    def _of_table(self, item: Held) -> Danger | None:
        """Return what a trigger on another's table comes to: its function runs as whoever writes to the table."""
        table = item.securable._replace(scope="table", column="")
        owner = self.owners.get(table)
        if owner is None or owner == self.name:
            return None
        becomes = "" if _is_super(self.population, owner) else owner
        since = self.population.find_since(self.name, item)
        if item.privilege == TRIGGER:
            words = f"TRIGGER on {table} of {owner}: code of its own runs as whoever writes to it"
            return Danger(self.name, becomes, TRIGGERS, words, "CREATE TRIGGER …", item, since, database=table.database)
        words = (
            f"owner of the function of trigger {item.securable.column} on {table} of {owner}, which runs as who writes"
        )
        return Danger(
            self.name, becomes, CODE, words, "CREATE OR REPLACE FUNCTION …", item, since, database=table.database
        )
