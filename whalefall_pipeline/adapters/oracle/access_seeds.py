"""Where all paths to a privilege end on Oracle, so that few accounts need be looked at. Pure."""

from collections.abc import Sequence

from whalefall_pipeline.adapters.oracle.access_dangers import FILE_SCOPES, SYSTEM_SCOPES
from whalefall_pipeline.adapters.oracle.access_privileges import ANY, DICTIONARY, SYS, find_same
from whalefall_pipeline.core.access.model import Question, Seeds, Sought
from whalefall_pipeline.core.model import AccountState

GRANT_OBJECTS, GRANT_PRIVILEGES = "GRANT ANY OBJECT PRIVILEGE", "GRANT ANY PRIVILEGE"
TO_ANYBODY = ("ALTER USER", "GRANT ANY ROLE")
"""What leads to any other account, or to any role."""
ON_RELATIONS = ("table", "view", "materialized_view", "object")
"""What a column may be of."""


def find_seeds(question: Question) -> Seeds:
    """Return who holds it, or what gives it everywhere, in its container and commonly; SYS, and the schema's owner."""
    privilege, securable = question
    scope, database, schema, name, _ = securable
    is_system = scope in SYSTEM_SCOPES
    wide = [privilege, GRANT_PRIVILEGES] if is_system else _list_wide(question)
    places = dict.fromkeys(("", database))
    sought = [
        Sought(each, level, place) for each in (*wide, *TO_ANYBODY) for level in SYSTEM_SCOPES for place in places
    ]
    sought += [Sought("SYSDBA", level, place) for level in FILE_SCOPES for place in places]
    if is_system:
        return Seeds(tuple(sought), (), (SYS,), by_principals=True)
    sought += [Sought(each, "schema", place, schema) for each in wide for place in places]
    levels = (*ON_RELATIONS, scope) if scope == "column" else (scope,)
    sought += [
        Sought(each, level, place, schema, name)
        for each in sorted(find_same(privilege))
        for level in levels
        for place in places
    ]
    return Seeds(tuple(sought), (), (SYS, schema, f"{database}.{schema}"), by_principals=True)


def _list_wide(question: Question) -> Sequence[str]:
    """Return the system privileges that may give it, whatever the instance is set to."""
    privilege, securable = question
    return [*ANY.get(securable.scope, {}).get(privilege, ()), DICTIONARY, GRANT_OBJECTS]


def is_bounded(state: AccountState) -> bool:
    """Whether it may come to no account but those that its roles name: it is no proxy, and may alter nobody."""
    return not any(
        item.securable.scope in ("proxy", "proxy_role") or item.privilege in TO_ANYBODY for item in state.held
    )
