"""The SQL that gives and takes privileges and ownership, and what PostgreSQL gives unasked. Pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from whalefall_pipeline.adapters.postgresql.names import KEYWORDS, quote, quote_grantee, spell, to_comment
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import AccountState, Grant, Securable

OWNER = "OWNER"
DEFAULT_PRIVILEGES = "default_privileges"
MAINTAIN = "MAINTAIN"

_ALL_OF_TABLE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"})
OWNER_DEFAULTS: Mapping[str, frozenset[str]] = {
    "database": frozenset({"CREATE", "TEMPORARY", "CONNECT"}),
    "tablespace": frozenset({"CREATE"}),
    "schema": frozenset({"CREATE", "USAGE"}),
    "table": _ALL_OF_TABLE,
    "sequence": frozenset({"SELECT", "USAGE", "UPDATE"}),
    "routine": frozenset({"EXECUTE"}),
    "type": frozenset({"USAGE"}),
    "language": frozenset({"USAGE"}),
    "foreign_data_wrapper": frozenset({"USAGE"}),
    "foreign_server": frozenset({"USAGE"}),
    "large_object": frozenset({"SELECT", "UPDATE"}),
}
"""What an owner holds on a new object; https://www.postgresql.org/docs/current/ddl-priv.html, table 5.2."""

PUBLIC_DEFAULTS: Mapping[str, frozenset[str]] = {
    "database": frozenset({"TEMPORARY", "CONNECT"}),
    "routine": frozenset({"EXECUTE"}),
    "type": frozenset({"USAGE"}),
    "language": frozenset({"USAGE"}),
}
"""What PUBLIC holds on a new object; the same table."""


def build_owners(grants: Iterable[Grant], *, anew: bool) -> Iterator[str]:
    """Give the ALTER … OWNER of each grant of ownership; tables first, since their own sequences go with them.

    `anew`: what the owner had before, and what the change of owner hands it of the old one's, is taken away too.
    """
    owned = filter(is_ownership, grants)
    for grant in sorted(owned, key=lambda grant: (grant.securable.scope == "sequence", grant)):
        name, owner = spell(grant.securable), quote(grant.grantee)
        yield f"ALTER {_alter_keyword(grant.securable)} {name} OWNER TO {owner};"
        if anew:
            yield f"REVOKE ALL ON {KEYWORDS[grant.securable.scope]} {name} FROM {owner};"


def is_ownership(grant: Grant) -> bool:
    """Whether it is of an object; default privileges are made by being changed, and always their role's."""
    return grant.privilege == OWNER and grant.securable.scope != DEFAULT_PRIVILEGES


def build_owner_loss(grants: Iterable[Grant]) -> Iterator[str]:
    """Say in comments what somebody else must be made owner of; who, only that one's own change tells."""
    for grant in sorted(grants):
        if is_ownership(grant):
            what = f"{_alter_keyword(grant.securable)} {spell(grant.securable)}"
            yield to_comment(f"{what}: {quote(grant.grantee)} is no longer its owner; ALTER … OWNER TO whoever is")


def _alter_keyword(securable: Securable) -> str:
    return "SERVER" if securable.scope == "foreign_server" else KEYWORDS[securable.scope]


def find_taken_defaults(states: Mapping[str, AccountState]) -> list[Grant]:
    """Give what a new object's owner and PUBLIC would hold and these states say they do not.

    MAINTAIN came with version 17: it counts as a default where anybody holds it.
    """
    known = any(grant.privilege == MAINTAIN for state in states.values() for grant in state.grants)
    extra = {"table": frozenset({MAINTAIN})} if known else {}
    public = _held(states.get(PUBLIC))
    taken: list[Grant] = []
    for owner, state in states.items():
        held = _held(state)
        for securable in (grant.securable for grant in state.grants if is_ownership(grant)):
            defaults = OWNER_DEFAULTS[securable.scope] | extra.get(securable.scope, frozenset())
            taken += [Grant(owner, name, securable) for name in defaults - held.get(securable, set())]
            if PUBLIC in states:
                defaults = PUBLIC_DEFAULTS.get(securable.scope, frozenset())
                taken += [Grant(PUBLIC, name, securable) for name in defaults - public.get(securable, set())]
    return taken


def _held(state: AccountState | None) -> dict[Securable, set[str]]:
    held: dict[Securable, set[str]] = {}
    for grant in state.grants if state else ():
        if grant.effect == "grant":
            held.setdefault(grant.securable, set()).add(grant.privilege)
    return held


def build_privileges(given: Iterable[Grant], taken: Iterable[Grant]) -> Iterator[str]:
    """Give the REVOKEs, then the GRANTs, one for all privileges of a grantee on a securable.

    A grant whose effect is `revoke` is a default taken away: to give it is a REVOKE, to take it back a GRANT.
    """
    given, taken = list(given), list(taken)
    revoked = {*_plain(taken, "grant"), *_plain(given, "revoke")}
    granted = {*_plain(given, "grant"), *_plain(taken, "revoke")}
    yield from _statements("REVOKE", "FROM", revoked)
    yield from _statements("GRANT", "TO", granted)


def _plain(grants: Iterable[Grant], effect: str) -> Iterator[Grant]:
    for grant in grants:
        if grant.effect == effect and grant.privilege != OWNER:
            yield grant._replace(effect="grant")


def _statements(verb: str, preposition: str, grants: Iterable[Grant]) -> Iterator[str]:
    def key(grant: Grant) -> tuple[bool, Securable, str, bool]:
        # columns come after their tables, since a REVOKE on a table reaches its columns too
        return grant.securable.scope == "column", grant.securable, grant.grantee, grant.grant_option

    for (_, securable, grantee, option), group in groupby(sorted(grants, key=key), key=key):
        privileges = sorted({grant.privilege for grant in group})
        strange = [name for name in privileges if not re.fullmatch("[A-Z][A-Z ]*", name)]
        if strange:
            yield to_comment(f"{verb} {strange} on {securable}: not the name of a privilege")
            continue
        with_option = " WITH GRANT OPTION" if option and verb == "GRANT" else ""
        what = _spell_target(verb, privileges, securable)
        yield f"{what} {preposition} {quote_grantee(grantee)}{with_option};"


def _spell_target(verb: str, privileges: list[str], securable: Securable) -> str:
    if securable.scope == DEFAULT_PRIVILEGES:
        where = f" IN SCHEMA {quote(securable.schema)}" if securable.schema else ""
        kind = securable.column if re.fullmatch("[A-Z ]+", securable.column) else quote(securable.column)
        names = ", ".join(privileges)
        return f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(securable.object)}{where} {verb} {names} ON {kind}"
    column = f" ({quote(securable.column)})" if securable.scope == "column" else ""
    names = ", ".join(f"{privilege}{column}" for privilege in privileges)
    return f"{verb} {names} ON {KEYWORDS[securable.scope]} {spell(securable)}"
