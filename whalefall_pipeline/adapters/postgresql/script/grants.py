"""The SQL that gives and takes privileges, and what PostgreSQL gives by itself. Pure functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from whalefall_pipeline.adapters.postgresql.names import KEYWORDS, quote, quote_grantee, to_comment, to_sql
from whalefall_pipeline.adapters.postgresql.rows import DEFAULT_PRIVILEGES, PUBLIC
from whalefall_pipeline.adapters.postgresql.script.grantors import ACLS, build_revoke_by_others
from whalefall_pipeline.adapters.postgresql.script.owners import if_trusted, is_ownership, is_privilege, is_system
from whalefall_pipeline.core.model import AccountState, Grant, Securable

PUBLIC_SCHEMA = frozenset({"USAGE", "CREATE"})
"""What PUBLIC holds on schema public of a new database; CREATE before version 15."""
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


def find_taken_defaults(states: Mapping[str, AccountState]) -> list[Grant]:
    """Return what a new object's owner and PUBLIC would hold and these states say they do not.

    MAINTAIN came with version 17: it counts as a default where anybody holds it.
    """
    known = any(grant.privilege == MAINTAIN for state in states.values() for grant in state.grants)
    extra = {"table": frozenset({MAINTAIN})} if known else {}
    public = _held(states.get(PUBLIC))
    taken: list[Grant] = []
    for owner, state in states.items():
        held = _held(state)
        for securable in (grant.securable for grant in state.grants if is_ownership(grant)):
            if is_system(securable):
                continue  # of these only what changed is known
            defaults = OWNER_DEFAULTS.get(securable.scope, frozenset()) | extra.get(securable.scope, frozenset())
            taken += [Grant(owner, name, securable) for name in defaults - held.get(securable, set())]
            if PUBLIC in states:
                defaults = _find_public_defaults(securable)
                taken += [Grant(PUBLIC, name, securable) for name in defaults - public.get(securable, set())]
    return taken


def _find_public_defaults(securable: Securable) -> frozenset[str]:
    if securable.scope == "schema" and securable.schema == "public":
        return PUBLIC_SCHEMA
    return PUBLIC_DEFAULTS.get(securable.scope, frozenset())


def _held(state: AccountState | None) -> dict[Securable, set[str]]:
    held: dict[Securable, set[str]] = {}
    for grant in state.grants if state else ():
        if grant.effect == "grant":
            held.setdefault(grant.securable, set()).add(grant.privilege)
    return held


def build_privileges(given: Iterable[Grant], taken: Iterable[Grant], *, is_change: bool) -> Iterator[str]:
    """Yield the REVOKEs, then the GRANTs, one for all privileges of a grantee on a securable.

    A grant whose effect is `revoke` is a default taken away: to give it is a REVOKE, to take it back a GRANT.
    `is_change`: the objects may have privileges that others than their owners gave.
    """
    given, taken = list(given), list(taken)
    revoked = {*_plain(taken, "grant"), *_plain(given, "revoke")}
    granted = {*_plain(given, "grant"), *_plain(taken, "revoke")}
    yield from _statements("REVOKE", "FROM", revoked, by_others=is_change)
    yield from _statements("GRANT", "TO", granted)


def _plain(grants: Iterable[Grant], effect: str) -> Iterator[Grant]:
    for grant in grants:
        if grant.effect == effect and is_privilege(grant):
            yield grant._replace(effect="grant")


def _statements(verb: str, preposition: str, grants: Iterable[Grant], *, by_others: bool = False) -> Iterator[str]:
    def key(grant: Grant) -> tuple[bool, Securable, str, bool]:
        # columns come after their tables, since a REVOKE on a table reaches its columns too
        return grant.securable.scope == "column", grant.securable, grant.grantee, grant.grant_option

    for (_, securable, grantee, option), group in groupby(sorted(grants, key=key), key=key):
        privileges = sorted({grant.privilege for grant in group})
        with_option = " WITH GRANT OPTION" if option and verb == "GRANT" else ""
        try:
            what = _to_target_sql(verb, privileges, securable)
        except ValueError as error:
            left_out = f"{verb} {', '.join(privileges)} on {securable} {preposition} {quote_grantee(grantee)}"
            yield to_comment(f"{left_out} is left out: {error}")
        else:
            statement = f"{what} {preposition} {quote_grantee(grantee)}{with_option}"
            yield if_trusted(statement, securable.object) if securable.scope == "language" else f"{statement};"
            if by_others and securable.scope in ACLS:
                yield build_revoke_by_others(statement, privileges, securable, grantee)


def _to_target_sql(verb: str, privileges: list[str], securable: Securable) -> str:
    if not all(re.fullmatch("[A-Z][A-Z ]*", name) for name in privileges):
        raise ValueError("not the name of a privilege")
    if securable.scope == DEFAULT_PRIVILEGES:
        where = f" IN SCHEMA {quote(securable.schema)}" if securable.schema else ""
        kind = securable.column if re.fullmatch("[A-Z ]+", securable.column) else quote(securable.column)
        names = ", ".join(privileges)
        return f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(securable.object)}{where} {verb} {names} ON {kind}"
    column = f" ({quote(securable.column)})" if securable.scope == "column" else ""
    names = ", ".join(f"{privilege}{column}" for privilege in privileges)
    return f"{verb} {names} ON {KEYWORDS[securable.scope]} {to_sql(securable)}"
