"""The server's rows as our values."""

from collections.abc import Mapping
from typing import Any

from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import SERVER, Account, Grant, Kind, Securable

SCOPES = (SERVER, "role", "table")


def to_account(row: Mapping[str, Any]) -> Account:
    """Turn a row of `accounts` into an account."""
    return Account(row["name"], Kind.ROLE if row["role"] else Kind.USER, {"locked": row["locked"]})


def to_grant(row: Mapping[str, Any]) -> Grant:
    """Turn a row of `grants` into a grant. Raise SyncDataError for a scope that is not known."""
    if row["scope"] not in SCOPES:
        raise SyncDataError(f"grants.scope is {row['scope']!r}")
    return Grant(row["grantee"], row["privilege"], Securable(row["scope"], object=row["object"]), row["option"])
