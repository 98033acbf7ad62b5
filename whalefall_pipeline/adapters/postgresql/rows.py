"""Rows of the catalog as values: pure functions, in one tight loop where there are many."""

import codecs
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.made import Made
from whalefall_pipeline.core.model import MEMBER, Account, Held, HeldByGrantee, Json, Kind, Securable

PUBLIC = "public"
"""The account of the grantee PUBLIC. No role can be named so, while one named "PUBLIC" may exist."""

PUBLIC_OID = 0
BOOTSTRAP_OID = 10
FIRST_NORMAL_OID = 16384

FLAGS = (*("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls"),)
DEFAULT_PRIVILEGES = "default_privileges"
NOT_SHOWN = "(not collected)"
"""In place of the value of a custom parameter where there is no key for a digest of it."""

ADMIN, INHERIT, SET = 1, 2, 4
"""Options of a membership, which add up."""

Row: TypeAlias = tuple[Any, ...]
Settings = dict[int, dict[str, Json]]
"""Each role's settings, by database ("" is all of them) and parameter; role 0 is every role."""


def to_accounts(
    roles: Iterable[Sequence[Any]], settings: Mapping[int, Mapping[str, Json]], escaped: Collection[str] = ()
) -> list[Account]:
    """Return all accounts, PUBLIC and predefined roles among them, ordered by username; raises SyncDataError.

    `escaped` are names that are no text in any encoding, see `to_text`: the attribute `rolname_is_escaped` says so.
    """
    own = Made(_to_own)
    more: dict[int, dict[str, Json]] = {oid: {"settings": dict(of_one)} for oid, of_one in settings.items() if of_one}
    more.setdefault(BOOTSTRAP_OID, {})["bootstrap_superuser"] = True
    try:
        accounts = [
            _to_account(row[0], row[1], own[tuple(row[2:])], more.get(row[0]), row[1] in escaped) for row in roles
        ]
    except TypeError as error:  # a list, where a flag or a text should be
        raise SyncDataError(f"pg_roles has a row that can't be understood: {error}") from None
    return sorted([*accounts, Account(PUBLIC, Kind.PUBLIC)], key=attrgetter("username"))


class _Own(NamedTuple):
    """What a row of pg_roles says beside OID and name; most roles share it with others."""

    kind: Kind
    attributes: Mapping[str, Json]
    is_whole: bool


def _to_own(values: tuple[Json, ...]) -> _Own:
    *flags, connection_limit, valid_until = values
    attributes: dict[str, Json] = {**dict(zip(FLAGS, flags, strict=True)), "rolconnlimit": connection_limit}
    if valid_until is not None:
        attributes["rolvaliduntil"] = valid_until
    kind = Kind.USER if attributes["rolcanlogin"] else Kind.ROLE
    return _Own(kind, attributes, None not in attributes.values())


def _to_account(oid: int, name: str, own: _Own, more: Mapping[str, Json] | None, is_escaped: bool) -> Account:
    kind, attributes, is_whole = own
    if not name or not is_whole:
        raise SyncDataError(f"pg_roles has a row that can't be understood: OID {oid}, rolname {name!r}")
    # The prefix is reserved, and only since 9.6: an older role of that name has an OID of users.
    if oid < FIRST_NORMAL_OID and name.startswith("pg_"):
        kind = Kind.PREDEFINED
    if more or is_escaped:
        attributes = {**attributes, **(more or {}), **({"rolname_is_escaped": True} if is_escaped else {})}
    return Account(name, kind, attributes, native_id=str(oid))


def to_settings(rows: Iterable[Sequence[Any]], identity: str, digest_key: bytes) -> Settings:
    """Return each role's settings.

    Applications keep secrets in parameters of their own (`ALTER ROLE web SET app.dsn = …`), and no name says which. So
    of every custom parameter, which has a dot in its name, a digest stands for the value, to show that it changed.
    """
    settings: Settings = {}
    for role, database, assignments in rows:
        of_one: dict[str, Json] = {}
        for name, _, value in sorted(assignment.partition("=") for assignment in assignments):
            where = (identity, str(role), database, name)
            of_one[name] = _to_digest(digest_key, *where, value) if "." in name else value
        settings.setdefault(role, {})[database] = of_one
    return settings


def _to_digest(key: bytes, *texts: str) -> str:
    """Return a digest that nobody without the key can try values against; equal values of two roles have two."""
    if not key:
        return NOT_SHOWN
    keyed = blake2b(key=blake2b(key).digest(), digest_size=8)
    keyed.update("\0".join(texts).encode())
    return f"(not collected, digest {keyed.hexdigest()})"


def to_attributes(server_settings: Iterable[Sequence[Any]], settings: Settings) -> dict[str, Json] | None:
    """Return what the server is set to and what every role is; None: this login's own settings hide the server's."""
    attributes: dict[str, Json] = {}
    for name, value, is_own in server_settings:
        if is_own:
            return None
        attributes[name] = value
    if PUBLIC_OID in settings:
        attributes["settings"] = settings[PUBLIC_OID]
    return attributes


def add_held(held: defaultdict[int, list[Held]], rows: Collection[Sequence[Any]], own_database: str = "") -> None:
    """Add what rows say to the lists of their grantees; where they name no database it is their own.

    A privilege that one grantor gave with grant option and another without it is held with it alone.
    """
    with_option = {(*row[:6], row[7]): frozenset(row[8]) for row in rows if row[6]}
    for scope, database, schema, name, column, privilege, grant_option, effect, grantees in rows:
        item = Held(privilege, Securable(scope, database or own_database, schema, name, column), grant_option, effect)
        stronger = not grant_option and with_option.get((scope, database, schema, name, column, privilege, effect))
        for grantee in set(grantees) - stronger if stronger else grantees:
            held[grantee].append(item)


def add_memberships(held: defaultdict[int, list[Held]], rows: Iterable[Sequence[Any]]) -> None:
    """Add memberships, and what holds of them, to the lists of members; an option that any grantor gave is there.

    Rows have a role, whether it may be passed on, is inherited and may be set, and members.
    """
    of_role: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for role, admin, inherits, sets, members in rows:
        options = ADMIN * bool(admin) | INHERIT * bool(inherits) | SET * bool(sets)
        found = of_role[role]
        for member in members:
            found[member] |= options
    for role, found in of_role.items():
        items = Made(partial(_to_memberships, Securable("role", object=role)))
        for member, options in found.items():
            held[member].extend(items[options])


def _to_memberships(role: Securable, options: int) -> list[Held]:
    """Return the membership with these options of it, and what else holds of it."""
    others = [Held(name, role) for name, option in (("INHERIT", INHERIT), ("SET", SET)) if options & option]
    return [Held(MEMBER, role, grant_option=bool(options & ADMIN)), *others]


def name_creators(rows: Iterable[Sequence[Any]], names: Mapping[int, str]) -> list[Sequence[Any]]:
    """Put the name of the role whose future objects they are in the place of its OID.

    A role that `names` lacks was made after the inventory, and its rows are left out.
    """
    named: list[Sequence[Any]] = []
    for row in rows:
        if row[0] != DEFAULT_PRIVILEGES:
            named.append(row)
        elif int(row[3]) in names:
            named.append((*row[:3], names[int(row[3])], *row[4:]))
    return named


def to_held_by_grantee(held: Mapping[int, list[Held]], names: Mapping[int, str]) -> HeldByGrantee:
    """Name the grantees. One that `names` lacks was made after the inventory: it is no account of this reading."""
    return {names[oid]: items for oid, items in held.items() if oid in names}


def to_text(name: bytes, encoding: str) -> tuple[str, bool]:
    """Return a name that may be of any encoding, and whether it had to be escaped (`caf\\xe9`).

    Names that a cluster's databases share have the encoding of the database that they were made in, which nothing
    keeps. Most are UTF-8; what is not is taken to be of this database's encoding.
    """
    for each in ("UTF8", encoding):
        try:
            return codecs.decode(name, _find_codec(each)), False
        except (UnicodeDecodeError, LookupError):
            continue
    return name.decode("utf-8", "backslashreplace"), True


def _find_codec(encoding: str) -> str:
    """Return Python's name of an encoding of PostgreSQL's: WIN1252 is cp1252."""
    return encoding.replace("WIN", "cp") if encoding.startswith("WIN") else {"KOI8R": "koi8-r"}.get(encoding, encoding)
