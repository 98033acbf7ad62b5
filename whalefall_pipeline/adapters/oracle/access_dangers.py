"""What lets an account become more than it is on Oracle. Pure.

Sources: Database Security Guide, "Guidelines for Securing User Accounts and Privileges" and "Managing Administrative
Privileges"; SQL Language Reference, "GRANT", the text of each system privilege; Database Utilities, "Required Roles for
Data Pump Export and Import Operations".
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whalefall_pipeline.adapters.oracle.rules import DBA
from whalefall_pipeline.core.access.model import Danger, Population, Wanted
from whalefall_pipeline.core.model import MEMBER, SERVER, Held
from whalefall_pipeline.core.states import find_held

FILE_SCOPES = ("password_file", "container_password_file")
SYSTEM_SCOPES = (SERVER, "database")


class _Way(NamedTuple):
    """How bad a privilege is, and what its holder does with it."""

    rank: int
    step: str


SYSTEM = {
    "GRANT ANY ROLE": _Way(1, "GRANT DBA TO itself"),
    "GRANT ANY PRIVILEGE": _Way(1, "grants itself any system privilege"),
    "GRANT ANY OBJECT PRIVILEGE": _Way(2, "grants itself any object privilege"),
    "ALTER USER": _Way(1, "ALTER USER SYSTEM IDENTIFIED BY ..."),
    "BECOME USER": _Way(1, "imports objects in the name of any user"),
    "CREATE ANY PROCEDURE": _Way(1, "replaces a procedure that runs with a DBA's rights"),
    "ALTER ANY PROCEDURE": _Way(3, "recompiles others' procedures with debugging or other settings"),
    "EXECUTE ANY PROCEDURE": _Way(2, "calls a procedure that runs with its owner's rights"),
    "CREATE ANY TRIGGER": _Way(1, "makes a trigger that runs with the rights of its schema's owner"),
    "CREATE ANY JOB": _Way(1, "makes a job that runs as any user"),
    "CREATE ANY INDEX": _Way(2, "makes an index whose function runs when others write"),
    "CREATE ANY VIEW": _Way(2, "makes a view with the rights of its schema's owner"),
    "CREATE EXTERNAL JOB": _Way(2, "runs a program of the operating system"),
    "CREATE ANY LIBRARY": _Way(1, "runs a library of the operating system as Oracle's own user"),
    "CREATE LIBRARY": _Way(2, "runs a library of the operating system"),
    "CREATE ANY DIRECTORY": _Way(2, "reads and writes files as Oracle's own user"),
    "ALTER SYSTEM": _Way(3, "changes parameters of the instance"),
    "ALTER DATABASE": _Way(3, "changes the database and its files"),
    "INHERIT ANY PRIVILEGES": _Way(2, "its procedures with invoker's rights have those of whoever calls them"),
}
_READS_VERIFIERS = _Way(2, "reads the password verifiers, and guesses passwords from them")
OBJECTS = {
    ("SYS", "USER$", "SELECT"): _READS_VERIFIERS,
    ("SYS", "USER$", "READ"): _READS_VERIFIERS,
    ("SYS", "USER$", "UPDATE"): _Way(1, "writes another password verifier"),
    ("SYS", "DBMS_SYS_SQL", "EXECUTE"): _Way(1, "runs statements as any user (PARSE_AS_USER)"),
    ("SYS", "DBMS_IJOB", "EXECUTE"): _Way(1, "makes jobs in the name of any user"),
}
ADMINISTRATIVE = {
    "SYSBACKUP": _Way(3, "CONNECT ... AS SYSBACKUP restores the database elsewhere"),
    "SYSDG": _Way(3, "CONNECT ... AS SYSDG administers standby databases"),
    "SYSASM": _Way(3, "CONNECT ... AS SYSASM administers the storage"),
    "SYSKM": _Way(4, "CONNECT ... AS SYSKM administers the keystore"),
    "SYSOPER": _Way(4, "CONNECT ... AS SYSOPER starts and stops the instance"),
}
LOGINS = 5
"""The rank of what leads to another account only."""
THROUGH, GUARDED = "CONNECT THROUGH", "AUTHENTICATION REQUIRED"
IMPORTING = ("DATAPUMP_IMP_FULL_DATABASE", "IMP_FULL_DATABASE")

DANGEROUS: Sequence[Wanted] = (
    *(Wanted(scope, privilege=privilege) for scope in SYSTEM_SCOPES for privilege in SYSTEM),
    *(Wanted(scope) for scope in FILE_SCOPES),
    Wanted("proxy"),
    *(
        Wanted(scope, None, schema, name, privilege=privilege)
        for schema, name, privilege in OBJECTS
        for scope in ("table", "package")
    ),
)


def find_dangers(population: Population) -> Iterator[Danger]:
    """Yield the superusers, and what lets others become one."""
    yield Danger(DBA, "", 0, "role DBA", "")
    yield Danger("SYS", "", 0, "SYS", "")
    for role in IMPORTING:
        yield Danger(role, "", 1, f"role {role}", "imports users, grants and code in the name of any user")
    wanted = find_held(population.accounts, lambda item: _find_way(item) is not None)
    for username, state in population.accounts.items():
        for item in state.held & wanted:
            way = _find_way(item)
            if way is not None:
                since = population.find_since(username, item)
                database = item.securable.database
                yield Danger(username, "", way.rank, _format_held(item), way.step, item, since, database=database)
    yield from _find_proxies(population)


def _find_proxies(population: Population) -> Iterator[Danger]:
    """Yield who may log in as another user by CONNECT THROUGH, where it need not bring that user's password.

    A client that is granted DBA is left out: the way to that role tells of it.
    """
    accounts = population.accounts
    held = find_held(accounts, lambda item: item.securable.scope == "proxy")
    for username, state in accounts.items():
        own = sorted(state.held & held)
        guarded = {item.securable for item in own if item.privilege == GUARDED}
        for item in own:
            client, database = item.securable.object, item.securable.database
            if item.privilege == THROUGH and item.securable not in guarded and not _is_dba(population, client):
                words, since = f"proxy for {client}", population.find_since(username, item)
                step = f"CONNECT {username}[{client}]"
                yield Danger(username, client, LOGINS, words, step, item, since, own=True, database=database)


def _is_dba(population: Population, username: str) -> bool:
    state = population.accounts.get(username)
    return state is not None and any(item.privilege == MEMBER and item.securable.object == DBA for item in state.held)


def _find_way(item: Held) -> _Way | None:
    privilege, securable, _, effect = item
    if effect != "grant":
        return None
    if securable.scope in FILE_SCOPES:
        return _Way(0, "") if privilege == "SYSDBA" else ADMINISTRATIVE.get(privilege)
    if securable.scope in SYSTEM_SCOPES:
        return SYSTEM.get(privilege)
    return OBJECTS.get((securable.schema, securable.object, privilege))


def _format_held(item: Held) -> str:
    if item.securable.scope in FILE_SCOPES:
        return f"{item.privilege} (password file)"
    return item.privilege if item.securable.scope in SYSTEM_SCOPES else f"{item.privilege} on {item.securable}"
