"""PostgreSQL's scope cases, and the objects that they grant on."""

from collections.abc import Iterator

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.postgresql_definitions import build_definition_cases
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Effect, Grant, Securable

DATABASE = "wf_shop"
ROLE = "wf_role"
ROLES = (ROLE, "wf_role_16")

SERVER_OBJECTS = (
    f"CREATE DATABASE {DATABASE}",
    "SET allow_in_place_tablespaces = on",
    "CREATE TABLESPACE wf_space LOCATION ''",
)

OBJECTS = """
CREATE SCHEMA app;
CREATE SCHEMA "Odd.Schema";
CREATE TABLE app.orders (id int, total numeric, "Odd ""Column" text);
CREATE TABLE app.items (id serial);
CREATE TABLE "Odd.Schema"."Odd ""Table" (id int);
CREATE VIEW app.order_view AS SELECT id FROM app.orders;
CREATE MATERIALIZED VIEW app.order_mat AS SELECT id FROM app.orders;
CREATE TABLE app.events (id int) PARTITION BY RANGE (id);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM (0) TO (10);
CREATE SEQUENCE app.order_ids;
CREATE TYPE app.mood AS ENUM ('fine');
CREATE TYPE app.pair AS (a int, b int);
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE TYPE "Odd.Schema"."Odd(Type" AS ENUM ('fine');
CREATE DOMAIN app.amount AS numeric;
CREATE FUNCTION app.total(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.total(text, VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app."odd(name"(timestamptz, "Odd.Schema"."Odd(Type") RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.tidy(INOUT a int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE app.add_up(int) (SFUNC = int4pl, STYPE = int);
CREATE TRUSTED LANGUAGE wf_language HANDLER plpgsql_call_handler;
CREATE LANGUAGE wf_untrusted HANDLER plpgsql_call_handler;
CREATE FOREIGN DATA WRAPPER wf_wrapper;
CREATE SERVER wf_server FOREIGN DATA WRAPPER wf_wrapper;
CREATE FOREIGN TABLE app.remote (id int) SERVER wf_server;
SELECT lo_create(424242);
CREATE FUNCTION app.f_with_a_long_name(timestamptz, timestamptz) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.f_with_a_long_name(timestamptz, timestamp) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PUBLICATION wf_publication;
CREATE COLLATION app.wf_collation (LOCALE = "C");
CREATE CONVERSION app.wf_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE STATISTICS app.wf_statistics ON id, total FROM app.orders;
CREATE TEXT SEARCH CONFIGURATION app.wf_configuration (COPY = simple);
CREATE TEXT SEARCH DICTIONARY app.wf_dictionary (TEMPLATE = simple);
CREATE OPERATOR app.@#@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY app.wf_family USING btree;
CREATE OPERATOR CLASS app.wf_class FOR TYPE int USING btree FAMILY app.wf_family AS FUNCTION 1 btint4cmp(int, int);
CREATE POLICY wf_policy ON app.orders FOR SELECT TO wf_role USING (true);
"""

ODD_ROUTINE = 'odd(name(timestamp with time zone, "Odd.Schema"."Odd(Type")'

OWNED = (
    ("DATABASE wf_shop", Securable("database", DATABASE)),
    ("TABLESPACE wf_space", Securable("tablespace", object="wf_space")),
    ("SCHEMA app", Securable("schema", DATABASE, "app")),
    ("TABLE app.items", Securable("table", DATABASE, "app", "items")),
    ("SEQUENCE app.order_ids", Securable("sequence", DATABASE, "app", "order_ids")),
    ("MATERIALIZED VIEW app.order_mat", Securable("table", DATABASE, "app", "order_mat")),
    ("FOREIGN TABLE app.remote", Securable("table", DATABASE, "app", "remote")),
    ("AGGREGATE app.add_up(int)", Securable("routine", DATABASE, "app", "add_up(integer)")),
    ("DOMAIN app.amount", Securable("type", DATABASE, "app", "amount")),
    ("TYPE app.pair", Securable("type", DATABASE, "app", "pair")),
    ("LANGUAGE wf_language", Securable("language", DATABASE, object="wf_language")),
    ("LANGUAGE wf_untrusted", Securable("language", DATABASE, object="wf_untrusted")),
    ("SERVER wf_server", Securable("foreign_server", DATABASE, object="wf_server")),
    ("LARGE OBJECT 424242", Securable("large_object", DATABASE, object="424242")),
    ("PUBLICATION wf_publication", Securable("publication", DATABASE, object="wf_publication")),
    ("COLLATION app.wf_collation", Securable("collation", DATABASE, "app", "wf_collation")),
    ("CONVERSION app.wf_conversion", Securable("conversion", DATABASE, "app", "wf_conversion")),
    ("STATISTICS app.wf_statistics", Securable("statistics", DATABASE, "app", "wf_statistics")),
    (
        "TEXT SEARCH CONFIGURATION app.wf_configuration",
        Securable("text_search_configuration", DATABASE, "app", "wf_configuration"),
    ),
    (
        "TEXT SEARCH DICTIONARY app.wf_dictionary",
        Securable("text_search_dictionary", DATABASE, "app", "wf_dictionary"),
    ),
    ("OPERATOR app.@#@ (int, int)", Securable("operator", DATABASE, "app", "@#@(integer, integer)")),
    ("OPERATOR CLASS app.wf_class USING btree", Securable("operator_class", DATABASE, "app", "wf_class", "btree")),
    ("OPERATOR FAMILY app.wf_family USING btree", Securable("operator_family", DATABASE, "app", "wf_family", "btree")),
    ("FUNCTION pg_catalog.now()", Securable("routine", DATABASE, "pg_catalog", "now()")),
    ("FUNCTION pg_catalog.pg_ls_logdir()", Securable("routine", DATABASE, "pg_catalog", "pg_ls_logdir()")),
    ("LANGUAGE plpgsql", Securable("language", DATABASE, object="plpgsql")),
    ("SCHEMA information_schema", Securable("schema", DATABASE, "information_schema")),
    ("VIEW information_schema.views", Securable("table", DATABASE, "information_schema", "views")),
)
"""What an ALTER … OWNER names, and its securable."""

GRANTED = (
    ("CONNECT", "DATABASE wf_shop", Securable("database", DATABASE)),
    ("CREATE", "TABLESPACE wf_space", Securable("tablespace", object="wf_space")),
    ("USAGE", "SCHEMA app", Securable("schema", DATABASE, "app")),
    ("CREATE", 'SCHEMA "Odd.Schema"', Securable("schema", DATABASE, "Odd.Schema")),
    ("CREATE", "SCHEMA public", Securable("schema", DATABASE, "public")),
    ("SELECT", "app.orders", Securable("table", DATABASE, "app", "orders")),
    ("TRIGGER", '"Odd.Schema"."Odd ""Table"', Securable("table", DATABASE, "Odd.Schema", 'Odd "Table')),
    ("SELECT", "app.order_view", Securable("table", DATABASE, "app", "order_view")),
    ("SELECT", "app.order_mat", Securable("table", DATABASE, "app", "order_mat")),
    ("INSERT", "app.events", Securable("table", DATABASE, "app", "events")),
    ("SELECT", "app.events_1", Securable("table", DATABASE, "app", "events_1")),
    ("SELECT", "app.remote", Securable("table", DATABASE, "app", "remote")),
    ("SELECT", "pg_catalog.pg_authid", Securable("table", DATABASE, "pg_catalog", "pg_authid")),
    ('UPDATE ("Odd ""Column")', "app.orders", Securable("column", DATABASE, "app", "orders", 'Odd "Column')),
    ("USAGE", "SEQUENCE app.order_ids", Securable("sequence", DATABASE, "app", "order_ids")),
    ("UPDATE", "SEQUENCE app.items_id_seq", Securable("sequence", DATABASE, "app", "items_id_seq")),
    ("EXECUTE", "FUNCTION app.total(int)", Securable("routine", DATABASE, "app", "total(integer)")),
    ("EXECUTE", "FUNCTION app.total(text, int[])", Securable("routine", DATABASE, "app", "total(text, integer[])")),
    ("EXECUTE", "PROCEDURE app.tidy(int)", Securable("routine", DATABASE, "app", "tidy(integer)")),
    (
        *("EXECUTE", 'FUNCTION app."odd(name"(timestamptz, "Odd.Schema"."Odd(Type")'),
        Securable("routine", DATABASE, "app", ODD_ROUTINE),
    ),
    ("EXECUTE", "FUNCTION pg_read_file(text)", Securable("routine", DATABASE, "pg_catalog", "pg_read_file(text)")),
    (
        *("EXECUTE", "FUNCTION app.f_with_a_long_name(timestamptz, timestamp)"),
        Securable(
            *("routine", DATABASE, "app"),
            "f_with_a_long_name(timestamp with time zone, timestamp without time zone)",
        ),
    ),
    ("EXECUTE", "FUNCTION lo_export(oid, text)", Securable("routine", DATABASE, "pg_catalog", "lo_export(oid, text)")),
    ("USAGE", "TYPE app.orders", Securable("type", DATABASE, "app", "orders")),
    ("USAGE", "TYPE app.mood", Securable("type", DATABASE, "app", "mood")),
    ("USAGE", "TYPE app.amount", Securable("type", DATABASE, "app", "amount")),
    ("USAGE", "LANGUAGE wf_language", Securable("language", DATABASE, object="wf_language")),
    ("USAGE", "LANGUAGE plpgsql", Securable("language", DATABASE, object="plpgsql")),
    ("USAGE", "FOREIGN DATA WRAPPER wf_wrapper", Securable("foreign_data_wrapper", DATABASE, object="wf_wrapper")),
    ("USAGE", "FOREIGN SERVER wf_server", Securable("foreign_server", DATABASE, object="wf_server")),
    ("UPDATE", "LARGE OBJECT 424242", Securable("large_object", DATABASE, object="424242")),
)
"""A privilege (with its column), what GRANT names, and its securable."""

PARAMETERS = (
    ("SET", "PARAMETER log_statement", Securable("parameter", object="log_statement")),
    ("ALTER SYSTEM", "PARAMETER work_mem", Securable("parameter", object="work_mem")),
)

DEFAULTS = (
    ("SELECT", "TABLES", "app"),
    ("UPDATE", "SEQUENCES", ""),
    ("EXECUTE", "ROUTINES", "app"),
    ("USAGE", "TYPES", ""),
    ("CREATE", "SCHEMAS", ""),
)
"""A privilege on future objects of ROLE: the kind of object, and in which schema ("": any)."""


def build_cases(version: int) -> list[ScopeCase]:
    return [
        *_privilege_cases(version),
        *_default_cases(version),
        *_owner_cases(),
        *_role_cases(version),
        *_public_cases(),
        *build_definition_cases(DATABASE),
    ]


def _privilege_cases(version: int) -> Iterator[ScopeCase]:
    granted = [*GRANTED, *(PARAMETERS if version >= 15 else ())]
    if version >= 17:
        granted.append(("MAINTAIN", "app.orders", Securable("table", DATABASE, "app", "orders")))
    for number, (privilege, target, securable) in enumerate(granted):
        # every other one with its grant option
        option = number % 2 == 1
        yield ScopeCase(
            f"{privilege} on {target}",
            (f"GRANT {privilege} ON {target} TO {ACCOUNT}{' WITH GRANT OPTION' if option else ''};",),
            (f"REVOKE {privilege} ON {target} FROM {ACCOUNT};",),
            {Grant(ACCOUNT, privilege.partition(" (")[0], securable, option)},
            DATABASE,
        )


def _default_cases(version: int) -> Iterator[ScopeCase]:
    defaults = [*DEFAULTS, *([("SELECT", "LARGE OBJECTS", "")] if version >= 18 else [])]
    for privilege, kind, schema in defaults:
        how = f"ALTER DEFAULT PRIVILEGES FOR ROLE {ROLE}{f' IN SCHEMA {schema}' if schema else ''}"
        yield ScopeCase(
            f"default {privilege} on {kind} in {schema or 'any schema'}",
            (f"{how} GRANT {privilege} ON {kind} TO {ACCOUNT};",),
            (f"{how} REVOKE {privilege} ON {kind} FROM {ACCOUNT};",),
            {Grant(ACCOUNT, privilege, Securable("default_privileges", DATABASE, schema, ROLE, kind))},
            DATABASE,
        )


def _owner_cases() -> Iterator[ScopeCase]:
    for target, securable in OWNED:
        yield ScopeCase(
            f"owner of {target}",
            (f"ALTER {target} OWNER TO {ACCOUNT};",),
            (f"ALTER {target} OWNER TO postgres;",),
            {Grant(ACCOUNT, "OWNER", securable)},
            DATABASE,
        )


def _role_cases(version: int) -> Iterator[ScopeCase]:
    for role, options, admin, held in (
        (ROLE, "", False, ("INHERIT", "SET")),
        ("pg_monitor", " WITH ADMIN OPTION", True, ("INHERIT", "SET")),
        *([("wf_role_16", " WITH INHERIT FALSE, SET FALSE", False, ())] if version >= 16 else []),
    ):
        securable = Securable("role", object=role)
        yield ScopeCase(
            f"member of {role}{options}",
            (f"GRANT {role} TO {ACCOUNT}{options};",),
            (f"REVOKE {role} FROM {ACCOUNT};",),
            {Grant(ACCOUNT, "MEMBER", securable, admin), *(Grant(ACCOUNT, name, securable) for name in held)},
            DATABASE,
        )


def _public_cases() -> Iterator[ScopeCase]:
    table = Securable("table", DATABASE, "app", "events")
    yield ScopeCase(
        "PUBLIC on a table",
        ("GRANT SELECT ON app.events TO PUBLIC;",),
        ("REVOKE SELECT ON app.events FROM PUBLIC;",),
        {Grant(PUBLIC, "SELECT", table)},
        DATABASE,
    )
    for name, privilege, target, securable in (
        ("a function of the server", "EXECUTE", "FUNCTION pg_sleep(float8)", ("routine", "pg_sleep(double precision)")),
        ("a language of the server", "USAGE", "LANGUAGE plpgsql", ("language", "plpgsql")),
        ("the list of tables", "SELECT", "information_schema.tables", ("table", "tables")),
    ):
        scope, object_name = securable
        schema = {"routine": "pg_catalog", "table": "information_schema"}.get(scope, "")
        effect: Effect = "revoke"
        yield ScopeCase(
            f"PUBLIC lost {name}",
            (f"REVOKE {privilege} ON {target} FROM PUBLIC;",),
            (f"GRANT {privilege} ON {target} TO PUBLIC;",),
            {Grant(PUBLIC, privilege, Securable(scope, DATABASE, schema, object_name), effect=effect)},
            DATABASE,
        )
    how = f"ALTER DEFAULT PRIVILEGES FOR ROLE {ROLE}"
    yield ScopeCase(
        "PUBLIC lost what it gets on new routines",
        (f"{how} REVOKE EXECUTE ON ROUTINES FROM PUBLIC;",),
        (f"{how} GRANT EXECUTE ON ROUTINES TO PUBLIC;",),
        {Grant(PUBLIC, "EXECUTE", Securable("default_privileges", DATABASE, "", ROLE, "ROUTINES"), effect="revoke")},
        DATABASE,
    )
