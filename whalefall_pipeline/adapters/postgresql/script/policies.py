"""The SQL that says whom policies are for. Pure functions.

A policy names all its roles at once, and a change is one account's. So where one account's is taken back, the server
puts together whom else the policy is for.
"""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import attrgetter

from whalefall_pipeline.adapters.postgresql.names import quote, quote_grantee, quote_value, to_comment, to_sql
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Grant, Securable

POLICY = "policy"
FIND = (
    "SELECT format(' POLICY %I ON %I.%I TO ', polname, nspname, relname), polroles INTO policy, roles"
    " FROM pg_policy p JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE nspname = {schema} AND relname = {table} AND polname = {name};"
    " IF policy IS NULL THEN RAISE EXCEPTION 'there is no policy % on %.%', {name}, {schema}, {table}; END IF;"
)
ROLE = "SELECT oid INTO STRICT own FROM pg_roles WHERE rolname = {role};"
ADD = "roles := array_append(array_remove(array_remove(roles, own), 0), own);"
"""A policy for PUBLIC is for no role beside it."""
ADD_PUBLIC = "roles := ARRAY[0]::oid[];"
REMOVE = "roles := array_remove(roles, own);"
CHANGE = (
    "IF roles = '{}' THEN RAISE EXCEPTION 'the policy is for nobody else: first say whom it is to be for'; END IF;"
    " EXECUTE 'ALTER' || policy || (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END, ', ')"
    " FROM unnest(roles) r LEFT JOIN pg_roles ON oid = r);"
)


def build_policies(grants: Collection[Grant]) -> Iterator[str]:
    """Yield the ALTER POLICY of each policy, for all the roles that are given."""
    listed = sorted((grant for grant in grants if grant.securable.scope == POLICY), key=attrgetter("securable"))
    for securable, group in groupby(listed, key=attrgetter("securable")):
        roles = ", ".join(sorted(quote_grantee(grant.grantee) for grant in group))
        table = to_sql(securable._replace(scope="table", column=""))
        yield f"ALTER POLICY {quote(securable.column)} ON {table} TO {roles};"


def change_policies(gained: Collection[Grant], lost: Collection[Grant]) -> Iterator[str]:
    """Yield what adds one account to those a policy is for, or takes it away from them."""
    added, removed = ({grant.securable: grant for grant in side if _is_policy(grant)} for side in (gained, lost))
    for securable in sorted(added.keys() | removed.keys()):
        old, new = removed.get(securable), added.get(securable)
        if old and new:
            kinds = f"is {old.privilege} and is to be {new.privilege}"
            yield to_comment(f"{securable} {kinds}: no statement changes that but DROP and CREATE POLICY")
        elif new:
            yield _build_change(securable, new.grantee, is_added=True)
        elif old:
            yield _build_change(securable, old.grantee, is_added=False)


def _is_policy(grant: Grant) -> bool:
    return grant.securable.scope == POLICY


def _build_change(securable: Securable, grantee: str, *, is_added: bool) -> str:
    where = {"schema": securable.schema, "table": securable.object, "name": securable.column}
    find = FIND.format_map({part: quote_value(name) for part, name in where.items()})
    if grantee == PUBLIC:
        steps = [ADD_PUBLIC if is_added else "roles := array_remove(roles, 0);"]
    else:
        steps = [ROLE.format(role=quote_value(grantee)), ADD if is_added else REMOVE]
    declared = "DECLARE policy text; roles oid[]; own oid;"
    return f"DO {quote_value(' '.join([declared, 'BEGIN', find, *steps, CHANGE, 'END']))};"
