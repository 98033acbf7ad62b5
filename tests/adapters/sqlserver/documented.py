"""What the documentation's cases share: where each was read, what they are about, and how one is written down."""

from typing import NamedTuple

from whalefall_pipeline.core.access.model import Verdict
from whalefall_pipeline.core.model import SERVER, Securable

YES, STEP, NO = Verdict.YES, Verdict.AFTER_STEP, Verdict.NO
DATABASE = "Shop"
ORDERS = Securable("table", DATABASE, "dbo", "orders")
CARD = Securable("column", DATABASE, "dbo", "orders", "card")
ID = Securable("column", DATABASE, "dbo", "orders", "id")
RUN = Securable("routine", DATABASE, "dbo", "run")
SCHEMA = Securable("schema", DATABASE, object="dbo")
SHOP = Securable("database", DATABASE)
ON_SERVER = Securable(SERVER)

ALGORITHM = 'Microsoft Learn, "Permissions (Database Engine)", summary of the permission check algorithm'
COLUMNS = 'Microsoft Learn, "DENY Object Permissions", caution: a table-level DENY gives way to a column-level GRANT'
OBJECTS = 'Microsoft Learn, "GRANT Object Permissions", table of what implies each permission'
SCHEMAS = 'Microsoft Learn, "GRANT Schema Permissions", table of what implies each permission'
DATABASES = 'Microsoft Learn, "GRANT Database Permissions", table of what implies each permission'
SERVERS = 'Microsoft Learn, "GRANT Server Permissions", table of what implies each permission'
FIXED = 'Microsoft Learn, "Database-Level Roles", fixed-database roles'
SERVER_ROLES = 'Microsoft Learn, "Server-Level Roles", permissions of fixed server roles'
PRINCIPALS = 'Microsoft Learn, "Principals (Database Engine)", public and guest'
OWNERS = 'Microsoft Learn, "Ownership and user-schema separation", ownership'
EXECUTE_AS = 'Microsoft Learn, "EXECUTE AS (Transact-SQL)", permissions and remarks'
ADD_MEMBER = 'Microsoft Learn, "ALTER ROLE", permissions'
ADD_SERVER_MEMBER = 'Microsoft Learn, "ALTER SERVER ROLE", permissions'
ALTER_USER = 'Microsoft Learn, "ALTER USER", OLD_PASSWORD: not required of who has ALTER ANY USER'
ALTER_LOGIN = 'Microsoft Learn, "ALTER LOGIN", permissions'
OWNERSHIP = 'Microsoft Learn, "ALTER AUTHORIZATION", permissions'


class Case(NamedTuple):
    """Statements (in the database; those before `USE` on the server), and who can then do what."""

    source: str
    statements: tuple[str, ...]
    username: str
    privilege: str
    securable: Securable
    verdict: Verdict


def shop(*statements: str) -> tuple[str, ...]:
    """Return statements that run in the database."""
    return ("USE [Shop]", *statements)


SELECT = "GRANT SELECT ON OBJECT::[dbo].[orders] TO"
JOIN = "ALTER ROLE [readers] ADD MEMBER [ann]"
