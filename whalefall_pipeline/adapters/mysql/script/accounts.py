"""The SQL that creates, alters and drops an account itself. Passwords are never part of it. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from whalefall_pipeline.adapters.mysql.names import Flavour, quote_account, quote_text
from whalefall_pipeline.adapters.mysql.script.lines import comment, is_plain, prepare
from whalefall_pipeline.adapters.mysql.script.secrets import (
    NO_SECRET,
    build_authentication,
    is_guarded,
    misses_first_factor,
)
from whalefall_pipeline.adapters.mysql.script.settings import METADATA, build_settings
from whalefall_pipeline.core.model import Account, Json, Kind

AUTHENTICATION = (
    "plugin", "other_plugins", "second_factors", "has_password", "has_empty_password", "has_second_password",
    "has_mapped_name",
)  # fmt: skip
"""Attributes that no statement brings back, for what they stand for is a secret, or is not collected."""
SAME_PASSWORD: dict[Flavour, str] = {
    "mysql": (
        "(SELECT CONCAT({alter}, ' IDENTIFIED WITH ', QUOTE(plugin),"
        " IF(authentication_string = '', '', CONCAT(' AS 0x', HEX(authentication_string))))"
        " FROM mysql.user WHERE User = {user} AND Host = {host})"
    ),
    "mariadb": (
        "(SELECT CONCAT({alter}, ' IDENTIFIED VIA ', QUOTE(JSON_VALUE(Priv, '$.plugin')),"
        " IF(COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') = '', '',"
        " CONCAT(' USING ', QUOTE(JSON_VALUE(Priv, '$.authentication_string')))))"
        " FROM mysql.global_priv WHERE User = {user} AND Host = {host})"
    ),
}
"""The statement that sets an account's password to what it is, built by the server: so it is no longer expired."""


def flavour_of(account: Account) -> Flavour:
    """Return which of the two servers the account was read from."""
    return "mariadb" if account.attributes.get("flavour") == "mariadb" else "mysql"


def create(account: Account) -> Iterator[str]:
    """Create an account or role where it is not there yet."""
    flavour = flavour_of(account)
    if account.kind is Kind.PUBLIC:
        return
    if account.kind is Kind.ROLE:
        yield _create_role(account, flavour)
        return
    name = quote_account(account.username, flavour)
    attributes = account.attributes
    usual = build_settings({}, flavour)
    wanted = {**attributes, "account_locked": True} if is_guarded(attributes, flavour) else attributes
    clauses = [clause for key, clause in build_settings(wanted, flavour).items() if clause != usual.get(key)]
    yield " ".join([f"CREATE USER IF NOT EXISTS {name}", *build_authentication(attributes, flavour), *clauses]) + ";"
    yield from map(comment, _list_needs(name, attributes, flavour))


def expire(account: Account) -> Iterator[str]:
    """Let a password expire that had expired."""
    if account.kind is Kind.USER and account.attributes.get("password_expired"):
        yield f"ALTER USER {quote_account(account.username, flavour_of(account))} PASSWORD EXPIRE;"


def drop(account: Account) -> str:
    """Drop an account or role."""
    flavour = flavour_of(account)
    is_role = account.kind is Kind.ROLE and (flavour == "mariadb" or is_plain(account.username))
    return f"DROP {'ROLE' if is_role else 'USER'} IF EXISTS {quote_account(account.username, flavour)};"


def alter(before: Account, after: Account) -> Iterator[str]:
    """Change what differs between two states of an account, as far as statements without a password can."""
    flavour = flavour_of(after)
    name = quote_account(after.username, flavour)
    yield from map(comment, find_gaps(before, after))
    if not before.kind is after.kind is Kind.USER:
        return
    old = build_settings(before.attributes, flavour)
    wanted = build_settings(after.attributes, flavour, before.attributes)
    changed = [clause for key, clause in wanted.items() if key == METADATA or clause != old[key]]
    if changed:
        yield f"ALTER USER {name} {' '.join(changed)};"
    was, is_to_be = (bool(account.attributes.get("password_expired")) for account in (before, after))
    if is_to_be and not was:
        yield from expire(after)
    if was and not is_to_be and not _has_other_password(before, after):
        yield from _keep_password(after, flavour)


def find_gaps(before: Account | None, after: Account | None) -> list[str]:
    """Return in one line each what no statement brings back of an account."""
    if after is None or after.kind is not Kind.USER:
        return _find_other_kind(before, after)
    name = quote_account(after.username, flavour_of(after))
    if before is None:
        return _list_needs(name, after.attributes, flavour_of(after))
    if before.kind is not after.kind:
        return _find_other_kind(before, after)
    if _has_other_password(before, after):
        return [f"{name} had another password or another way to log in, which is not kept: {_how_to_set(name)}"]
    return []


def _find_other_kind(before: Account | None, after: Account | None) -> list[str]:
    if before is None or after is None or before.kind is after.kind:
        return []
    name = quote_account(after.username, flavour_of(after))
    return [f"{name} was a {before.kind.value} and is to be a {after.kind.value}: no statement does that alone"]


def _create_role(account: Account, flavour: Flavour) -> str:
    name = quote_account(account.username, flavour)
    if flavour == "mysql" and not is_plain(account.username):  # CREATE ROLE can't be prepared; this is what it makes
        return f"CREATE USER IF NOT EXISTS {name} PASSWORD EXPIRE ACCOUNT LOCK;"
    return f"CREATE ROLE IF NOT EXISTS {name};"


def _list_needs(name: str, attributes: Mapping[str, Json], flavour: Flavour) -> list[str]:
    needs: list[str] = []
    if misses_first_factor(attributes, flavour):
        plugin = attributes.get("plugin")
        needs.append(f"{name} is locked: what its plugin {plugin} knows it by is not kept; set it, then ACCOUNT UNLOCK")
    elif attributes.get("has_password", True) and attributes.get("plugin") not in NO_SECRET:
        needs.append(f"{name} needs a password: {_how_to_set(name)}")
    if attributes.get("second_factors"):
        factors = ", ".join(cast("list[str]", attributes["second_factors"]))
        needs.append(f"{name} is locked: it also had these further factors: {factors}; add them, then ACCOUNT UNLOCK")
    return needs


def _how_to_set(name: str) -> str:
    return f"ALTER USER {name} IDENTIFIED BY '...';"


def _has_other_password(before: Account, after: Account) -> bool:
    differing = [name for name in AUTHENTICATION if before.attributes.get(name) != after.attributes.get(name)]
    changed = [account.attributes.get("password_last_changed") for account in (before, after)]
    return bool(differing) or (None not in changed and changed[0] != changed[1])


def _keep_password(account: Account, flavour: Flavour) -> Iterator[str]:
    """Set the password that the account has, which the server alone knows."""
    name = quote_account(account.username, flavour)
    user, host = (cast("str", account.attributes[part]) for part in ("user", "host"))
    alter = quote_text(f"ALTER USER {name}")
    statement = SAME_PASSWORD[flavour].format(alter=alter, user=quote_text(user), host=quote_text(host))
    if account.attributes.get("other_plugins") or not is_plain(account.username):
        yield comment(f"{name} needs a new password to be no longer expired: {_how_to_set(name)}")
        return
    yield comment(f"gives {name} the password that it has, which is no longer expired and whose age counts from now")
    yield from prepare(f"COALESCE({statement}, 'DO 0')")
