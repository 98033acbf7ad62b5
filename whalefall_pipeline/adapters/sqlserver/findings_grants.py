"""Rules of SQL Server: what accounts hold, and are members of. Pure."""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.sqlserver.findings_accounts import ON_SERVER, PRINCIPALS
from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, DATABASE_ROLE, DATABASE_USER, OWNER, SCOPES
from whalefall_pipeline.core.findings.making import find_held, find_members, find_privileges, list_held, to_path
from whalefall_pipeline.core.findings.model import Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SERVER, AccountState, Held

CATALOG_SCHEMAS = frozenset({"sys", "INFORMATION_SCHEMA"})
SYSTEM_DATABASES = frozenset({"master", "msdb", "tempdb", "model"})
IN_DATABASES = frozenset(scope for scope in SCOPES if scope not in (SERVER, "login", "server_role", "endpoint", "role"))
PUBLIC_ON_SERVER = frozenset({"VIEW ANY DATABASE", "CONNECT"})
IMPERSONATE = frozenset({"IMPERSONATE", "IMPERSONATE ANY LOGIN"})
ALTERS_SERVER = frozenset(
    {
        *("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE", "ALTER ANY CREDENTIAL", "ALTER ANY LINKED SERVER"),
        *("ALTER ANY DATABASE", "ALTER SETTINGS", "ALTER SERVER STATE", "ALTER ANY SERVER AUDIT"),
    }
)
UNSAFE_CODE = frozenset({"UNSAFE ASSEMBLY", "EXTERNAL ACCESS ASSEMBLY"})
COMMANDS = frozenset({"xp_cmdshell", "sp_OACreate", "sp_OAMethod", "xp_regread", "xp_regwrite", "xp_dirtree"})
STRONG_DATABASE_ROLES = frozenset({"db_owner", "db_securityadmin", "db_accessadmin"})


def _list_others(world: World) -> Collection[AccountState]:
    return [*world.holders, *world.everybody]


def _list_public(world: World) -> Collection[AccountState]:
    return [state for state in world.everybody if not state.account.attributes.get("database")]


def _list_database_public(world: World) -> Collection[AccountState]:
    wanted = [state for state in world.everybody if state.account.attributes.get("database")]
    return [state for state in wanted if state.account.attributes["database"] not in SYSTEM_DATABASES]


def _list_guests(world: World) -> Collection[AccountState]:
    return [state for state in world.accounts if to_principal(state.account.username).name == "guest"]


def _connects_guest(item: Held) -> bool:
    return item.effect == "grant" and item.privilege == "CONNECT" and item.securable.database not in SYSTEM_DATABASES


def _is_beyond_default(item: Held) -> bool:
    return item.effect == "grant" and item.privilege not in PUBLIC_ON_SERVER


def _is_granted(item: Held) -> bool:
    """Return whether somebody granted it: what public may read of the catalog itself is there from the start."""
    return item.effect == "grant" and item.privilege != OWNER and item.securable.schema not in CATALOG_SCHEMAS


def _is_command(item: Held) -> bool:
    return item.effect == "grant" and item.securable.object in COMMANDS and item.securable.database == "master"


def _is_strong_role(role: str) -> bool:
    principal = to_principal(role)
    return bool(principal.database) and principal.name in STRONG_DATABASE_ROLES


def _owns_database(item: Held) -> bool:
    return item.privilege == OWNER


@PerAccount
def _find_owners(world: World) -> Iterator[Hit]:
    for hit in find_held({DATABASE}, _owns_database)(world):
        yield hit._replace(message=f"{hit.account} owns {list_held(hit.held).replace('OWNER on ', '')}")


RULES = (
    Rule(
        id="MS-06",
        title="Every login may enter a database",
        severity=Severity.HIGH,
        why="A login without a user there comes in as guest, with what guest and public have.",
        remedy="REVOKE CONNECT FROM guest",
        find=find_held({DATABASE}, _connects_guest, who=_list_guests),
        looks_at=Sights(scopes=frozenset({DATABASE})),
        references=("CIS SQL Server 2017 3.2",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-08",
        title="Every login has more than the default on the server",
        severity=Severity.HIGH,
        why="What public has, every login has, those that are made later among them.",
        remedy="REVOKE … FROM public",
        find=find_held({SERVER, "login", "server_role", "endpoint"}, _is_beyond_default, who=_list_public),
        looks_at=ON_SERVER,
        references=("CIS SQL Server 2017 3.8",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-09",
        title="Every user of a database has privileges in it",
        severity=Severity.MEDIUM,
        why="What public has there, each of its users has, guest among them.",
        remedy="REVOKE … FROM public, and grant it to a role",
        find=find_held(IN_DATABASES, _is_granted, who=_list_database_public),
        looks_at=Sights(scopes=IN_DATABASES),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-11",
        title="Account that may act as another",
        severity=Severity.HIGH,
        why="EXECUTE AS gives it all rights of the other account, and they are not listed as its own.",
        remedy="REVOKE IMPERSONATE …",
        find=find_privileges({SERVER, "login", DATABASE_USER}, IMPERSONATE, who=_list_others, by=to_path),
        looks_at=PRINCIPALS,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-12",
        title="Account that may change logins, roles or settings of the server",
        severity=Severity.HIGH,
        why="Each of these permissions leads to more, up to all.",
        remedy="Revoke it, or make its holder an administrator who is known as one.",
        find=find_privileges({SERVER}, ALTERS_SERVER, who=_list_others),
        looks_at=ON_SERVER,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-13",
        title="Account that may load unsafe code into the server",
        severity=Severity.CRITICAL,
        why="Such an assembly runs as the server, outside all permissions.",
        remedy="Revoke it, and sign assemblies with a certificate instead.",
        find=find_privileges({SERVER}, UNSAFE_CODE, who=_list_others),
        looks_at=ON_SERVER,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-14",
        title="Account that reads files of the server",
        severity=Severity.MEDIUM,
        why="Bulk operations read all that the service's account can read.",
        remedy="REVOKE ADMINISTER BULK OPERATIONS …",
        find=find_privileges({SERVER}, {"ADMINISTER BULK OPERATIONS"}, who=_list_others),
        looks_at=ON_SERVER,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-15",
        title="Account that may run commands of the operating system",
        severity=Severity.CRITICAL,
        why="Procedures such as xp_cmdshell leave the database with the rights of the service's account.",
        remedy="REVOKE EXECUTE ON …",
        find=find_held({"routine"}, _is_command, who=_list_others, by=to_path),
        looks_at=Sights(scopes=frozenset({"routine"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-16",
        title="Member of a strong role in a database",
        severity=Severity.MEDIUM,
        why="db_owner may do all there, and db_securityadmin and db_accessadmin may give themselves that.",
        remedy="Give a role of your own, with what is needed.",
        find=find_members(_is_strong_role),
        looks_at=Sights(scopes=frozenset({DATABASE_ROLE})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MS-17",
        title="Database that belongs to a login",
        severity=Severity.LOW,
        why="Its owner is dbo there, whatever is revoked, and with TRUSTWORTHY on more than that.",
        remedy="ALTER AUTHORIZATION ON DATABASE::… TO a login that is disabled and has no rights",
        find=_find_owners,
        looks_at=Sights(scopes=frozenset({DATABASE})),
    ),
)
