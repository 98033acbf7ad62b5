"""Cases of the documentation about who can act as another, or make itself one."""

from tests.adapters.sqlserver.documented import (
    ADD_MEMBER,
    ADD_SERVER_MEMBER,
    ALTER_LOGIN,
    ALTER_USER,
    EXECUTE_AS,
    NO,
    ON_SERVER,
    ORDERS,
    SELECT,
    STEP,
    Case,
    shop,
)

TAKEOVERS = {
    "impersonate a user": Case(
        EXECUTE_AS,
        shop(f"{SELECT} [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a user that one acts as is nothing on the server": Case(
        EXECUTE_AS,
        ("GRANT ALTER TRACE TO [ben]", *shop("GRANT IMPERSONATE ON USER::[ben] TO [ann]")),
        "ann",
        "ALTER TRACE",
        ON_SERVER,
        NO,
    ),
    "impersonate a login": Case(
        EXECUTE_AS,
        ("GRANT IMPERSONATE ON LOGIN::[ben] TO [ann]", *shop(f"{SELECT} [ben]")),
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
            *shop(f"{SELECT} [ann]"),
        ),
        "eve",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a chain of impersonated users": Case(
        EXECUTE_AS,
        shop(
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
        shop(
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
        shop("CREATE USER [kim] WITH PASSWORD = 'a'", "GRANT ALTER ANY USER TO [ann]", f"{SELECT} [kim]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a fixed role sets a contained user's password": Case(
        ALTER_USER,
        shop(
            "CREATE USER [kim] WITH PASSWORD = 'a'", "ALTER ROLE [db_accessadmin] ADD MEMBER [ann]", f"{SELECT} [kim]"
        ),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "alter any user sets no login's password": Case(
        ALTER_USER, shop("GRANT ALTER ANY USER TO [ann]", f"{SELECT} [ben]"), "ann", "SELECT", ORDERS, NO
    ),
    "alter on a user is not enough for its password": Case(
        ALTER_USER,
        shop("CREATE USER [kim] WITH PASSWORD = 'a'", "GRANT ALTER ON USER::[kim] TO [ann]", f"{SELECT} [kim]"),
        "ann",
        "SELECT",
        ORDERS,
        NO,
    ),
    "impersonate any login": Case(
        EXECUTE_AS, ("GRANT IMPERSONATE ANY LOGIN TO [eve]", *shop(f"{SELECT} [ben]")), "eve", "SELECT", ORDERS, STEP
    ),
    "a role may impersonate, and a member may not": Case(
        EXECUTE_AS,
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [eve]",
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [ops]",
            "DENY IMPERSONATE ON LOGIN::[ben] TO [eve]",
            *shop(f"{SELECT} [ben]"),
        ),
        "eve",
        "SELECT",
        ORDERS,
        NO,
    ),
    "impersonation passes one's own deny": Case(
        EXECUTE_AS,
        shop(f"{SELECT} [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [ann]", "DENY SELECT ON SCHEMA::[dbo] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "alter on a role": Case(
        ADD_MEMBER,
        shop(f"{SELECT} [readers]", "GRANT ALTER ON ROLE::[readers] TO [ann]"),
        "ann",
        "SELECT",
        ORDERS,
        STEP,
    ),
    "a member keeps its own deny": Case(
        ADD_MEMBER,
        shop(
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
        ADD_MEMBER, shop(f"{SELECT} [readers]", "GRANT ALTER ANY ROLE TO [ann]"), "ann", "SELECT", ORDERS, STEP
    ),
    "alter any role adds nobody to a fixed one": Case(
        ADD_MEMBER, shop("GRANT ALTER ANY ROLE TO [ann]"), "ann", "SELECT", ORDERS, NO
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
        ALTER_LOGIN, ("GRANT ALTER ANY LOGIN TO [eve]", *shop(f"{SELECT} [ben]")), "eve", "SELECT", ORDERS, STEP
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
