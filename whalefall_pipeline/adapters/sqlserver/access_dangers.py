"""What lets a principal become more than it is on SQL Server. Pure.

Sources, Microsoft Learn: "Server-Level Roles" (securityadmin "should be treated as equivalent to the sysadmin role"),
"TRUSTWORTHY Database Property" and "Extending Database Impersonation by Using EXECUTE AS" (a member of db_owner in a
trustworthy database becomes what its owner is), "Database-Level Roles" (db_securityadmin can elevate), "xp_cmdshell",
"Server Configuration: clr strict security" (UNSAFE ASSEMBLY).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from whalefall_pipeline.adapters.sqlserver.access_permissions import CONTROL, CONTROL_SERVER
from whalefall_pipeline.adapters.sqlserver.access_principals import SYSADMIN, Principals
from whalefall_pipeline.adapters.sqlserver.access_takeovers import find_takeovers
from whalefall_pipeline.adapters.sqlserver.names import quote_name, to_username
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, OWNER
from whalefall_pipeline.core.access.model import Danger, Population, Wanted
from whalefall_pipeline.core.model import SERVER, Held, Securable

TRUSTWORTHY = "is_trustworthy_on"
DANGEROUS: Sequence[Wanted] = (
    Wanted(SERVER),
    Wanted(DATABASE),
    Wanted("login"),
    Wanted("server_role"),
    Wanted("database_user"),
    Wanted("role_definition"),
    Wanted("routine", "master", "sys", "xp_cmdshell", ""),
)


class _Way(NamedTuple):
    """What a permission of the server lets its holder do, and how bad that is."""

    rank: int
    step: str


_BY_PERMISSION = {
    "UNSAFE ASSEMBLY": _Way(1, "CREATE ASSEMBLY ... WITH PERMISSION_SET = UNSAFE runs code as the service's account"),
    "EXTERNAL ACCESS ASSEMBLY": _Way(2, "CREATE ASSEMBLY ... reads and writes files as the service's account"),
    "ALTER SETTINGS": _Way(3, "sp_configure turns on what runs programs"),
    "ADMINISTER BULK OPERATIONS": _Way(3, "OPENROWSET(BULK ...) reads files as the service's account"),
    "ALTER ANY LINKED SERVER": _Way(3, "a linked server logs in elsewhere with a stored password"),
    "ALTER ANY CREDENTIAL": _Way(3, "a credential is mapped to a login, which then has it"),
}
_BY_ROLE = {
    "securityadmin": _Way(1, "grants itself what sysadmin may: to be treated as sysadmin"),
    "serveradmin": _Way(3, "sp_configure turns on what runs programs"),
    "setupadmin": _Way(3, "a linked server logs in elsewhere with a stored password"),
    "bulkadmin": _Way(3, "OPENROWSET(BULK ...) reads files as the service's account"),
}


def find_dangers(population: Population) -> list[Danger]:
    """Return the superusers, and what lets others become one."""
    principals = Principals(population)
    return [
        *_list_superusers(population),
        *_list_of_server(population),
        *_list_of_databases(principals),
        *find_takeovers(principals),
    ]


def _list_held(population: Population, privilege: str, securable: Securable) -> Iterator[tuple[str, Held]]:
    for option in (False, True):
        item = Held(privilege, securable, option)
        for username, state in population.accounts.items():
            if item in state.held:
                yield username, item


def _list_superusers(population: Population) -> Iterator[Danger]:
    yield Danger(SYSADMIN, "", 0, "fixed server role sysadmin", "")
    for username, item in _list_held(population, CONTROL_SERVER, Securable(SERVER)):
        yield Danger(username, "", 0, CONTROL_SERVER, "", item, population.find_since(username, item))


def _list_of_server(population: Population) -> Iterator[Danger]:
    for role, way in _BY_ROLE.items():
        yield Danger(role, "", way.rank, f"fixed server role {role}", way.step)
    for permission, way in _BY_PERMISSION.items():
        for username, item in _list_held(population, permission, Securable(SERVER)):
            yield Danger(username, "", way.rank, permission, way.step, item, population.find_since(username, item))
    program = Securable("routine", "master", "sys", "xp_cmdshell")
    for username, item in _list_held(population, "EXECUTE", program):
        words = "EXECUTE on xp_cmdshell"
        since = population.find_since(username, item)
        yield Danger(username, "", 1, words, "EXEC xp_cmdshell runs programs", item, since, database="master")


def _list_of_databases(principals: Principals) -> Iterator[Danger]:
    """Yield who becomes a database's owner, and in a trustworthy one all that the owner is on the server."""
    population = principals.population
    trusted = cast("list[str]", population.attributes.get(TRUSTWORTHY) or [])
    for database in principals.databases | set(trusted):
        owners = [name for name, _ in _list_held(population, OWNER, Securable(DATABASE, database))]
        owner = owners[0] if owners else ""
        securityadmin = to_username(database, "db_securityadmin")
        step = f"USE {quote_name(database)}; grants permissions to a role of its own"
        words = f"fixed role db_securityadmin of {database}"
        yield Danger(securityadmin, to_username(database, "dbo"), 4, words, step, database=database)
        if database in trusted and owner:
            yield from _list_of_trusted(principals, database, owner)


def _list_of_trusted(principals: Principals, database: str, owner: str) -> Iterator[Danger]:
    is_superuser = principals.is_superuser(owner)
    becomes, rank = ("", 1) if is_superuser else (owner, 3)
    step = f"USE {quote_name(database)}; EXECUTE AS USER = N'dbo'"
    words = f"{database} is TRUSTWORTHY and owned by {owner}"
    yield Danger(to_username(database, "db_owner"), becomes, rank, f"db_owner, {words}", step, database=database)
    for username, item in _list_held(principals.population, CONTROL, Securable(DATABASE, database)):
        since = principals.population.find_since(username, item)
        yield Danger(username, becomes, rank, f"CONTROL, {words}", step, item, since, database=database)
