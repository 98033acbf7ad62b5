"""The clauses of CREATE USER and ALTER USER that set what an account may do, apart from how it logs in. Pure."""

import json
from collections.abc import Mapping
from typing import cast

from whalefall_pipeline.adapters.mysql.names import Flavour, quote_text
from whalefall_pipeline.core.model import Json

LIMITS = (
    ("max_queries_per_hour", "MAX_QUERIES_PER_HOUR"),
    ("max_updates_per_hour", "MAX_UPDATES_PER_HOUR"),
    ("max_connections_per_hour", "MAX_CONNECTIONS_PER_HOUR"),
    ("max_user_connections", "MAX_USER_CONNECTIONS"),
)
METADATA = "metadata"
NOTHING: Mapping[str, Json] = {}


def build_settings(
    attributes: Mapping[str, Json], flavour: Flavour, before: Mapping[str, Json] = NOTHING
) -> dict[str, str]:
    """Build the clause of every setting of an account, in the order of the grammar; of no attributes, the defaults.

    `before` is what the account has when the clauses are used; where its metadata is as it is to be, no clause sets it.
    """
    limits = [f"{keyword} {_to_number(attributes.get(name))}" for name, keyword in LIMITS]
    if flavour == "mariadb":
        limits.append(f"MAX_STATEMENT_TIME {_to_seconds(attributes.get('max_statement_seconds'))}")
    clauses = {
        "tls": f"REQUIRE {_build_tls(attributes)}",
        "limits": f"WITH {' '.join(limits)}",
        "lifetime": f"PASSWORD EXPIRE {_build_lifetime(attributes.get('password_lifetime_days'))}",
        "lock": "ACCOUNT LOCK" if attributes.get("account_locked") else "ACCOUNT UNLOCK",
    }
    if flavour == "mysql":
        clauses |= _build_mysql_settings(attributes, before)
    return clauses


def _build_mysql_settings(attributes: Mapping[str, Json], before: Mapping[str, Json]) -> dict[str, str]:
    history, reuse = attributes.get("password_history"), attributes.get("password_reuse_days")
    lock_days = _to_number(attributes.get("password_lock_days"))
    current = {None: "DEFAULT", True: "", False: "OPTIONAL"}[
        cast("bool | None", attributes.get("password_require_current"))
    ]
    patch = build_patch(before.get(METADATA), attributes.get(METADATA))
    return {
        "history": f"PASSWORD HISTORY {'DEFAULT' if history is None else _to_number(history)}",
        "reuse": f"PASSWORD REUSE INTERVAL {'DEFAULT' if reuse is None else f'{_to_number(reuse)} DAY'}",
        "current": f"PASSWORD REQUIRE CURRENT {current}".rstrip(),
        "attempts": f"FAILED_LOGIN_ATTEMPTS {_to_number(attributes.get('failed_login_attempts'))} "
        f"PASSWORD_LOCK_TIME {'UNBOUNDED' if lock_days == -1 else lock_days}",
        **({METADATA: f"ATTRIBUTE {quote_text(json.dumps(patch))}"} if patch else {}),
    }


def build_patch(before: Json, after: Json) -> dict[str, Json]:
    """Build the merge patch (RFC 7396), as ATTRIBUTE takes it, that turns one document into another."""
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    patch: dict[str, Json] = dict.fromkeys(old.keys() - new.keys())
    for name, value in new.items():
        if name in old and old[name] == value:
            continue
        is_nested = isinstance(value, dict) and isinstance(old.get(name), dict)
        patch[name] = build_patch(old[name], value) if is_nested else value
    return patch


def _build_tls(attributes: Mapping[str, Json]) -> str:
    requirement = attributes.get("tls_requirement")
    if requirement == "SPECIFIED":
        parts = (("CIPHER", "tls_cipher"), ("ISSUER", "tls_issuer"), ("SUBJECT", "tls_subject"))
        named = [f"{keyword} {quote_text(cast('str', attributes[key]))}" for keyword, key in parts if key in attributes]
        return " AND ".join(named) or "X509"
    return {"ANY": "SSL", "X509": "X509"}.get(cast("str", requirement), "NONE")


def _build_lifetime(days: Json) -> str:
    if days is None:
        return "DEFAULT"
    return f"INTERVAL {_to_number(days)} DAY" if days else "NEVER"


def _to_number(value: Json) -> int:
    return int(cast("int", value or 0))


def _to_seconds(value: Json) -> str:
    return f"{float(cast('float', value or 0)):f}".rstrip("0").rstrip(".")
