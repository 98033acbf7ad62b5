"""How a re-created account logs in: with nothing that anybody knows, where the source had a secret. Pure."""

from collections.abc import Mapping
from typing import cast

from whalefall_pipeline.adapters.mysql.names import Flavour, quote_text
from whalefall_pipeline.adapters.mysql.rows import EXTERNAL_PLUGINS, NO_LOGIN_PLUGIN
from whalefall_pipeline.core.model import Json

_NO_POINT = "NOPASSWORDOPENSTHISACCOUNTSETONEFIRSTPLEASE"
"""In base64 32 bytes that are no point of the curve: a key of few bits (all zeros) would let forged signatures in."""
_NO_SALT = "THISISNOTREALLYASALT"
_NO_HASH = "*" + "0" * 40
UNUSABLE: dict[Flavour, dict[str, str]] = {
    "mysql": {
        "caching_sha2_password": f"$A$005${_NO_SALT}{_NO_POINT}",
        "sha256_password": f"$5${_NO_SALT}${_NO_POINT}",
        "mysql_native_password": _NO_HASH,
    },
    "mariadb": {
        "mysql_native_password": _NO_HASH,
        "mysql_old_password": "0" * 16,
        "ed25519": _NO_POINT,
        "parsec": f"P0:{_NO_SALT}NONE:{_NO_POINT}",
        "caching_sha2_password": f"$A$005${_NO_SALT}{_NO_POINT}",
    },
}
"""By plugin what it takes for a stored password, in the right form, and the hash or key of none."""
USUAL: dict[Flavour, str] = {"mysql": "caching_sha2_password", "mariadb": "mysql_native_password"}
NO_SECRET = EXTERNAL_PLUGINS | {NO_LOGIN_PLUGIN}


def is_guarded(attributes: Mapping[str, Json], flavour: Flavour) -> bool:
    """Whether an account must be locked when it is made: something that let it in can't be written, or is unknown.

    So are further factors: the first alone would let it in.
    """
    return bool(attributes.get("second_factors")) or misses_first_factor(attributes, flavour)


def misses_first_factor(attributes: Mapping[str, Json], flavour: Flavour) -> bool:
    """Whether what its plugins know an account by is more than a password that can be set."""
    if attributes.get("has_mapped_name"):
        return True
    if not attributes.get("has_password", True):
        return False
    return any(plugin not in UNUSABLE[flavour] and plugin not in NO_SECRET for plugin in _list_plugins(attributes))


def build_authentication(attributes: Mapping[str, Json], flavour: Flavour) -> list[str]:
    """Build the clause that says how an account logs in; nothing where it has no password and no plugin of its own."""
    has_secret = bool(attributes.get("has_password", True))
    plugins = _list_plugins(attributes) or ([USUAL[flavour]] if has_secret else [])
    ways = [_build_way(plugin, flavour, has_secret=has_secret) for plugin in plugins]
    return [f"IDENTIFIED {'WITH' if flavour == 'mysql' else 'VIA'} {' OR '.join(ways)}"] if ways else []


def _build_way(plugin: str, flavour: Flavour, *, has_secret: bool) -> str:
    secret = UNUSABLE[flavour].get(plugin) if has_secret else None
    if secret is None:
        return quote_text(plugin)
    return f"{quote_text(plugin)} {'AS' if flavour == 'mysql' else 'USING'} {quote_text(secret)}"


def _list_plugins(attributes: Mapping[str, Json]) -> list[str]:
    """Return an account's plugins in an order in which MariaDB takes the same one for the first.

    That is mysql_native_password wherever it stands, else the last.
    """
    main = attributes.get("plugin")
    others = cast("list[str]", attributes.get("other_plugins", []))
    if not isinstance(main, str):
        return others
    return [main, *others] if main == USUAL["mariadb"] else [*others, main]
