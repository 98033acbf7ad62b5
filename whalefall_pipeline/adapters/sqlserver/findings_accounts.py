"""Rules of SQL Server: how accounts log in, and what they are by themselves. Pure."""

from collections.abc import Collection

from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE_USER
from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SERVER, AccountState, Kind

SA_SID = "0x01"
PRINCIPALS = Sights(scopes=frozenset({SERVER, DATABASE_USER}))
ON_SERVER = Sights(scopes=frozenset({SERVER}))


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


RULES = (
    Rule(
        id="MS-01",
        title="The login sa is enabled",
        severity=Severity.HIGH,
        why="Everybody knows its name, it can't be locked out by a policy that is off, and it may do all.",
        remedy="ALTER LOGIN sa DISABLE",
        find=find_accounts(_list_sa, _describe_sa),
        references=("CIS SQL Server 2017 2.13", "DISA STIG SQL6-D0-016200"),
    ),
    Rule(
        id="MS-02",
        title="The login sa has its first name",
        severity=Severity.LOW,
        why="Half of what is needed to log in as administrator is known.",
        remedy="ALTER LOGIN sa WITH NAME = …",
        find=find_accounts(_list_sa, _describe_sa_name),
        references=("CIS SQL Server 2017 2.14", "DISA STIG SQL4-00-010200"),
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
        id="MS-07",
        title="User whose password the database keeps",
        severity=Severity.LOW,
        why="No policy of the server holds for it, and no administrator of the server sees it.",
        remedy="Use a login, or a user of the directory.",
        find=find_accounts(_list_all, _describe_contained),
        looks_at=PRINCIPALS,
        references=("CIS SQL Server 2017 3.4",),
    ),
    Rule(
        id="MS-10",
        title="Group of the operating system that may log in",
        severity=Severity.HIGH,
        why="Administrators of the machine, or all its users, come in without the database's administrators knowing.",
        remedy="Make logins for the people or groups that need them, and drop this one.",
        find=find_accounts(_list_all, _describe_builtin),
        looks_at=ON_SERVER,
        references=("CIS SQL Server 2017 3.9",),
    ),
)
