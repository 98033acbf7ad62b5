"""SQL Server's own rules: logins, `public` and `guest`, what reaches the operating system, settings. Pure.

References: CIS SQL Server is the benchmark for 2017, SQL6 and SQL4 are DISA's STIGs for 2016 and 2014.
"""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, DATABASE_ROLE, DATABASE_USER, OWNER, SCOPES
from whalefall_pipeline.core.findings.making import (
    find_accounts,
    find_held,
    find_members,
    find_privileges,
    find_setting,
    list_held,
    to_path,
)
from whalefall_pipeline.core.findings.model import EngineFindings, Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SERVER, Account, AccountState, Held, Json, Kind

SA_SID = "0x01"
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
PRINCIPALS = Sights(scopes=frozenset({SERVER, DATABASE_USER}))
ON_SERVER = Sights(scopes=frozenset({SERVER}))
SETTINGS = Sights(settings=True)


def is_given(account: Account) -> bool:
    """Return whether the server made the account: `sa` under any name, its own logins, `dbo` and `guest`."""
    name = to_principal(account.username).name
    return account.attributes.get("sid") == SA_SID or name.startswith("##") or name in ("dbo", "guest")


def _list_sql_logins(world: World) -> Collection[AccountState]:
    return [
        state
        for state in world.accounts
        if state.account.attributes.get("principal_type") == "SQL_LOGIN"
        and not state.account.attributes.get("is_disabled")
        and not to_principal(state.account.username).name.startswith("##")
    ]


def _list_sa(world: World) -> Collection[AccountState]:
    return [state for state in world.accounts if state.account.attributes.get("sid") == SA_SID]


def _list_all(world: World) -> Collection[AccountState]:
    return world.accounts


def _list_others(world: World) -> Collection[AccountState]:
    return [*world.holders, *world.everybody]


def _list_public(world: World) -> Collection[AccountState]:
    return [state for state in world.everybody if not state.account.attributes.get("database")]


def _list_database_public(world: World) -> Collection[AccountState]:
    wanted = [state for state in world.everybody if state.account.attributes.get("database")]
    return [state for state in wanted if state.account.attributes["database"] not in SYSTEM_DATABASES]


def _list_guests(world: World) -> Collection[AccountState]:
    return [state for state in world.accounts if to_principal(state.account.username).name == "guest"]


def _describe_sa(_world: World, state: AccountState) -> str:
    return "" if state.account.attributes.get("is_disabled") else "it is enabled"


def _describe_sa_name(_world: World, state: AccountState) -> str:
    return "it has the name that everybody tries" if state.account.username == "sa" else ""


def _describe_unchecked(_world: World, state: AccountState) -> str:
    return "CHECK_POLICY is off" if state.account.attributes.get("is_policy_checked") is False else ""


def _describe_unexpiring(world: World, state: AccountState) -> str:
    off = state.account.attributes.get("is_expiration_checked") is False
    return "CHECK_EXPIRATION is off" if off and world.is_administrator(state) else ""


def _describe_orphaned(_world: World, state: AccountState) -> str:
    return "no login has its SID" if state.account.attributes.get("is_orphaned") else ""


def _describe_contained(_world: World, state: AccountState) -> str:
    return "its password is the database's" if state.account.attributes.get("authentication_type") == "DATABASE" else ""


def _describe_builtin(_world: World, state: AccountState) -> str:
    is_group = state.account.kind is Kind.GROUP and state.account.username.upper().startswith("BUILTIN\\")
    return "all of a group of the operating system may log in" if is_group else ""


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


def _find_trustworthy(world: World) -> Iterator[Hit]:
    names = world.set_to.get("is_trustworthy_on")
    for name in names if isinstance(names, list) else ():
        if name != "msdb":
            yield Hit(object=str(name), message=f"database {name} is TRUSTWORTHY")


def _is_on(value: Json) -> bool:
    return value == 1


RULES = (
    Rule(
        id="MS-01",
        title="The login sa is enabled",
        severity=Severity.HIGH,
        why="Everybody knows its name, it can't be locked out by a policy that is off, and it may do all.",
        remedy="ALTER LOGIN sa DISABLE",
        find=find_accounts(_list_sa, _describe_sa),
        references=("DISA STIG SQL6-D0-016200",),
    ),
    Rule(
        id="MS-02",
        title="The login sa has its first name",
        severity=Severity.LOW,
        why="Half of what is needed to log in as administrator is known.",
        remedy="ALTER LOGIN sa WITH NAME = …",
        find=find_accounts(_list_sa, _describe_sa_name),
        references=("DISA STIG SQL4-00-010200",),
    ),
    Rule(
        id="MS-03",
        title="Login without a password policy",
        severity=Severity.MEDIUM,
        why="Any password will do for it, and no number of wrong ones locks it.",
        remedy="ALTER LOGIN … WITH CHECK_POLICY = ON",
        find=find_accounts(_list_sql_logins, _describe_unchecked),
        looks_at=ON_SERVER,
        references=("CIS SQL Server 2017 4.3",),
    ),
    Rule(
        id="MS-04",
        title="Administrator whose password never expires",
        severity=Severity.MEDIUM,
        why="A password that was stolen years ago still opens the whole server.",
        remedy="ALTER LOGIN … WITH CHECK_EXPIRATION = ON",
        find=find_accounts(_list_sql_logins, _describe_unexpiring),
        looks_at=Sights(administration=True),
        references=("CIS SQL Server 2017 4.2", "PCI DSS 4.0.1 8.3.9"),
    ),
    Rule(
        id="MS-05",
        title="User whose login is gone",
        severity=Severity.MEDIUM,
        why="Whoever makes a login with its SID has its rights; until then nobody misses them.",
        remedy="DROP USER …, or ALTER USER … WITH LOGIN = …",
        find=find_accounts(_list_all, _describe_orphaned),
        looks_at=PRINCIPALS,
        references=("CIS SQL Server 2017 3.3",),
    ),
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
        id="MS-07",
        title="User whose password the database keeps",
        severity=Severity.LOW,
        why="No policy of the server holds for it, and no administrator of the server sees it.",
        remedy="Use a login, or a user of the directory.",
        find=find_accounts(_list_all, _describe_contained),
        looks_at=PRINCIPALS,
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
        id="MS-10",
        title="Group of the operating system that may log in",
        severity=Severity.HIGH,
        why="Administrators of the machine, or all its users, come in without the database's administrators knowing.",
        remedy="Make logins for the people or groups that need them, and drop this one.",
        find=find_accounts(_list_all, _describe_builtin),
        looks_at=ON_SERVER,
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
    Rule(
        id="MS-18",
        title="Database whose code is trusted by the server",
        severity=Severity.HIGH,
        why="With TRUSTWORTHY on, db_owner of a database that an administrator owns is an administrator.",
        remedy="ALTER DATABASE … SET TRUSTWORTHY OFF",
        find=_find_trustworthy,
        looks_at=Sights(settings=True, scopes=frozenset({DATABASE})),
        references=("CIS SQL Server 2017 2.9",),
    ),
    Rule(
        id="MS-19",
        title="xp_cmdshell is enabled",
        severity=Severity.HIGH,
        why="It runs commands of the operating system.",
        remedy="EXECUTE sp_configure 'xp_cmdshell', 0; RECONFIGURE",
        find=find_setting("xp_cmdshell", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.15",),
    ),
    Rule(
        id="MS-20",
        title="Code of the common language runtime is enabled",
        severity=Severity.LOW,
        why="Assemblies can do what Transact-SQL can't.",
        remedy="EXECUTE sp_configure 'clr enabled', 0; RECONFIGURE",
        find=find_setting("clr enabled", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.2",),
    ),
    Rule(
        id="MS-21",
        title="OLE automation is enabled",
        severity=Severity.HIGH,
        why="Transact-SQL can then use any object of the operating system.",
        remedy="EXECUTE sp_configure 'Ole Automation Procedures', 0; RECONFIGURE",
        find=find_setting("Ole Automation Procedures", _is_on),
        looks_at=SETTINGS,
        references=("CIS SQL Server 2017 2.5",),
    ),
    Rule(
        id="MS-22",
        title="Ownership chains cross databases",
        severity=Severity.MEDIUM,
        why="Whoever owns objects in one database reaches those of the same owner in all others.",
        remedy="EXECUTE sp_configure 'cross db ownership chaining', 0; RECONFIGURE",
        find=find_setting("cross db ownership chaining", _is_on),
        looks_at=SETTINGS,
    ),
    Rule(
        id="MS-23",
        title="Queries may open any other data source",
        severity=Severity.MEDIUM,
        why="OPENROWSET connects the server to others, from inside the network, with its own account.",
        remedy="EXECUTE sp_configure 'Ad Hoc Distributed Queries', 0; RECONFIGURE",
        find=find_setting("Ad Hoc Distributed Queries", _is_on),
        looks_at=SETTINGS,
    ),
    Rule(
        id="MS-24",
        title="Passwords are accepted beside the directory's accounts",
        severity=Severity.LOW,
        why="The server's own logins know no central lock, no second factor, and no leaver.",
        remedy="Use Windows authentication alone, where nothing needs the server's own logins.",
        find=find_setting("IsIntegratedSecurityOnly", lambda value: value == 0),
        looks_at=SETTINGS,
    ),
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, "role"}))
