"""Rules of MySQL and MariaDB: how accounts log in, and what they are by themselves. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from whalefall_pipeline.adapters.mysql.names import to_address
from whalefall_pipeline.adapters.mysql.rows import ED25519, EXTERNAL_PLUGINS, NO_LOGIN_PLUGIN, USAGE
from whalefall_pipeline.adapters.mysql.rules import CATEGORIES, DEFAULT_LIFETIME, list_plugins
from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Hit, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Held, Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

WEAK_PLUGINS = frozenset({"mysql_native_password", "mysql_old_password", "sha256_password"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "127.0.0.0/255.0.0.0"})
STAYING = frozenset({"unix_socket", "auth_socket", "named_pipe", NO_LOGIN_PLUGIN})
"""Plugins that let nobody in over a network, whatever the host part says."""
GRANT_SCOPES = frozenset(CATEGORIES) - {"role"}
ACCOUNTS = Sights(accounts=True)


def _list_users(world: World) -> list[AccountState]:
    return [state for state in world.accounts if state.account.kind is Kind.USER and not _is_built_in(state)]


def _list_open(world: World) -> list[AccountState]:
    locked = world.find_able(LOCKED)
    return [state for state in world.choose(_list_users) if state.account.username not in locked]


def _list_expired(world: World) -> list[AccountState]:
    expired = world.find_able(PASSWORD_EXPIRED)
    return [state for state in world.choose(_list_open) if state.account.username in expired] if expired else []


def _is_built_in(state: AccountState) -> bool:
    return bool(state.account.attributes.get("built_in"))


def _describe_anonymous(_world: World, state: AccountState) -> str:
    return "" if to_address(state.account.username).user else "has no name: any name that no other account has is it"


def _describe_no_password(_world: World, state: AccountState) -> str:
    attributes = state.account.attributes
    if attributes.get("has_empty_password"):
        return "logs in without a password, beside its other ways"
    if attributes.get("has_password") is not False:
        return ""
    others = EXTERNAL_PLUGINS | {NO_LOGIN_PLUGIN, ED25519}
    external = others.intersection(list_plugins(state.account.attributes)) or attributes.get("second_factors")
    return "" if external else "logs in without a password"


def _may_come_from_afar(state: AccountState) -> bool:
    plugins = list_plugins(state.account.attributes)
    return not plugins or not STAYING.issuperset(plugins)


def _is_privilege(item: Held) -> bool:
    return item.privilege != USAGE and item.effect == "grant"


def _describe_any_host(world: World, state: AccountState) -> str:
    if to_address(state.account.username).host not in ("%", "") or not _may_come_from_afar(state):
        return ""
    privileges = world.remember(_is_privilege, lambda: world.find(None, _is_privilege))
    return "" if state.held.isdisjoint(privileges) else "may come from any host"


def _describe_weak_plugin(_world: World, state: AccountState) -> str:
    if not state.account.attributes.get("has_password"):
        return ""
    weak = sorted(WEAK_PLUGINS.intersection(list_plugins(state.account.attributes)))
    return f"logs in by {', '.join(weak)}" if weak else ""


def _describe_no_tls(world: World, state: AccountState) -> str:
    required = state.account.attributes.get("tls_requirement") or world.set_to.get("require_secure_transport") is True
    if required or to_address(state.account.username).host in LOCAL_HOSTS or not _may_come_from_afar(state):
        return ""
    return "may come over the network without TLS"


def _describe_never_expires(world: World, state: AccountState) -> str:
    attributes = state.account.attributes
    days = attributes.get("password_lifetime_days", world.set_to.get(DEFAULT_LIFETIME))
    return "its password never expires" if attributes.get("has_password") and not days else ""


def _describe_expired(world: World, state: AccountState) -> str:
    return f"{world.amounts_to(state, PASSWORD_EXPIRED)[0]}, and it is not locked"


@PerAccount
def _find_old_passwords(world: World) -> Iterator[Hit]:
    limit = timedelta(days=world.options.password_days)
    for state in world.choose(_list_open):
        changed = state.account.attributes.get("password_last_changed")
        if isinstance(changed, str) and state.account.attributes.get("has_password"):
            text = f"{state.account.username}: its password was last changed at {changed}"
            yield Hit(state.account.username, message=text, since=datetime.fromisoformat(changed) + limit)


def _describe_second_password(_world: World, state: AccountState) -> str:
    return "has an old password beside its new one" if state.account.attributes.get("has_second_password") else ""


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
        find=find_accounts(_list_expired, _describe_expired),
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
        id="MY-21",
        title="Account with two passwords",
        severity=Severity.LOW,
        why="The old password was to go, and still opens the account.",
        remedy="ALTER USER … DISCARD OLD PASSWORD",
        find=find_accounts(_list_open, _describe_second_password),
        looks_at=ACCOUNTS,
    ),
)
