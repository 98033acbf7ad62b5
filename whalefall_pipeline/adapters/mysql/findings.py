"""The rules of MySQL and MariaDB: how accounts log in and from where, what they hold on the server, settings. Pure.

References: CIS MySQL is the benchmark for MySQL Enterprise Edition 5.7, PCI DSS is version 4.0.1.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from whalefall_pipeline.adapters.mysql.access_rows import Naming
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import find_only_database, to_address
from whalefall_pipeline.adapters.mysql.rows import EXTERNAL_PLUGINS, PROXY, USAGE
from whalefall_pipeline.adapters.mysql.rules import CATEGORIES, DEFAULT_LIFETIME
from whalefall_pipeline.core.findings.making import (
    find_accounts,
    find_held,
    find_privileges,
    find_setting,
    to_everybody,
    to_path,
    to_whole_account,
)
from whalefall_pipeline.core.findings.model import EngineFindings, Find, Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SERVER, Account, AccountState, Held, Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

FULL_DATA = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"})
WEAK_PLUGINS = frozenset({"mysql_native_password", "mysql_old_password", "sha256_password"})
READING = frozenset({"SELECT", "SHOW VIEW", "LOCK TABLES"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "127.0.0.0/255.0.0.0"})
ACTING_FOR_OTHERS = frozenset({"SET_USER_ID", "SET_ANY_DEFINER", "SET USER", "SYSTEM_USER", "ROLE_ADMIN"})
SETTING_THE_SERVER = frozenset(
    {"SYSTEM_VARIABLES_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "CONNECTION_ADMIN", "CONNECTION ADMIN", "CLONE_ADMIN"}
)
SYSTEM = "mysql"
SYSTEM_SCOPES = frozenset({"database", "table", "column"})
PATTERN_SCOPES = ("database",)
GRANT_SCOPES = frozenset(CATEGORIES) - {"role"}
ACCOUNTS = Sights(accounts=True)
ON_SERVER = Sights(scopes=frozenset({SERVER}), accounts=True)


def is_given(account: Account) -> bool:
    """Return whether the installation made the account; `root` from this host is among these."""
    return bool(account.attributes.get("built_in")) or account.username == "root@localhost"


def _list_users(world: World) -> list[AccountState]:
    return [state for state in world.accounts if state.account.kind is Kind.USER and not _is_built_in(state)]


def _list_open(world: World) -> list[AccountState]:
    return [state for state in _list_users(world) if not world.amounts_to(state, LOCKED)]


def _is_built_in(state: AccountState) -> bool:
    return bool(state.account.attributes.get("built_in"))


def _describe_anonymous(_world: World, state: AccountState) -> str:
    return "" if to_address(state.account.username).user else "has no name: any name that no other account has is it"


def _list_plugins(state: AccountState) -> list[str]:
    others = state.account.attributes.get("other_plugins")
    return [str(state.account.attributes.get("plugin", "")), *map(str, others if isinstance(others, list) else ())]


def _describe_no_password(_world: World, state: AccountState) -> str:
    attributes = state.account.attributes
    external = EXTERNAL_PLUGINS.intersection(_list_plugins(state)) or attributes.get("second_factors")
    return "" if external or attributes.get("has_password") is not False else "logs in without a password"


def _holds_anything(state: AccountState) -> bool:
    return any(item.privilege != USAGE and item.effect == "grant" for item in state.held)


def _describe_any_host(_world: World, state: AccountState) -> str:
    host = to_address(state.account.username).host
    return "may come from any host" if host in ("%", "") and _holds_anything(state) else ""


def _describe_weak_plugin(_world: World, state: AccountState) -> str:
    weak = sorted(WEAK_PLUGINS.intersection(_list_plugins(state)))
    return f"logs in by {', '.join(weak)}" if weak and state.account.attributes.get("has_password") else ""


def _describe_no_tls(world: World, state: AccountState) -> str:
    is_remote = to_address(state.account.username).host not in LOCAL_HOSTS
    required = state.account.attributes.get("tls_requirement") or world.set_to.get("require_secure_transport") is True
    return "may come over the network without TLS" if is_remote and not required else ""


def _describe_never_expires(world: World, state: AccountState) -> str:
    attributes = state.account.attributes
    days = attributes.get("password_lifetime_days", world.set_to.get(DEFAULT_LIFETIME))
    return "its password never expires" if attributes.get("has_password") and not days else ""


def _describe_expired(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, PASSWORD_EXPIRED)
    return f"{why[0]}, and it is not locked" if why else ""


@PerAccount
def _find_old_passwords(world: World) -> Iterator[Hit]:
    limit = timedelta(days=world.options.password_days)
    for state in _list_open(world):
        changed = state.account.attributes.get("password_last_changed")
        if isinstance(changed, str) and state.account.attributes.get("has_password"):
            text = f"{state.account.username}: its password was last changed at {changed}"
            yield Hit(state.account.username, message=text, since=datetime.fromisoformat(changed) + limit)


def _describe_second_password(_world: World, state: AccountState) -> str:
    return "has an old password beside its new one" if state.account.attributes.get("has_second_password") else ""


def _means_several(item: Held) -> bool:
    return item.effect == "grant" and find_only_database(item.securable.database) is None


@PerAccount
def _find_patterns(world: World) -> Iterator[Hit]:
    """Find grants on patterns; with `partial_revokes` there are none, since names are names then."""
    if world.set_to.get("partial_revokes") is not True:
        yield from find_held(PATTERN_SCOPES, _means_several, who=_list_others, by=to_path)(world)


def _find_on_system(*, reading: bool) -> Find:
    """Return a function that finds what reads, or changes, the database `mysql`; a pattern may mean it too."""

    def find(world: World) -> Iterator[Hit]:
        settings = world.set_to
        naming = Naming(settings.get("partial_revokes") is not True, bool(settings.get("lower_case_table_names")))

        def is_wanted(item: Held) -> bool:
            if item.effect != "grant" or item.privilege == USAGE or (item.privilege in READING) is not reading:
                return False
            means = naming.means if item.securable.scope == "database" else naming.is_same
            return means(item.securable.database, SYSTEM)

        yield from find_held(SYSTEM_SCOPES, is_wanted, who=_list_others, by=to_whole_account)(world)

    return PerAccount(find)


def _is_full(item: Held) -> bool:
    return item.effect == "grant" and item.privilege in FULL_DATA


def _is_impersonation(item: Held) -> bool:
    return item.privilege == PROXY


def _list_others(world: World) -> Collection[AccountState]:
    """Return all that may be found to hold too much on the server: everybody too."""
    return [*world.holders, *world.everybody]


RULES = (
    Rule(
        id="MY-01",
        title="Anonymous account",
        severity=Severity.CRITICAL,
        why="Whoever gives a name that no account has is let in, and nothing says who it was.",
        remedy="DROP USER ''@'host'",
        find=find_accounts(_list_users, _describe_anonymous),
        looks_at=ACCOUNTS,
        references=("CIS MySQL 5.7 7.8",),
    ),
    Rule(
        id="MY-02",
        title="Login without a password",
        severity=Severity.CRITICAL,
        why="The name alone opens it, and names are no secret.",
        remedy="ALTER USER … IDENTIFIED BY …, or ACCOUNT LOCK",
        find=find_accounts(_list_open, _describe_no_password),
        looks_at=ACCOUNTS,
        references=("CIS MySQL 5.7 7.5",),
    ),
    Rule(
        id="MY-03",
        title="Account with privileges that may come from any host",
        severity=Severity.MEDIUM,
        why="A stolen password is of use from everywhere.",
        remedy="RENAME USER … to one with the host or network that it comes from",
        find=find_accounts(_list_open, _describe_any_host),
        looks_at=Sights(scopes=GRANT_SCOPES, accounts=True),
        references=("CIS MySQL 5.7 7.7",),
    ),
    Rule(
        id="MY-04",
        title="Login by an outdated method",
        severity=Severity.MEDIUM,
        why="Their verifiers are fast to guess from, and mysql_native_password's logs in as it is once it is stolen.",
        remedy="ALTER USER … IDENTIFIED WITH caching_sha2_password (MySQL) or VIA ed25519 (MariaDB)",
        find=find_accounts(_list_open, _describe_weak_plugin),
        looks_at=ACCOUNTS,
    ),
    Rule(
        id="MY-05",
        title="Account that may come over the network without TLS",
        severity=Severity.MEDIUM,
        why="What it sends and reads can be read, and changed, on the way.",
        remedy="ALTER USER … REQUIRE SSL, or require_secure_transport = ON",
        find=find_accounts(_list_open, _describe_no_tls),
        looks_at=Sights(accounts=True, settings=True),
        references=("CIS MySQL 5.7 8.2", "PCI DSS 4.0.1 8.3.2"),
    ),
    Rule(
        id="MY-06",
        title="Login whose password never expires",
        severity=Severity.LOW,
        why="A password that was stolen years ago still opens it.",
        remedy="ALTER USER … PASSWORD EXPIRE INTERVAL 90 DAY, or default_password_lifetime",
        find=find_accounts(_list_open, _describe_never_expires),
        looks_at=Sights(accounts=True, settings=True),
        references=("PCI DSS 4.0.1 8.3.9",),
    ),
    Rule(
        id="MY-07",
        title="Login whose password has expired and that is not locked",
        severity=Severity.LOW,
        why="Whoever has the old password may set the new one.",
        remedy="ALTER USER … ACCOUNT LOCK, if nobody asks for it",
        find=find_accounts(_list_open, _describe_expired),
        looks_at=Sights(accounts=True, settings=True),
    ),
    Rule(
        id="MY-08",
        title="Password that was not changed for long",
        severity=Severity.LOW,
        why="The longer a password is in use, the more have seen it.",
        remedy="ALTER USER … IDENTIFIED BY …; the number of days is `password_days`",
        find=_find_old_passwords,
        looks_at=ACCOUNTS,
        references=("PCI DSS 4.0.1 8.3.9",),
    ),
    Rule(
        id="MY-09",
        title="Account that reads and writes files on the server",
        severity=Severity.HIGH,
        why="FILE reads all that the server's user can read, and writes files where none are.",
        remedy="REVOKE FILE ON *.*",
        find=find_privileges({SERVER}, {"FILE"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.2",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-10",
        title="Account that sees the statements of others",
        severity=Severity.MEDIUM,
        why="PROCESS shows what others run, passwords in their statements among it.",
        remedy="REVOKE PROCESS ON *.*",
        find=find_privileges({SERVER}, {"PROCESS"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.3",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-11",
        title="Account that may stop the server",
        severity=Severity.MEDIUM,
        why="One statement ends the service for all.",
        remedy="REVOKE SHUTDOWN ON *.*",
        find=find_privileges({SERVER}, {"SHUTDOWN"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.5",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-12",
        title="Account that makes accounts",
        severity=Severity.HIGH,
        why="CREATE USER sets the passwords of others, and so takes over what they may do.",
        remedy="REVOKE CREATE USER ON *.*",
        find=find_privileges({SERVER}, {"CREATE USER"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.6",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-13",
        title="Account that reads the replication stream",
        severity=Severity.MEDIUM,
        why="Every change of every table is in it, whatever the account was granted.",
        remedy="REVOKE REPLICATION SLAVE ON *.*, unless it is the account of a replica",
        find=find_privileges({SERVER}, {"REPLICATION SLAVE"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.8",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-14",
        title="Account that reads or changes the data of all databases",
        severity=Severity.HIGH,
        why="It reaches the accounts' own tables too, and each database that is made later.",
        remedy="Revoke it ON *.*, and grant it on the databases that need it.",
        find=find_held((SERVER,), _is_full, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-15",
        title="Account that may change the accounts' own tables",
        severity=Severity.CRITICAL,
        why="The database `mysql` holds all grants and verifiers: whoever writes there has what it likes.",
        remedy="Revoke it.",
        find=_find_on_system(reading=False),
        looks_at=Sights(scopes=SYSTEM_SCOPES, accounts=True, settings=True),
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-16",
        title="Account that may log in as another",
        severity=Severity.HIGH,
        why="PROXY gives it all rights of the other account, and the other's are not listed as its own.",
        remedy="REVOKE PROXY ON … FROM …",
        find=find_held(("proxy",), _is_impersonation, who=_list_others, by=to_path),
        looks_at=Sights(scopes=frozenset({"proxy"}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-17",
        title="Everybody holds privileges",
        severity=Severity.HIGH,
        why="They are every account's that comes from there, those that are made later among them.",
        remedy="Revoke them from everybody (on MySQL: delete the row without a user in mysql.db).",
        find=find_held(
            None,
            lambda item: item.effect == "grant" and item.privilege != USAGE,
            who=to_everybody,
            by=to_whole_account,
        ),
        looks_at=Sights(scopes=GRANT_SCOPES),
    ),
    Rule(
        id="MY-18",
        title="Account that may act for others",
        severity=Severity.HIGH,
        why="It makes routines that run with the rights of others, gives roles, or can't be ended by administrators.",
        remedy="Revoke the privilege.",
        find=find_privileges({DYNAMIC, SERVER}, ACTING_FOR_OTHERS, who=_list_others, by=to_whole_account),
        looks_at=Sights(scopes=frozenset({DYNAMIC, SERVER}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-19",
        title="Account that may change the server's settings",
        severity=Severity.MEDIUM,
        why="Settings decide about passwords, logs and encryption for all.",
        remedy="Revoke the privilege.",
        find=find_privileges({DYNAMIC, SERVER}, SETTING_THE_SERVER, who=_list_others, by=to_whole_account),
        looks_at=Sights(scopes=frozenset({DYNAMIC, SERVER}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-20",
        title="Grant on a pattern that means several databases",
        severity=Severity.LOW,
        why="`_` and `%` are wildcards: a grant on `sales_eu` also holds on `salesXeu`, and on what is made later.",
        remedy="Revoke it, and grant it with the wildcard escaped (`sales\\_eu`).",
        find=_find_patterns,
        looks_at=Sights(scopes=frozenset(PATTERN_SCOPES), accounts=True, settings=True),
    ),
    Rule(
        id="MY-21",
        title="Account with two passwords",
        severity=Severity.LOW,
        why="The old password was to go, and still opens the account.",
        remedy="ALTER USER … DISCARD OLD PASSWORD",
        find=find_accounts(_list_open, _describe_second_password),
        looks_at=ACCOUNTS,
    ),
    Rule(
        id="MY-22",
        title="Clients can be made to send their files",
        severity=Severity.LOW,
        why="With local_infile a server, or who took its place, asks clients for files of theirs.",
        remedy="local_infile = OFF",
        find=find_setting("local_infile", lambda value: value is True),
        looks_at=Sights(settings=True),
    ),
    Rule(
        id="MY-23",
        title="Functions are logged without a check that they are safe",
        severity=Severity.LOW,
        why="With log_bin_trust_function_creators no SUPER is needed to make a function that writes on replicas.",
        remedy="log_bin_trust_function_creators = OFF",
        find=find_setting("log_bin_trust_function_creators", lambda value: value is True),
        looks_at=Sights(settings=True),
    ),
    Rule(
        id="MY-24",
        title="Account that reads the accounts' own tables",
        severity=Severity.LOW,
        why="Verifiers that are read can be guessed from. A collector needs it: waive that one.",
        remedy="Revoke SELECT on mysql.*",
        find=_find_on_system(reading=True),
        looks_at=Sights(scopes=SYSTEM_SCOPES, accounts=True, settings=True),
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
)

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, "role"}))
