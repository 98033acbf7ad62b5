"""Who can do what, worked out from Microsoft's documentation: T-SQL, a question, and what the text says of it.

Each runs on a database `Shop` of `sa` with the table `orders (id, card)` and the procedure `run`, the logins `ann` and
`ben` who are users there, the login `eve` who is none, and the roles `readers` and `staff`.
"""

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


def _in(*statements: str) -> tuple[str, ...]:
    return ("USE [Shop]", *statements)


SELECT = "GRANT SELECT ON OBJECT::[dbo].[orders] TO"
JOIN = "ALTER ROLE [readers] ADD MEMBER [ann]"
CASES = {
    "nothing": Case(ALGORITHM, (), "ann", "SELECT", ORDERS, NO),
    "a grant": Case(ALGORITHM, _in(f"{SELECT} [ann]"), "ann", "SELECT", ORDERS, YES),
    "a grant of another permission": Case(ALGORITHM, _in(f"{SELECT} [ann]"), "ann", "UPDATE", ORDERS, NO),
    "a role's grant": Case(ALGORITHM, _in(JOIN, f"{SELECT} [readers]"), "ann", "SELECT", ORDERS, YES),
    "a nested role's grant": Case(
        ALGORITHM,
        _in(JOIN, "ALTER ROLE [staff] ADD MEMBER [readers]", f"{SELECT} [staff]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a role's grant to who is no member": Case(
        ALGORITHM, _in(JOIN, f"{SELECT} [readers]"), "ben", "SELECT", ORDERS, NO
    ),
    "public's grant": Case(PRINCIPALS, _in(f"{SELECT} [public]"), "ben", "SELECT", ORDERS, YES),
    "public's grant without a user": Case(PRINCIPALS, _in(f"{SELECT} [public]"), "eve", "SELECT", ORDERS, NO),
    "public's grant as guest": Case(
        PRINCIPALS, _in(f"{SELECT} [public]", "GRANT CONNECT TO [guest]"), "eve", "SELECT", ORDERS, YES
    ),
    "guest's grant": Case(
        PRINCIPALS, _in(f"{SELECT} [guest]", "GRANT CONNECT TO [guest]"), "eve", "SELECT", ORDERS, YES
    ),
    "guest's grant to a user": Case(
        PRINCIPALS, _in(f"{SELECT} [guest]", "GRANT CONNECT TO [guest]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny beats the same one's role": Case(
        ALGORITHM,
        _in(JOIN, f"{SELECT} [readers]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a role's deny beats one's grant": Case(
        ALGORITHM,
        _in(JOIN, f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [readers]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "public's deny beats a grant": Case(
        ALGORITHM,
        _in(f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [public]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a deny on the schema beats a grant on the table": Case(
        ALGORITHM, _in(f"{SELECT} [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny on the database beats a grant on the table": Case(
        ALGORITHM, _in(f"{SELECT} [ann]", "DENY SELECT TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny of control denies all": Case(
        ALGORITHM,
        _in(f"{SELECT} [ann]", "DENY CONTROL ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a deny of another permission": Case(
        ALGORITHM,
        _in(f"{SELECT} [ann]", "DENY UPDATE ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a deny beats control": Case(
        ALGORITHM,
        _in("GRANT CONTROL ON SCHEMA::[dbo] TO [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "control on the table": Case(
        OBJECTS, _in("GRANT CONTROL ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "DELETE", ORDERS, YES
    ),
    "receive implies select": Case(
        OBJECTS, _in("GRANT RECEIVE ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, YES
    ),
    "alter does not imply select": Case(
        OBJECTS, _in("GRANT ALTER ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "select on the schema": Case(SCHEMAS, _in("GRANT SELECT ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, YES),
    "execute on the schema": Case(SCHEMAS, _in("GRANT EXECUTE ON SCHEMA::[dbo] TO [ann]"), "ann", "EXECUTE", RUN, YES),
    "alter on the schema": Case(SCHEMAS, _in("GRANT ALTER ON SCHEMA::[dbo] TO [ann]"), "ann", "ALTER", ORDERS, YES),
    "alter any schema": Case(SCHEMAS, _in("GRANT ALTER ANY SCHEMA TO [ann]"), "ann", "ALTER", SCHEMA, YES),
    "select on the database": Case(DATABASES, _in("GRANT SELECT TO [ann]"), "ann", "SELECT", ORDERS, YES),
    "alter implies create table": Case(DATABASES, _in("GRANT ALTER TO [ann]"), "ann", "CREATE TABLE", SHOP, YES),
    "alter any role implies create role": Case(
        DATABASES, _in("GRANT ALTER ANY ROLE TO [ann]"), "ann", "CREATE ROLE", SHOP, YES
    ),
    "backup database implies backup log": Case(
        DATABASES, _in("GRANT BACKUP DATABASE TO [ann]"), "ann", "BACKUP LOG", SHOP, YES
    ),
    "control server": Case(SERVERS, ("GRANT CONTROL SERVER TO [eve]",), "eve", "SELECT", ORDERS, YES),
    "control server and a deny": Case(
        SERVERS,
        ("GRANT CONTROL SERVER TO [ann]", *_in("DENY SELECT ON SCHEMA::[dbo] TO [ann]")),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "select all user securables": Case(
        SERVERS, ("GRANT SELECT ALL USER SECURABLES TO [ann]",), "ann", "SELECT", ORDERS, YES
    ),
    "view any definition": Case(
        SERVERS, ("GRANT VIEW ANY DEFINITION TO [ann]",), "ann", "VIEW DEFINITION", ORDERS, YES
    ),
    "connect any database": Case(SERVERS, ("GRANT CONNECT ANY DATABASE TO [eve]",), "eve", "CONNECT", SHOP, YES),
    "alter server state implies view": Case(
        SERVERS, ("GRANT ALTER SERVER STATE TO [ann]",), "ann", "VIEW SERVER STATE", ON_SERVER, YES
    ),
    "a deny of the server to one's role": Case(
        SERVERS,
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [ann]",
            "GRANT VIEW ANY DEFINITION TO [ann]",
            "DENY VIEW ANY DEFINITION TO [ops]",
        ),
        "ann",
        "VIEW DEFINITION",
        ORDERS,
        NO,
    ),
    "sysadmin passes a deny": Case(
        ALGORITHM,
        ("ALTER SERVER ROLE [sysadmin] ADD MEMBER [ann]", *_in("DENY SELECT ON SCHEMA::[dbo] TO [public]")),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "sysadmin without a user": Case(
        SERVER_ROLES, ("ALTER SERVER ROLE [sysadmin] ADD MEMBER [eve]",), "eve", "DELETE", ORDERS, YES
    ),
    "a role of the server reads nothing": Case(
        SERVER_ROLES, ("ALTER SERVER ROLE [processadmin] ADD MEMBER [ann]",), "ann", "SELECT", ORDERS, NO
    ),
    "processadmin": Case(
        SERVER_ROLES,
        ("ALTER SERVER ROLE [processadmin] ADD MEMBER [ann]",),
        "ann",
        "ALTER ANY CONNECTION",
        ON_SERVER,
        YES,
    ),
    "db_datareader": Case(FIXED, _in("ALTER ROLE [db_datareader] ADD MEMBER [ann]"), "ann", "SELECT", ORDERS, YES),
    "db_datareader writes nothing": Case(
        FIXED, _in("ALTER ROLE [db_datareader] ADD MEMBER [ann]"), "ann", "UPDATE", ORDERS, NO
    ),
    "db_datawriter": Case(FIXED, _in("ALTER ROLE [db_datawriter] ADD MEMBER [ann]"), "ann", "INSERT", ORDERS, YES),
    "db_denydatareader": Case(
        FIXED, _in(f"{SELECT} [ann]", "ALTER ROLE [db_denydatareader] ADD MEMBER [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "db_owner": Case(FIXED, _in("ALTER ROLE [db_owner] ADD MEMBER [ann]"), "ann", "EXECUTE", RUN, YES),
    "db_owner and a deny": Case(
        FIXED,
        _in("ALTER ROLE [db_owner] ADD MEMBER [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "db_ddladmin": Case(FIXED, _in("ALTER ROLE [db_ddladmin] ADD MEMBER [ann]"), "ann", "ALTER", ORDERS, YES),
    "db_ddladmin reads nothing": Case(
        FIXED, _in("ALTER ROLE [db_ddladmin] ADD MEMBER [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a column's grant is not the table's": Case(
        OBJECTS, _in("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a column's grant": Case(
        OBJECTS, _in("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", CARD, YES
    ),
    "another column": Case(
        OBJECTS, _in("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", ID, NO
    ),
    "a table's grant covers columns": Case(OBJECTS, _in(f"{SELECT} [ann]"), "ann", "SELECT", CARD, YES),
    "a column's deny": Case(
        OBJECTS,
        _in(f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "a column's grant under a table's deny": Case(
        COLUMNS,
        _in(
            "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]", "GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"
        ),
        "ann",
        "SELECT",
        CARD,
        YES,
    ),
    "a column's grant under a schema's deny": Case(
        COLUMNS,
        _in("DENY SELECT ON SCHEMA::[dbo] TO [ann]", "GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "a column's revoke under a table's grant": Case(
        OBJECTS,
        _in(f"{SELECT} [ann]", "REVOKE SELECT ON OBJECT::[dbo].[orders] ([card]) FROM [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "the schema's owner": Case(
        OWNERS, _in("ALTER AUTHORIZATION ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, YES
    ),
    "an owner passes a deny": Case(
        OWNERS,
        _in("ALTER AUTHORIZATION ON OBJECT::[dbo].[orders] TO [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [public]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a schema's owner whose table is another's, and a deny": Case(
        OWNERS,
        _in(
            "ALTER AUTHORIZATION ON SCHEMA::[dbo] TO [ann]",
            "ALTER AUTHORIZATION ON OBJECT::[dbo].[orders] TO [ben]",
            "DENY SELECT ON OBJECT::[dbo].[orders] TO [public]",
        ),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "the database's owner": Case(
        OWNERS,
        ("ALTER AUTHORIZATION ON DATABASE::[Shop] TO [eve]", *_in("DENY SELECT TO [public]")),
        "eve",
        "SELECT",
        ORDERS,
        YES,
    ),
    "take ownership": Case(
        OWNERSHIP, _in("GRANT TAKE OWNERSHIP ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    "impersonate a user": Case(
        EXECUTE_AS, _in(f"{SELECT} [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    "a user that one acts as is nothing on the server": Case(
        EXECUTE_AS,
        ("GRANT ALTER TRACE TO [ben]", *_in("GRANT IMPERSONATE ON USER::[ben] TO [ann]")),
        "ann",
        "ALTER TRACE",
        ON_SERVER,
        NO,
    ),
    "impersonate a login": Case(
        EXECUTE_AS,
        ("GRANT IMPERSONATE ON LOGIN::[ben] TO [ann]", *_in(f"{SELECT} [ben]")),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a chain of impersonations": Case(
        EXECUTE_AS,
        (
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [eve]",
            "GRANT IMPERSONATE ON LOGIN::[ann] TO [ben]",
            *_in(f"{SELECT} [ann]"),
        ),
        "eve",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a chain of impersonated users": Case(
        EXECUTE_AS,
        _in(
            "CREATE USER [zoe] WITHOUT LOGIN",
            "GRANT IMPERSONATE ON USER::[ben] TO [ann]",
            "GRANT IMPERSONATE ON USER::[zoe] TO [ben]",
            f"{SELECT} [zoe]",
        ),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a chain of impersonated users, and a denial to the one between": Case(
        EXECUTE_AS,
        _in(
            "CREATE USER [zoe] WITHOUT LOGIN",
            "GRANT IMPERSONATE ON USER::[ben] TO [ann]",
            "GRANT IMPERSONATE ON USER::[zoe] TO [readers]",
            "ALTER ROLE [readers] ADD MEMBER [ben]",
            "DENY IMPERSONATE ON USER::[zoe] TO [ben]",
            f"{SELECT} [zoe]",
        ),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "alter any user sets a contained user's password": Case(
        ALTER_USER,
        _in("CREATE USER [kim] WITH PASSWORD = 'a'", "GRANT ALTER ANY USER TO [ann]", f"{SELECT} [kim]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a fixed role sets a contained user's password": Case(
        ALTER_USER,
        _in("CREATE USER [kim] WITH PASSWORD = 'a'", "ALTER ROLE [db_accessadmin] ADD MEMBER [ann]", f"{SELECT} [kim]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "alter any user sets no login's password": Case(
        ALTER_USER, _in("GRANT ALTER ANY USER TO [ann]", f"{SELECT} [ben]"), "ann", "SELECT", ORDERS, NO
    ),
    "alter on a user is not enough for its password": Case(
        ALTER_USER,
        _in("CREATE USER [kim] WITH PASSWORD = 'a'", "GRANT ALTER ON USER::[kim] TO [ann]", f"{SELECT} [kim]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "impersonate any login": Case(
        EXECUTE_AS, ("GRANT IMPERSONATE ANY LOGIN TO [eve]", *_in(f"{SELECT} [ben]")), "eve", "SELECT", ORDERS, STEP
    ),
    "a role may impersonate, and a member may not": Case(
        EXECUTE_AS,
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [eve]",
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [ops]",
            "DENY IMPERSONATE ON LOGIN::[ben] TO [eve]",
            *_in(f"{SELECT} [ben]"),
        ),
        "eve",
        "SELECT",
        ORDERS,
        NO,
    ),
    "impersonation passes one's own deny": Case(
        EXECUTE_AS,
        _in(f"{SELECT} [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "alter on a role": Case(
        ADD_MEMBER, _in(f"{SELECT} [readers]", "GRANT ALTER ON ROLE::[readers] TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    "a member keeps its own deny": Case(
        ADD_MEMBER,
        _in(
            f"{SELECT} [readers]",
            "GRANT ALTER ON ROLE::[readers] TO [ann]",
            "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]",
        ),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "alter any role": Case(
        ADD_MEMBER, _in(f"{SELECT} [readers]", "GRANT ALTER ANY ROLE TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    "alter any role adds nobody to a fixed one": Case(
        ADD_MEMBER, _in("GRANT ALTER ANY ROLE TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "alter any server role": Case(
        ADD_SERVER_MEMBER,
        ("CREATE SERVER ROLE [ops]", "GRANT ALTER TRACE TO [ops]", "GRANT ALTER ANY SERVER ROLE TO [ann]"),
        "ann",
        "ALTER TRACE",
        ON_SERVER,
        STEP,
    ),
    "alter any login sets a password": Case(
        ALTER_LOGIN, ("GRANT ALTER ANY LOGIN TO [eve]", *_in(f"{SELECT} [ben]")), "eve", "SELECT", ORDERS, STEP
    ),
    "alter any login, and a login with control server": Case(
        ALTER_LOGIN,
        ("GRANT ALTER ANY LOGIN TO [eve]", "GRANT CONTROL SERVER TO [ben]"),
        "eve",
        "SHUTDOWN",
        ON_SERVER,
        NO,
    ),
}
