"""Accounts as Oracle SQL: made, altered, dropped; never with a password. Pure."""

from collections.abc import Iterable, Mapping
from typing import cast

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.names import quote, quote_text, to_comment
from whalefall_pipeline.adapters.oracle.script.grants import Place
from whalefall_pipeline.core.model import Account, Json, Kind

AUTHENTICATION = {"EXTERNAL": "IDENTIFIED EXTERNALLY", "GLOBAL": "IDENTIFIED GLOBALLY"}
LATER = "<password>"
NEVER = 'IDENTIFIED USING "SYS"."WHALEFALL_SETS_THIS_LATER"'
"""For a role that is not open to whom it is granted: a package that nobody has written enables it."""
NO_STATEMENT = "<no statement sets>"
SWITCHES = {
    ("proxy_only_connect", True): "PROXY ONLY CONNECT",
    ("proxy_only_connect", False): "CANCEL PROXY ONLY CONNECT",
    ("read_only", True): "READ ONLY",
    ("read_only", False): "READ WRITE",
    ("editions_enabled", True): "ENABLE EDITIONS",
}
NOT_SET = frozenset({"created", "lock_date", "expiry_date", "password_versions"})
"""Attributes that follow from the moment or from the password."""


def home_of(account: Account) -> str:
    """Return the database whose statements make this account; empty in the root, and where there are no containers."""
    container = cast("str", account.attributes.get("container", ""))
    return "" if container == rules.ROOT else container


def build_create(account: Account, place: Place) -> list[str]:
    """Build the statements that make an account; a comment for one that is made elsewhere."""
    home, attributes = home_of(account), account.attributes
    if account.kind is Kind.PUBLIC or attributes.get("oracle_maintained"):
        return []
    if attributes.get("password_file_only"):
        return [to_comment(f"{account.username} is known to the password file only")]
    if attributes.get("inherited"):
        return [to_comment(f"{account.username} comes from its application root")]
    if attributes.get("common") and not place.is_root:
        return [to_comment(f"{account.username} is common: make it in the root of the container database")]
    is_of_application = bool(home and attributes.get("common"))
    create = _create_role if account.kind is Kind.ROLE else _create_user
    clause = " CONTAINER=ALL" if is_of_application else place.clause(home)
    return create(place.name(account.username, home), attributes, clause)


def build_drop(account: Account, place: Place) -> str:
    """Build the statement that drops an account; a user that owns objects is refused, as CASCADE is left out."""
    name = place.name(account.username, home_of(account))
    return f"DROP {'ROLE' if account.kind is Kind.ROLE else 'USER'} {name}"


def build_alter(before: Account, after: Account, place: Place) -> list[str]:
    """Build the statements that change an account's attributes."""
    name = place.name(after.username, home_of(after))
    changed = [key for key in sorted({*before.attributes, *after.attributes}) if _differs(key, before, after)]
    if after.kind is not Kind.USER:
        return [
            to_comment(f"{key} of {name}: {before.attributes.get(key)} -> {after.attributes.get(key)}")
            for key in changed
        ]
    clauses = dict.fromkeys(c for key in changed for c in _alter_clauses(key, before.attributes, after.attributes))
    return [_comment(name, clause) if "<" in clause else f"ALTER USER {name} {clause}" for clause in clauses]


def _differs(key: str, before: Account, after: Account) -> bool:
    return key not in NOT_SET and before.attributes.get(key) != after.attributes.get(key)


def _create_role(name: str, attributes: Mapping[str, Json], clause: str) -> list[str]:
    how = str(attributes.get("authentication_type", "NONE"))
    if how == "APPLICATION":
        later = to_comment(f"ALTER ROLE {name} IDENTIFIED USING <schema.package>")
        return [f"CREATE ROLE {name} {NEVER}{clause}", later]
    if how == "PASSWORD":
        return [f"CREATE ROLE {name} {NEVER}{clause}", to_comment(f"ALTER ROLE {name} IDENTIFIED BY {LATER}")]
    identified = f" {AUTHENTICATION[how]}" if how in AUTHENTICATION else ""
    return [f"CREATE ROLE {name}{identified}{clause}"]


def _create_user(name: str, attributes: Mapping[str, Json], clause: str) -> list[str]:
    words = rules.parse_account_status(str(attributes.get("account_status", "")))
    parts = [_to_authentication(attributes) or "NO AUTHENTICATION"]
    for key, keyword in (
        ("default_tablespace", "DEFAULT TABLESPACE"),
        ("temporary_tablespace", "TEMPORARY TABLESPACE"),
        ("profile", "PROFILE"),
    ):
        if attributes.get(key):
            parts.append(f"{keyword} {quote(str(attributes[key]))}")
    parts += ["ENABLE EDITIONS"] if attributes.get("editions_enabled") else []
    parts += ["ACCOUNT LOCK"] if _is_locked(words) else []
    parts += ["READ ONLY"] if attributes.get("read_only") else []
    statements = [f"CREATE USER {name} {' '.join(parts)}{clause}"]
    if _to_authentication(attributes) is None:
        expire = " PASSWORD EXPIRE" if "EXPIRED" in words else ""
        statements.append(_comment(name, f"IDENTIFIED BY {LATER}{expire}"))
    if attributes.get("proxy_only_connect"):
        statements.append(f"ALTER USER {name} PROXY ONLY CONNECT")
    return statements


def _comment(name: str, clause: str) -> str:
    return to_comment(f"ALTER USER {name} {clause}")


def _to_authentication(attributes: Mapping[str, Json]) -> str | None:
    """Return the clause, None where a password has to be set."""
    how = str(attributes.get("authentication_type", "PASSWORD"))
    if how in AUTHENTICATION:
        external = str(attributes.get("external_name") or "")
        return AUTHENTICATION[how] + (f" AS {quote_text(external)}" if external else "")
    return "NO AUTHENTICATION" if how == "NONE" else None


def _is_locked(words: Iterable[str]) -> bool:
    return any(word.startswith("LOCKED") for word in words)


def _alter_clauses(key: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    value = after.get(key)
    match key:
        case "account_status":
            return _status_clauses(str(before.get(key)), str(value))
        case "default_tablespace" | "temporary_tablespace" | "profile":
            return [f"{key.replace('_', ' ').upper()} {quote(str(value))}"] if value else []
        case "authentication_type" | "external_name":
            return [_to_authentication(after) or f"IDENTIFIED BY {LATER}"]
        case _:
            return [SWITCHES.get((key, bool(value)), f"{NO_STATEMENT} {key}")]


def _status_clauses(before: str, after: str) -> list[str]:
    old, new = rules.parse_account_status(before), rules.parse_account_status(after)
    clauses: list[str] = []
    if _is_locked(old) != _is_locked(new):
        clauses.append("ACCOUNT LOCK" if _is_locked(new) else "ACCOUNT UNLOCK")
    if "EXPIRED" in new and "EXPIRED" not in old:
        clauses.append("PASSWORD EXPIRE")
    if "EXPIRED" in old and "EXPIRED" not in new:
        clauses.append(f"IDENTIFIED BY {LATER}")
    return clauses
