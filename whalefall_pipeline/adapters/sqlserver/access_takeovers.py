"""Who can take over a login or user that is no superuser: impersonation that was granted, and others' passwords. Pure.

Left out, since nothing is gained: whoever has CONTROL over a database may act as its users, and has all of it already.
Sources, Microsoft Learn: "EXECUTE AS (Transact-SQL)", "GRANT Server Principal Permissions", "ALTER LOGIN", and "ALTER
USER" (OLD_PASSWORD is required unless one has ALTER ANY USER).
"""

from collections.abc import Iterator

from whalefall_pipeline.adapters.sqlserver.access_links import (
    SETS_PASSWORDS,
    build_plain_graph,
    find_password_setters,
    list_contained,
    list_impersonable,
    list_settable,
    list_who_may,
    to_setter,
)
from whalefall_pipeline.adapters.sqlserver.access_principals import Principals, find_user
from whalefall_pipeline.adapters.sqlserver.names import quote_name, to_username
from whalefall_pipeline.core.access.graph import Graph
from whalefall_pipeline.core.access.model import Danger
from whalefall_pipeline.core.model import SERVER, Securable

LOGINS = 5
"""The rank of what leads to another account only."""
ANY_LOGIN = "any login"
SETTABLE = "any SQL login that is no sysadmin and lacks CONTROL SERVER"
_SECURITYADMIN = "securityadmin"
_OWNING = frozenset({"CONTROL", "CONTROL SERVER", "OWNER"})


def find_takeovers(principals: Principals) -> Iterator[Danger]:
    """Yield who can take over an account that is no superuser; a superuser's are told by the way to that."""
    graph = build_plain_graph(principals)
    yield from _list_named(principals, graph)
    for username, item in principals.hold(["IMPERSONATE ANY LOGIN"], Securable(SERVER)):
        since = principals.population.find_since(username, item)
        yield Danger(username, ANY_LOGIN, LOGINS, item.privilege, "EXECUTE AS LOGIN = N'...'", item, since)
    yield from _list_passwords(principals)
    for database in principals.databases:
        if list_contained(principals, database):
            yield from _list_passwords_of(principals, graph, database)


def _list_named(principals: Principals, graph: Graph) -> Iterator[Danger]:
    """Yield what was granted on a login or a user itself, by whom it may be used."""
    for question, place, step in list_impersonable(principals):
        own = question.securable
        if not own.database and principals.is_superuser(place):
            continue
        user = find_user(place)
        becomes = to_username(own.database, own.object) if own.database else place
        words = f"may act as {own.object}{f' in {own.database}' if own.database else ''}"
        for link in list_who_may(principals, graph, question, (place, words, step)):
            if link.held and link.held.securable == own:
                member, *_, database, held, since, is_own, _ = link
                yield Danger(
                    member, becomes, LOGINS, words, step, held, since, is_own, database, of=user[1] if user else ""
                )


def _list_passwords(principals: Principals) -> Iterator[Danger]:
    if not any(True for _ in list_settable(principals)):
        return
    for username, item in find_password_setters(principals).items():
        if username != _SECURITYADMIN:
            since = principals.population.find_since(username, item) if item else None
            words = "ALTER ANY LOGIN" if item else f"fixed server role {username} has ALTER ANY LOGIN"
            yield Danger(username, SETTABLE, LOGINS, words, "ALTER LOGIN [...] WITH PASSWORD = '...'", item, since)


def _list_passwords_of(principals: Principals, graph: Graph, database: str) -> Iterator[Danger]:
    becomes = f"any user of {database} with a password of its own"
    step = f"USE {quote_name(database)}; ALTER USER [...] WITH PASSWORD = '...'"
    owner = to_username(database, "db_owner")
    for link in list_who_may(principals, graph, to_setter(database), ("", SETS_PASSWORDS, step)):
        if link.member != owner and (link.held is None or link.held.privilege not in _OWNING):
            words = f"{SETS_PASSWORDS} in {database}"
            yield Danger(link.member, becomes, LOGINS, words, step, link.held, link.since, link.own, database=database)
