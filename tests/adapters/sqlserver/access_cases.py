"""Who can do what, worked out from Microsoft's documentation: T-SQL, a question, and what the text says of it.

Each runs on a database `Shop` of `sa` with the table `orders (id, card)` and the procedure `run`, the logins `ann` and
`ben` who are users there, the login `eve` who is none, and the roles `readers` and `staff`.
"""

from tests.adapters.sqlserver.documented import (
    ALGORITHM,
    CARD,
    COLUMNS,
    DATABASES,
    FIXED,
    ID,
    JOIN,
    NO,
    OBJECTS,
    ON_SERVER,
    ORDERS,
    OWNERS,
    OWNERSHIP,
    PRINCIPALS,
    RUN,
    SCHEMA,
    SCHEMAS,
    SELECT,
    SERVER_ROLES,
    SERVERS,
    SHOP,
    STEP,
    YES,
    Case,
    shop,
)
from tests.adapters.sqlserver.takeover_cases import TAKEOVERS

CASES = {
    "nothing": Case(ALGORITHM, (), "ann", "SELECT", ORDERS, NO),
    "a grant": Case(ALGORITHM, shop(f"{SELECT} [ann]"), "ann", "SELECT", ORDERS, YES),
    "a grant of another permission": Case(ALGORITHM, shop(f"{SELECT} [ann]"), "ann", "UPDATE", ORDERS, NO),
    "a role's grant": Case(ALGORITHM, shop(JOIN, f"{SELECT} [readers]"), "ann", "SELECT", ORDERS, YES),
    "a nested role's grant": Case(
        ALGORITHM,
        shop(JOIN, "ALTER ROLE [staff] ADD MEMBER [readers]", f"{SELECT} [staff]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a role's grant to who is no member": Case(
        ALGORITHM, shop(JOIN, f"{SELECT} [readers]"), "ben", "SELECT", ORDERS, NO
    ),
    "public's grant": Case(PRINCIPALS, shop(f"{SELECT} [public]"), "ben", "SELECT", ORDERS, YES),
    "public's grant without a user": Case(PRINCIPALS, shop(f"{SELECT} [public]"), "eve", "SELECT", ORDERS, NO),
    "public's grant as guest": Case(
        PRINCIPALS, shop(f"{SELECT} [public]", "GRANT CONNECT TO [guest]"), "eve", "SELECT", ORDERS, YES
    ),
    "guest's grant": Case(
        PRINCIPALS, shop(f"{SELECT} [guest]", "GRANT CONNECT TO [guest]"), "eve", "SELECT", ORDERS, YES
    ),
    "guest's grant to a user": Case(
        PRINCIPALS, shop(f"{SELECT} [guest]", "GRANT CONNECT TO [guest]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny beats the same one's role": Case(
        ALGORITHM,
        shop(JOIN, f"{SELECT} [readers]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a role's deny beats one's grant": Case(
        ALGORITHM,
        shop(JOIN, f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [readers]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "public's deny beats a grant": Case(
        ALGORITHM,
        shop(f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [public]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a deny on the schema beats a grant on the table": Case(
        ALGORITHM, shop(f"{SELECT} [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny on the database beats a grant on the table": Case(
        ALGORITHM, shop(f"{SELECT} [ann]", "DENY SELECT TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a deny of control denies all": Case(
        ALGORITHM,
        shop(f"{SELECT} [ann]", "DENY CONTROL ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "a deny of another permission": Case(
        ALGORITHM,
        shop(f"{SELECT} [ann]", "DENY UPDATE ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a deny beats control": Case(
        ALGORITHM,
        shop("GRANT CONTROL ON SCHEMA::[dbo] TO [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "control on the table": Case(
        OBJECTS, shop("GRANT CONTROL ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "DELETE", ORDERS, YES
    ),
    "receive implies select": Case(
        OBJECTS, shop("GRANT RECEIVE ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, YES
    ),
    "alter does not imply select": Case(
        OBJECTS, shop("GRANT ALTER ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "select on the schema": Case(SCHEMAS, shop("GRANT SELECT ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, YES),
    "execute on the schema": Case(SCHEMAS, shop("GRANT EXECUTE ON SCHEMA::[dbo] TO [ann]"), "ann", "EXECUTE", RUN, YES),
    "alter on the schema": Case(SCHEMAS, shop("GRANT ALTER ON SCHEMA::[dbo] TO [ann]"), "ann", "ALTER", ORDERS, YES),
    "alter any schema": Case(SCHEMAS, shop("GRANT ALTER ANY SCHEMA TO [ann]"), "ann", "ALTER", SCHEMA, YES),
    "select on the database": Case(DATABASES, shop("GRANT SELECT TO [ann]"), "ann", "SELECT", ORDERS, YES),
    "alter implies create table": Case(DATABASES, shop("GRANT ALTER TO [ann]"), "ann", "CREATE TABLE", SHOP, YES),
    "alter any role implies create role": Case(
        DATABASES, shop("GRANT ALTER ANY ROLE TO [ann]"), "ann", "CREATE ROLE", SHOP, YES
    ),
    "backup database implies backup log": Case(
        DATABASES, shop("GRANT BACKUP DATABASE TO [ann]"), "ann", "BACKUP LOG", SHOP, YES
    ),
    "control server": Case(SERVERS, ("GRANT CONTROL SERVER TO [eve]",), "eve", "SELECT", ORDERS, YES),
    "control server and a deny": Case(
        SERVERS,
        ("GRANT CONTROL SERVER TO [ann]", *shop("DENY SELECT ON SCHEMA::[dbo] TO [ann]")),
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
        ("ALTER SERVER ROLE [sysadmin] ADD MEMBER [ann]", *shop("DENY SELECT ON SCHEMA::[dbo] TO [public]")),
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
    "db_datareader": Case(FIXED, shop("ALTER ROLE [db_datareader] ADD MEMBER [ann]"), "ann", "SELECT", ORDERS, YES),
    "db_datareader writes nothing": Case(
        FIXED, shop("ALTER ROLE [db_datareader] ADD MEMBER [ann]"), "ann", "UPDATE", ORDERS, NO
    ),
    "db_datawriter": Case(FIXED, shop("ALTER ROLE [db_datawriter] ADD MEMBER [ann]"), "ann", "INSERT", ORDERS, YES),
    "db_denydatareader": Case(
        FIXED,
        shop(f"{SELECT} [ann]", "ALTER ROLE [db_denydatareader] ADD MEMBER [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "db_owner": Case(FIXED, shop("ALTER ROLE [db_owner] ADD MEMBER [ann]"), "ann", "EXECUTE", RUN, YES),
    "db_owner and a deny": Case(
        FIXED,
        shop("ALTER ROLE [db_owner] ADD MEMBER [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "db_ddladmin": Case(FIXED, shop("ALTER ROLE [db_ddladmin] ADD MEMBER [ann]"), "ann", "ALTER", ORDERS, YES),
    "db_ddladmin reads nothing": Case(
        FIXED, shop("ALTER ROLE [db_ddladmin] ADD MEMBER [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a column's grant is not the table's": Case(
        OBJECTS, shop("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", ORDERS, NO
    ),
    "a column's grant": Case(
        OBJECTS, shop("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", CARD, YES
    ),
    "another column": Case(
        OBJECTS, shop("GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"), "ann", "SELECT", ID, NO
    ),
    "a table's grant covers columns": Case(OBJECTS, shop(f"{SELECT} [ann]"), "ann", "SELECT", CARD, YES),
    "a column's deny": Case(
        OBJECTS,
        shop(f"{SELECT} [ann]", "DENY SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "a column's grant under a table's deny": Case(
        COLUMNS,
        shop(
            "DENY SELECT ON OBJECT::[dbo].[orders] TO [ann]", "GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"
        ),
        "ann",
        "SELECT",
        CARD,
        YES,
    ),
    "a column's grant under a schema's deny": Case(
        COLUMNS,
        shop("DENY SELECT ON SCHEMA::[dbo] TO [ann]", "GRANT SELECT ON OBJECT::[dbo].[orders] ([card]) TO [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "a column's revoke under a table's grant": Case(
        OBJECTS,
        shop(f"{SELECT} [ann]", "REVOKE SELECT ON OBJECT::[dbo].[orders] ([card]) FROM [ann]"),
        "ann",
        "SELECT",
        CARD,
        NO,
    ),
    "the schema's owner": Case(
        OWNERS, shop("ALTER AUTHORIZATION ON SCHEMA::[dbo] TO [ann]"), "ann", "SELECT", ORDERS, YES
    ),
    "an owner passes a deny": Case(
        OWNERS,
        shop("ALTER AUTHORIZATION ON OBJECT::[dbo].[orders] TO [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [public]"),
        "ann",
        "SELECT",
        ORDERS,
        YES,
    ),
    "a schema's owner whose table is another's, and a deny": Case(
        OWNERS,
        shop(
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
        ("ALTER AUTHORIZATION ON DATABASE::[Shop] TO [eve]", *shop("DENY SELECT TO [public]")),
        "eve",
        "SELECT",
        ORDERS,
        YES,
    ),
    "take ownership": Case(
        OWNERSHIP, shop("GRANT TAKE OWNERSHIP ON OBJECT::[dbo].[orders] TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    **TAKEOVERS,
}
