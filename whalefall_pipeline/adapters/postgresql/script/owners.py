"""The SQL that changes owners, and what an owner's object does for or keeps from others. Pure functions."""

from collections.abc import Collection, Iterable, Iterator

from whalefall_pipeline.adapters.postgresql.names import KEYWORDS, quote, quote_grantee, quote_value, to_comment, to_sql
from whalefall_pipeline.adapters.postgresql.rows import DEFAULT_PRIVILEGES
from whalefall_pipeline.adapters.postgresql.script.policies import POLICY, build_policies, change_policies
from whalefall_pipeline.core.model import ROLE_SCOPES, Grant, Securable

OWNER = "OWNER"
FUNCTION_OWNER = "FUNCTION OWNER"

ALTERED = {
    **{scope: keyword for scope, keyword in KEYWORDS.items() if scope not in ("column", "parameter")},
    "foreign_server": "SERVER",
    "publication": "PUBLICATION",
    "subscription": "SUBSCRIPTION",
    "event_trigger": "EVENT TRIGGER",
    "collation": "COLLATION",
    "conversion": "CONVERSION",
    "statistics": "STATISTICS",
    "text_search_configuration": "TEXT SEARCH CONFIGURATION",
    "text_search_dictionary": "TEXT SEARCH DICTIONARY",
    "operator": "OPERATOR",
    "operator_class": "OPERATOR CLASS",
    "operator_family": "OPERATOR FAMILY",
}
"""Scope to what follows ALTER in a change of owner; an extension's can't be changed."""

MARKS = {
    "SECURITY DEFINER": ("SECURITY DEFINER", "SECURITY INVOKER"),
    "ROW LEVEL SECURITY": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "FORCE ROW LEVEL SECURITY": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
}
"""What an owner's object does for others or keeps from them, to the words of ALTER that give and take it."""


SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
SYSTEM_LANGUAGES = frozenset({"internal", "c", "sql", "plpgsql"})


def is_system(securable: Securable) -> bool:
    """Whether it is PostgreSQL's own object: of these a state only holds what somebody changed."""
    is_language = securable.scope == "language" and securable.object in SYSTEM_LANGUAGES
    return is_language or securable.schema in SYSTEM_SCHEMAS


def is_privilege(grant: Grant) -> bool:
    """Whether it is given by GRANT; the rest stands in definitions of objects."""
    return grant.securable.scope in (*KEYWORDS, DEFAULT_PRIVILEGES) and grant.privilege not in (OWNER, *MARKS)


def is_ownership(grant: Grant) -> bool:
    """Whether it is of an object; default privileges are made by being changed, and always their role's."""
    return grant.privilege == OWNER and grant.securable.scope != DEFAULT_PRIVILEGES


def build_owners(grants: Iterable[Grant], *, is_change: bool) -> Iterator[str]:
    """Yield the ALTER … OWNER of each grant of ownership; tables first, since their own sequences go with them.

    `is_change`: what the owner had before, and what the change of owner hands it of the old one's, is taken away too.
    """
    owned = filter(is_ownership, grants)
    for grant in sorted(owned, key=lambda grant: (grant.securable.scope == "sequence", grant)):
        yield from _build_owner(grant, is_change=is_change)


def _build_owner(grant: Grant, *, is_change: bool) -> Iterator[str]:
    scope, owner = grant.securable.scope, quote(grant.grantee)
    try:
        name = to_sql(grant.securable)
    except ValueError as error:
        yield to_comment(f"the owner of {grant.securable}, {owner}, is left out: {error}")
        return
    if scope not in ALTERED:
        yield to_comment(f"{grant.securable} is owned by {owner}: no statement changes that")
        return
    yield f"ALTER {ALTERED[scope]} {name} OWNER TO {owner};"
    if is_change and scope in KEYWORDS:
        revoke = f"REVOKE ALL ON {KEYWORDS[scope]} {name} FROM {owner}"
        yield if_trusted(revoke, grant.securable.object) if scope == "language" else f"{revoke};"


def if_trusted(statement: str, language: str) -> str:
    """Build what runs a GRANT or REVOKE on a language where the server takes any.

    On one that is not trusted, as plpython3u, it takes none; its defaults stand in its state like those of others.
    """
    trusted = f"EXISTS (SELECT FROM pg_language WHERE lanname = {quote_value(language)} AND lanpltrusted)"
    return f"DO {quote_value(f'BEGIN IF {trusted} THEN EXECUTE {quote_value(statement)}; END IF; END')};"


def build_owner_loss(grants: Iterable[Grant]) -> Iterator[str]:
    """Yield what gives PostgreSQL's own objects back to it; who owns others now, only that one's own change tells."""
    for grant in sorted(filter(is_ownership, grants)):
        if is_system(grant.securable) and grant.securable.scope in ALTERED:
            yield _build_return(grant.securable)
        else:
            role = quote(grant.grantee)
            yield to_comment(f"{grant.securable}: {role} is no longer its owner; ALTER … OWNER TO whoever is")


def _build_return(securable: Securable) -> str:
    """Build what gives an object back to the bootstrap superuser, whose name no other account's state holds.

    What the one who had it could pass on is merged into the new owner's entry in the ACL, so that goes as well.
    """
    name = to_sql(securable)
    statements = [f"ALTER {ALTERED[securable.scope]} {name} OWNER TO "]
    if securable.scope in KEYWORDS:
        statements.append(f"REVOKE GRANT OPTION FOR ALL ON {KEYWORDS[securable.scope]} {name} FROM ")
    first = "quote_ident((SELECT rolname FROM pg_roles WHERE oid = 10))"
    body = " ".join(f"EXECUTE {quote_value(statement)} || {first};" for statement in statements)
    return f"DO {quote_value(f'BEGIN {body} END')};"


def build_invokers(username: str) -> str:
    """Build what has a role's SECURITY DEFINER routines of one database run as who calls them.

    Else they would run as their next owner, who is a superuser where the role is dropped.
    """
    routines = (
        "SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef"
        f" AND proowner = (SELECT oid FROM pg_roles WHERE rolname = {quote_value(username)})"
    )
    alter = "EXECUTE 'ALTER ROUTINE ' || routine || ' SECURITY INVOKER';"
    body = f"DECLARE routine text; BEGIN FOR routine IN {routines} LOOP {alter} END LOOP; END"
    return f"DO {quote_value(body)};"


def build_definitions(gained: Collection[Grant], lost: Collection[Grant], *, is_change: bool) -> Iterator[str]:
    """Yield what changes definitions: marks of objects that keep their owner, user mappings, policies, comments.

    `is_change`: what is gained is one account's, so who else a policy is for is not known. Nor is what the next owner
    of an object has it do: that one's own change gives that, and nothing takes what the object does now.
    """
    moved = {grant.securable for grant in lost if is_ownership(grant)}
    for grant in sorted(grant for grant in lost if grant.securable in moved and grant.privilege in MARKS):
        yield to_comment(f"{grant.securable}: {grant.privilege} stays, whoever owns it next")
    kept = [grant for grant in lost if grant.securable not in moved]
    for on, grants in ((False, kept), (True, gained)):
        # a function's new owner is that of its triggers too
        follows = any(is_ownership(grant) and grant.securable.scope == "routine" for grant in grants)
        for grant in sorted(filter(_is_definition, grants)):
            if grant.securable.scope != POLICY and not (follows and grant.privilege == FUNCTION_OWNER):
                yield from _build_definition(grant, on=on)
    yield from change_policies(gained, lost) if is_change else build_policies(gained)


def _is_definition(grant: Grant) -> bool:
    is_owner = grant.privilege == OWNER
    return grant.privilege in MARKS or not (is_owner or is_privilege(grant) or grant.securable.scope in ROLE_SCOPES)


def _build_definition(grant: Grant, *, on: bool) -> Iterator[str]:
    securable, role = grant.securable, quote_grantee(grant.grantee)
    if grant.privilege in MARKS:
        yield _build_mark(securable, MARKS[grant.privilege][not on])
        return
    if securable.scope == "user_mapping":
        server = quote(securable.object)
        if on:
            yield f"CREATE USER MAPPING IF NOT EXISTS FOR {role} SERVER {server};"
            yield to_comment(f"the options of the user mapping of {role} on {server} are not known here")
        else:
            yield f"DROP USER MAPPING IF EXISTS FOR {role} SERVER {server};"
        return
    now = "" if on else "no longer "
    if securable.scope == "subscribed_table":
        yield to_comment(f"{securable}: {role} is {now}who writes, by the subscription's own ALTER … OWNER and tables")
        return
    yield to_comment(f"{securable}: the owner of its function is {now}{role}, by that function's own ALTER … OWNER")


def _build_mark(securable: Securable, words: str) -> str:
    try:
        return f"ALTER {ALTERED[securable.scope]} {to_sql(securable)} {words};"
    except ValueError as error:
        return to_comment(f"{words} of {securable} is left out: {error}")
