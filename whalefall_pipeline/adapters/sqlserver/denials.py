"""What is denied to the collector itself, and so hides rows from it, whatever it was granted. Pure.

Sources, Microsoft Learn. "VIEW DEFINITION Permission": who holds VIEW ANY DEFINITION sees all metadata unless VIEW
DEFINITION or CONTROL is denied on the database, a schema or a single securable. "sys.database_permissions" and
"sys.server_permissions": any user sees its own permissions, so also what is denied to it. "sys.login_token": one row
per principal that a login is, its server roles and Windows groups among them. Nothing is denied to sysadmin.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from whalefall_pipeline.adapters.sqlserver.errors import Row
from whalefall_pipeline.adapters.sqlserver.rows import PermissionRow, UserRow
from whalefall_pipeline.core.model import Observation, Seen

SYSADMIN_ID, PUBLIC_OF_SERVER, PUBLIC_OF_DATABASE, GUEST = 3, 2, 0, 2
LOGIN_CLASS = 101
HIDING = frozenset({"CONTROL", "VIEW DEFINITION", "VIEW ANY SECURITY DEFINITION", "VIEW SECURITY DEFINITION"})
"""Permissions whose denial hides rows, as in `database_denials`; VIEW ANY DEFINITION itself is asked for by name."""
HIDDEN = Observation(
    Seen.DENIED,
    "VIEW DEFINITION or CONTROL on something there is denied to the login, its user or a role of them, so the server "
    "leaves out rows without saying so: REVOKE the denial",
)


class Token(NamedTuple):
    """Who a login is to the server: its principals there, and the SIDs by which it is a user of databases."""

    principals: frozenset[int]
    sids: frozenset[bytes]

    @property
    def is_sysadmin(self) -> bool:
        """Whether nothing can be denied to it."""
        return SYSADMIN_ID in self.principals


def build_token(rows: Iterable[Row]) -> Token:
    """Build it from the rows of `login_token`."""
    found = list(rows)
    ids = {int(principal) for principal, _ in found if principal is not None}
    return Token(frozenset({*ids, PUBLIC_OF_SERVER}), frozenset(bytes(sid) for _, sid in found if sid))


def find_principals(token: Token, users: Iterable[Row], members: Sequence[Row]) -> frozenset[int]:
    """Return who the login is in a database: its user, or guest without one, the roles of that, and public."""
    rows = [UserRow(*row) for row in users]
    own = {row.principal_id for row in rows if row.sid and row.type not in "RA" and bytes(row.sid) in token.sids}
    found = {*(own or {GUEST}), PUBLIC_OF_DATABASE}
    reached = found
    while reached:
        reached = {int(role) for role, member in members if int(member) in reached} - found
        found |= reached
    return frozenset(found)


def find_hidden_classes(token: Token, permissions: Iterable[Row]) -> frozenset[int]:
    """Return the classes of securables of the server of which something is hidden from the login."""
    if token.is_sysadmin:
        return frozenset()
    return frozenset(
        row.permission_class
        for row in (PermissionRow(*each) for each in permissions)
        if row.state == "D" and row.permission in HIDING and row.grantee_id in token.principals
    )
