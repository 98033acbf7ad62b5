"""PostgreSQL's scope cases beside those of ACLs: definitions, and what others than users hold."""

from collections.abc import Iterator

from tests.engines.engine import ACCOUNT, ScopeCase
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Grant, Securable


def build_definition_cases(database: str) -> Iterator[ScopeCase]:
    """What is no privilege of an ACL's, and what others than users hold."""
    orders, tidy = Securable("table", database, "app", "orders"), Securable("routine", database, "app", "tidy(integer)")
    mapping = Securable("user_mapping", database, object="wf_server")
    row_type = Securable("type", database, "app", "items")
    for name, give, take, expected in (
        (
            "a user mapping",
            "CREATE USER MAPPING FOR {}",
            "DROP USER MAPPING FOR {}",
            (ACCOUNT, "USER MAPPING", mapping),
        ),
        (
            *("a definer", "ALTER PROCEDURE app.tidy SECURITY DEFINER", "ALTER PROCEDURE app.tidy SECURITY INVOKER"),
            ("postgres", "SECURITY DEFINER", tidy),
        ),
        (
            *("row level security", "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY"),
            "ALTER TABLE app.orders DISABLE ROW LEVEL SECURITY",
            ("postgres", "ROW LEVEL SECURITY", orders),
        ),
        (
            *("forced row level security", "ALTER TABLE app.orders FORCE ROW LEVEL SECURITY"),
            "ALTER TABLE app.orders NO FORCE ROW LEVEL SECURITY",
            ("postgres", "FORCE ROW LEVEL SECURITY", orders),
        ),
        (
            *("a predefined role", "GRANT INSERT ON app.orders TO pg_monitor"),
            *("REVOKE INSERT ON app.orders FROM pg_monitor", ("pg_monitor", "INSERT", orders)),
        ),
    ):
        server = f"{ACCOUNT} SERVER wf_server"
        grantee, privilege, securable = expected
        yield ScopeCase(
            *(name, (f"{give.format(server)};",), (f"{take.format(server)};",)),
            {Grant(grantee, privilege, securable)},
            database,
        )
    yield ScopeCase(
        "PUBLIC lost the type of a table's rows",
        ("REVOKE USAGE ON TYPE app.items FROM PUBLIC;",),
        ("GRANT USAGE ON TYPE app.items TO PUBLIC;",),
        {Grant(PUBLIC, "USAGE", row_type, effect="revoke")},
        database,
    )
