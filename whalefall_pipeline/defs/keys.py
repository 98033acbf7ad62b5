"""The keys of the two assets, which a project that embeds them may put below a prefix of its own."""

from collections.abc import Sequence
from typing import NamedTuple

import dagster as dg


class AssetKeys(NamedTuple):
    """What the asset of the account lists and that of the permissions are called."""

    inventory: dg.AssetKey
    permissions: dg.AssetKey


def build_keys(prefix: Sequence[str] = ()) -> AssetKeys:
    """Return the keys below a prefix."""
    return AssetKeys(dg.AssetKey([*prefix, "instance_accounts"]), dg.AssetKey([*prefix, "account_permissions"]))


KEYS = build_keys()
"""The keys where nothing is embedded."""
