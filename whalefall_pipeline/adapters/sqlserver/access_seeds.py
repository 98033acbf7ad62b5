"""Where all paths to a permission end on SQL Server, so that few principals need be looked at. Pure."""

from collections.abc import Iterable, Iterator

from whalefall_pipeline.adapters.sqlserver.access_links import to_setter
from whalefall_pipeline.adapters.sqlserver.access_permissions import OBJECT, OBJECT_SCOPES, find_covers
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import COLUMN, DATABASE, DATABASE_USER, LOGIN, OWNER
from whalefall_pipeline.core.access.model import Question, Seeds, Sought
from whalefall_pipeline.core.model import MEMBER, SERVER, Securable

TAKE_OWNERSHIP = "TAKE OWNERSHIP"


def find_seeds(question: Question) -> Seeds:
    """Return who was granted or denied it there or around, who owns what is around, and what fixed roles give.

    And who may act as others, or change roles: by a permission on a principal, or one that covers all of them.
    """
    database = question.securable.database
    asked = [question, *_list_leading(database)]
    sought = dict.fromkeys(one for each in asked for one in _list_sought(each))
    members = [Sought(MEMBER, "database_role", database, "", role) for role in _list_fixed(asked, database)]
    guests = (to_username(database, "guest"),) if database else ()
    return Seeds((*sought, *members), (), tuple(FIXED_SERVER_ROLES), everybodys=guests, by_principals=True)


def _list_leading(database: str) -> list[Question]:
    """Return the permissions that lead to other principals, each on one of no name: what covers it covers all."""
    found = [
        Question("IMPERSONATE", Securable(LOGIN)),
        Question("ALTER", Securable(LOGIN)),
        Question("ALTER", Securable("server_role")),
    ]
    if database:
        found += [
            Question("IMPERSONATE", Securable(DATABASE_USER, database)),
            Question("ALTER", Securable("role_definition", database)),
            to_setter(database),
        ]
    return found


def _list_fixed(asked: Iterable[Question], database: str) -> Iterator[str]:
    """Yield the fixed roles of a database that have one of these permissions, or one that covers it."""
    wanted = {
        name for one in asked for cover in find_covers(one) if cover.securable.scope == DATABASE for name in cover[1]
    }
    for role, permissions in FIXED_DATABASE_ROLES.items():
        if database and not wanted.isdisjoint(text.partition(" WITH GRANT")[0] for text in permissions):
            yield to_username(database, role)


def _list_sought(question: Question) -> Iterator[Sought]:
    for securable, privileges in find_covers(question):
        scope, database, schema, name, _ = securable
        owning = () if scope in (SERVER, COLUMN) else (OWNER, TAKE_OWNERSHIP)
        for level in sorted(OBJECT_SCOPES) if scope == OBJECT else (scope,):
            for privilege in (*sorted(privileges), *owning):
                yield Sought(privilege, level, database, schema, name)
