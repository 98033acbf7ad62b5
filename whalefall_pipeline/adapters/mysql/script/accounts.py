"""The SQL that creates, alters and drops an account itself. Passwords are never part of it. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

from whalefall_pipeline.adapters.mysql.names import PUBLIC, Flavour, quote_account, quote_text
from whalefall_pipeline.core.model import Account, Json, Kind

RANDOM_PASSWORD = frozenset({"caching_sha2_password", "sha256_password", "mysql_native_password"})
# Well-formed, and the hash of no known password: nobody can log in until one is set.
UNUSABLE = {"mysql_native_password": "*" + "0" * 40, "ed25519": "A" * 43}
LIMITS = (
    ("max_queries_per_hour", "MAX_QUERIES_PER_HOUR"),
    ("max_updates_per_hour", "MAX_UPDATES_PER_HOUR"),
    ("max_connections_per_hour", "MAX_CONNECTIONS_PER_HOUR"),
    ("max_user_connections", "MAX_USER_CONNECTIONS"),
)


def flavour_of(account: Account) -> Flavour:
    """Give which of the two servers the account was read from."""
    return "mariadb" if account.attributes.get("flavour") == "mariadb" else "mysql"


def create(account: Account) -> Iterator[str]:
    """Create an account or role where it is not there yet."""
    flavour = flavour_of(account)
    name = quote_account(account.username, flavour)
    if name == PUBLIC and account.kind is Kind.PUBLIC:
        return
    if account.kind is Kind.ROLE:
        yield f"CREATE ROLE IF NOT EXISTS {name};"
        return
    attributes = account.attributes
    usual = _clauses({}, flavour)
    clauses = [clause for key, clause in _clauses(attributes, flavour).items() if clause != usual[key]]
    yield " ".join([f"CREATE USER IF NOT EXISTS {name}", *_spell_plugin(attributes, flavour), *clauses]) + ";"
    if attributes.get("has_password"):
        yield f"-- {name} needs a password: ALTER USER {name} IDENTIFIED BY '...';"
    if attributes.get("second_factors"):
        yield f"-- {name} also had these further factors: {', '.join(cast('list[str]', attributes['second_factors']))}"


def expire(account: Account) -> Iterator[str]:
    """Let a password expire that had expired."""
    if account.kind is Kind.USER and account.attributes.get("password_expired"):
        yield f"ALTER USER {quote_account(account.username, flavour_of(account))} PASSWORD EXPIRE;"


def drop(account: Account) -> str:
    """Drop an account or role."""
    kind = "ROLE" if account.kind is Kind.ROLE else "USER"
    return f"DROP {kind} IF EXISTS {quote_account(account.username, flavour_of(account))};"


def alter(before: Account, after: Account) -> Iterator[str]:
    """Change what differs between two states of an account, as far as statements without a password can."""
    flavour = flavour_of(after)
    name = quote_account(after.username, flavour)
    if before.kind is not after.kind:
        yield f"-- {name} was a {before.kind.value} and is to be a {after.kind.value}: no statement does that alone"
        return
    if after.kind is not Kind.USER:
        return
    if _spell_plugin(before.attributes, flavour) != _spell_plugin(after.attributes, flavour):
        yield f"-- {name} authenticated in another way, which takes a new password: {after.attributes.get('plugin')}"
    old = _clauses(before.attributes, flavour)
    changed = [clause for key, clause in _clauses(after.attributes, flavour).items() if clause != old[key]]
    if changed:
        yield f"ALTER USER {name} {' '.join(changed)};"
    if after.attributes.get("password_expired") and not before.attributes.get("password_expired"):
        yield from expire(after)
    if before.attributes.get("password_expired") and not after.attributes.get("password_expired"):
        yield f"-- {name} needs a new password to be no longer expired: ALTER USER {name} IDENTIFIED BY '...';"


def _spell_plugin(attributes: Mapping[str, Json], flavour: Flavour) -> list[str]:
    plugin = attributes.get("plugin")
    if not isinstance(plugin, str):
        return []
    locked_out = attributes.get("has_password", False)
    if flavour == "mysql":
        random = " BY RANDOM PASSWORD" if locked_out and plugin in RANDOM_PASSWORD else ""
        return [f"IDENTIFIED WITH {quote_text(plugin)}{random}"]
    using = f" USING {quote_text(UNUSABLE[plugin])}" if locked_out and plugin in UNUSABLE else ""
    others = cast("list[str]", attributes.get("other_plugins", []))
    return [" OR ".join([f"IDENTIFIED VIA {plugin}{using}", *others])]


def _clauses(attributes: Mapping[str, Json], flavour: Flavour) -> dict[str, str]:
    """Spell every setting of an account, in the order of the grammar; an empty mapping gives the defaults."""
    limits = [f"{keyword} {attributes.get(name, 0)}" for name, keyword in LIMITS]
    if flavour == "mariadb":
        limits.append(f"MAX_STATEMENT_TIME {attributes.get('max_statement_seconds', 0)}")
    clauses = {
        "tls": f"REQUIRE {_spell_tls(attributes)}",
        "limits": f"WITH {' '.join(limits)}",
        "lifetime": f"PASSWORD EXPIRE {_spell_lifetime(attributes.get('password_lifetime_days'))}",
        "lock": "ACCOUNT LOCK" if attributes.get("account_locked") else "ACCOUNT UNLOCK",
    }
    if flavour == "mysql":
        clauses |= _mysql_clauses(attributes)
    return clauses


def _mysql_clauses(attributes: Mapping[str, Json]) -> dict[str, str]:
    reuse = attributes.get("password_reuse_days")
    lock_days = attributes.get("password_lock_days", 0)
    current = {None: "DEFAULT", True: "", False: "OPTIONAL"}[
        cast("bool | None", attributes.get("password_require_current"))
    ]
    return {
        "history": f"PASSWORD HISTORY {attributes.get('password_history', 'DEFAULT')}",
        "reuse": f"PASSWORD REUSE INTERVAL {'DEFAULT' if reuse is None else f'{reuse} DAY'}",
        "current": f"PASSWORD REQUIRE CURRENT {current}".rstrip(),
        "attempts": f"FAILED_LOGIN_ATTEMPTS {attributes.get('failed_login_attempts', 0)} "
        f"PASSWORD_LOCK_TIME {'UNBOUNDED' if lock_days == -1 else lock_days}",
        "metadata": f"ATTRIBUTE {quote_text(json.dumps(attributes.get('metadata', {})))}",
    }


def _spell_tls(attributes: Mapping[str, Json]) -> str:
    requirement = attributes.get("tls_requirement")
    if requirement == "SPECIFIED":
        parts = (("CIPHER", "tls_cipher"), ("ISSUER", "tls_issuer"), ("SUBJECT", "tls_subject"))
        return " AND ".join(
            f"{keyword} {quote_text(cast('str', attributes[name]))}" for keyword, name in parts if name in attributes
        )
    return {"ANY": "SSL", "X509": "X509"}.get(cast("str", requirement), "NONE")


def _spell_lifetime(days: Json) -> str:
    if days is None:
        return "DEFAULT"
    return f"INTERVAL {days} DAY" if days else "NEVER"
