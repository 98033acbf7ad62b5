"""Every kind of object, owned by and granted to every kind of role, with and without the grant option."""

from collections.abc import Iterator
from random import Random

from whalefall_pipeline.adapters.postgresql.names import quote

DATABASE = "wf_population"
OWNER = "wf owner"
LONG = "ein_ziemlich_langer_name_der_fast_alles_füllt_was_geht_"
ROLES = (
    *(f"wf_role_{number}" for number in range(12)),
    *('wf "quoted"', "wf.dotted", "WF Upper", "wf\nline", "wf\\!back :var", "wf_" + "é" * 30, LONG + "äöü"),
)
PREDEFINED = ("pg_monitor", "pg_read_all_stats", "pg_signal_backend", "pg_database_owner")
HOLDERS = ("pg_read_all_data", "pg_write_all_data", "pg_database_owner", "pg_monitor")
GRANTEES = (*ROLES, *PREDEFINED, "PUBLIC")
SCHEMAS = ("app", "Odd.Schema", LONG + "schema", 'quo"ted\nschema')
NAMES = ("plain", 'Odd "Name', LONG + "a", LONG + "b", "line\nbreak", "odd(name")

TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
SEQUENCE = ("USAGE", "SELECT", "UPDATE")
LONG_ARGUMENTS = (
    *("timestamp with time zone, timestamp with time zone", "timestamp with time zone, timestamp without time zone"),
    *("double precision, character varying[], interval, bit varying", '"Odd.Schema"."odd(type", app.plain_mood[]'),
    "VARIADIC int[]",
)


def _build_name(name: str) -> str:
    return "PUBLIC" if name == "PUBLIC" else quote(name)


def build_roles(version: int) -> Iterator[str]:
    """Roles of all kinds, members of one another and of the server's, so that no cycle arises."""
    random = Random(version)  # noqa: S311 - the same population each time
    for number, role in enumerate((OWNER, *ROLES)):
        yield f"CREATE ROLE {quote(role)} {'NOINHERIT' if number % 5 == 4 else 'INHERIT'} LOGIN"
    yield f"ALTER ROLE {quote(ROLES[-1])} SUPERUSER"
    for number, role in enumerate(ROLES[:-1]):
        for member in random.sample(ROLES[number + 1 :], k=min(2, len(ROLES) - number - 1)):
            options = ""
            if version >= 16:
                inherit, may_set, admin = (random.choice(("TRUE", "FALSE")) for _ in range(3))
                options = f" WITH INHERIT {inherit}, SET {may_set}, ADMIN {admin}"
            elif random.random() < 0.3:
                options = " WITH ADMIN OPTION"
            yield f"GRANT {quote(role)} TO {quote(member)}{options}"
    for held, member in zip(("pg_read_all_data", "pg_write_all_data", "pg_monitor"), ROLES[3:6], strict=True):
        yield f"GRANT {held} TO {quote(member)}"
    yield f"GRANT {quote(ROLES[0])} TO pg_signal_backend"
    yield f"CREATE DATABASE {DATABASE} OWNER {quote(OWNER)}"


def build_objects(version: int) -> Iterator[str]:
    """Objects of every kind and their grants, in an order that runs, in the population's database."""
    random = Random(version)  # noqa: S311 - the same population each time
    targets: list[tuple[str, str, tuple[str, ...]]] = []
    table = (*TABLE, "MAINTAIN") if version >= 17 else TABLE
    for schema in SCHEMAS:
        yield f"CREATE SCHEMA {quote(schema)}"
        yield f"GRANT USAGE ON SCHEMA {quote(schema)} TO PUBLIC"
    yield 'CREATE TYPE "Odd.Schema"."odd(type" AS ENUM (\'fine\')'
    yield "CREATE TYPE app.plain_mood AS ENUM ('fine')"
    yield "CREATE FOREIGN DATA WRAPPER wf_wrapper"
    yield f"CREATE SERVER {quote(LONG + 'server')} FOREIGN DATA WRAPPER wf_wrapper"
    yield "CREATE TRUSTED LANGUAGE wf_language HANDLER plpgsql_call_handler"
    targets.append(("FOREIGN DATA WRAPPER", "wf_wrapper", ("USAGE",)))
    targets.append(("FOREIGN SERVER", quote(LONG + "server"), ("USAGE",)))
    targets.append(("LANGUAGE", "wf_language", ("USAGE",)))
    targets.append(("LANGUAGE", "plpgsql", ("USAGE",)))
    targets.append(("DATABASE", DATABASE, ("CREATE", "CONNECT", "TEMPORARY")))
    targets.append(("TABLESPACE", "wf_space", ("CREATE",)))
    if version >= 15:
        targets += [("PARAMETER", name, ("SET", "ALTER SYSTEM")) for name in ("log_statement", "work_mem", "wf.own")]
    for number in range(100000, 100008):
        yield f"SELECT lo_create({number})"
        targets.append(("LARGE OBJECT", str(number), ("SELECT", "UPDATE")))
    for schema in SCHEMAS:
        for name in NAMES:
            where = f"{quote(schema)}.{quote(name)}"
            others = [f"{quote(schema)}.{quote(kind + name)}" for kind in ("v_", "m_", "p_", "f_", "q_")]
            view, mat, parted, foreign, part = others
            yield f'CREATE TABLE {where} (id int, "Odd ""Column" text, {quote(LONG + "column")} text)'
            yield f"CREATE VIEW {view} AS SELECT * FROM {where}"
            yield f"CREATE MATERIALIZED VIEW {mat} AS SELECT * FROM {where}"
            yield f"CREATE TABLE {parted} (id int) PARTITION BY RANGE (id)"
            yield f"CREATE TABLE {part} PARTITION OF {parted} FOR VALUES FROM (0) TO (9)"
            yield f"CREATE FOREIGN TABLE {foreign} (id int) SERVER {quote(LONG + 'server')}"
            targets += [("TABLE", each, table) for each in (where, *others)]
            targets += [
                ("TABLE", where, tuple(f"{privilege} ({column})" for privilege in COLUMN))
                for column in ("id", '"Odd ""Column"', quote(LONG + "column"))
            ]
            sequence, enum, domain, pair, span = (
                f"{quote(schema)}.{quote(kind + name)}" for kind in ("s_", "e_", "d_", "c_", "r_")
            )
            yield f"CREATE SEQUENCE {sequence}"
            targets.append(("SEQUENCE", sequence, SEQUENCE))
            yield f"CREATE TYPE {enum} AS ENUM ('fine')"
            yield f"CREATE DOMAIN {domain} AS numeric"
            yield f"CREATE TYPE {pair} AS (a int, b int)"
            ranges = f"{quote(schema)}.{quote('x_' + name)}"
            yield f"CREATE TYPE {span} AS RANGE (subtype = float8, multirange_type_name = {ranges})"
            targets += [("TYPE", each, ("USAGE",)) for each in (enum, domain, pair, span, where)]
            for arguments in LONG_ARGUMENTS:
                yield f"CREATE FUNCTION {where}({arguments}) RETURNS int LANGUAGE sql AS 'SELECT 1'"
                targets.append(("FUNCTION", f"{where}({arguments})", ("EXECUTE",)))
        yield f"CREATE PROCEDURE {quote(schema)}.tidy(INOUT a int) LANGUAGE sql AS 'SELECT 1'"
        yield f"CREATE AGGREGATE {quote(schema)}.add_up(int) (SFUNC = int4pl, STYPE = int)"
        targets.append(("PROCEDURE", f"{quote(schema)}.tidy(int)", ("EXECUTE",)))
        targets.append(("FUNCTION", f"{quote(schema)}.add_up(int)", ("EXECUTE",)))
    yield from _build_system_grants(targets)
    targets += [("SCHEMA", quote(schema), ("CREATE", "USAGE")) for schema in SCHEMAS]
    for target in targets:
        yield from _build_grants(random, *target)
    yield from _build_owners(random, targets)
    yield from _build_own_objects()
    yield from _build_definitions()


def _build_grants(random: Random, kind: str, name: str, privileges: tuple[str, ...]) -> Iterator[str]:
    """Some privileges to some grantees, some with the option, some passed on by who has it, some defaults taken."""
    if random.random() < 0.3 and name != "pg_catalog":
        yield f"REVOKE ALL ON {kind} {name} FROM PUBLIC"
    if random.random() < 0.2:
        yield f"REVOKE {random.choice(privileges)} ON {kind} {name} FROM CURRENT_USER"
    for grantee in random.sample(GRANTEES, k=3):
        chosen = ", ".join(random.sample(privileges, k=random.randint(1, len(privileges))))
        option = grantee != "PUBLIC" and random.random() < 0.4
        yield f"GRANT {chosen} ON {kind} {name} TO {_build_name(grantee)}{' WITH GRANT OPTION' if option else ''}"
        if option and not grantee.startswith("pg_"):
            passed_to = _build_name(random.choice([each for each in GRANTEES if each != grantee]))
            yield f"SET ROLE {quote(grantee)}"
            yield f"GRANT {chosen} ON {kind} {name} TO {passed_to}"
            yield "RESET ROLE"


def _build_owners(random: Random, targets: list[tuple[str, str, tuple[str, ...]]]) -> Iterator[str]:
    keywords = {"FOREIGN SERVER": "SERVER", "FUNCTION": "ROUTINE", "PROCEDURE": "ROUTINE"}
    given = {(keywords.get(kind, kind), name) for kind, name, privileges in targets if "(" not in privileges[0]}
    tables = {name for kind, name in given if kind == "TABLE"}
    for kind, name in sorted(given):
        is_row_type = kind == "TYPE" and name in tables
        if (
            name == "pg_catalog.pg_authid"
            or kind in ("DATABASE", "PARAMETER", "TABLESPACE", "LANGUAGE", "FOREIGN DATA WRAPPER")
            or is_row_type
        ):
            continue
        if random.random() < 0.5:
            owner = random.choice((*ROLES, *HOLDERS))
            yield f"ALTER {kind} {name.replace('VARIADIC ', '')} OWNER TO {quote(owner)}"


def _build_system_grants(targets: list[tuple[str, str, tuple[str, ...]]]) -> Iterator[str]:
    """Grants on PostgreSQL's own objects, and what it gives by itself taken away; some of its objects given away."""
    targets += [
        ("TABLE", "pg_catalog.pg_authid", ("SELECT",)),
        ("TABLE", "pg_catalog.pg_authid", ("SELECT (rolname)", "REFERENCES (oid)")),
        ("TABLE", "information_schema.tables", ("SELECT", "INSERT")),
        ("TABLE", "information_schema.sql_parts", ("SELECT",)),
        ("FUNCTION", "pg_catalog.pg_read_file(text)", ("EXECUTE",)),
        ("FUNCTION", "pg_catalog.pg_sleep(float8)", ("EXECUTE",)),
        ("TYPE", "pg_catalog.int4", ("USAGE",)),
        ("SCHEMA", "pg_catalog", ("CREATE",)),
        ("SCHEMA", "public", ("CREATE", "USAGE")),
    ]
    yield f"ALTER FUNCTION pg_catalog.now() OWNER TO {quote(ROLES[1])}"
    yield f"ALTER FUNCTION pg_catalog.pg_ls_logdir() OWNER TO {quote(ROLES[2])}"
    yield f"ALTER LANGUAGE plpgsql OWNER TO {quote(ROLES[3])}"
    yield f"ALTER SCHEMA information_schema OWNER TO {quote(ROLES[4])}"
    yield f"ALTER VIEW information_schema.views OWNER TO {quote(ROLES[5])}"
    yield f"ALTER TYPE pg_catalog.point OWNER TO {quote(ROLES[6])}"
    yield "REVOKE SELECT ON pg_catalog.pg_stat_activity, information_schema.columns FROM PUBLIC"
    yield "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() FROM pg_monitor"


def _build_own_objects() -> Iterator[str]:
    """Objects that their owners made, with defaults of their own."""
    creator = quote(ROLES[7])
    how = f"ALTER DEFAULT PRIVILEGES FOR ROLE {creator}"
    yield f"GRANT CREATE, USAGE ON SCHEMA app TO {creator}"
    yield f"{how} REVOKE ALL ON ROUTINES FROM PUBLIC"
    yield f"{how} REVOKE INSERT ON TABLES FROM {creator}"
    yield f"{how} GRANT SELECT ON TABLES TO {quote(ROLES[8])}, pg_monitor"
    yield f"{how} IN SCHEMA app GRANT UPDATE ON SEQUENCES TO {quote(ROLES[9])} WITH GRANT OPTION"
    yield f"SET ROLE {creator}"
    yield "CREATE TABLE app.own_table (id serial, long_text text)"
    yield "CREATE FUNCTION app.own_function() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    yield "CREATE TYPE app.own_type AS ENUM ('fine')"
    yield "RESET ROLE"
    yield (
        "DO $$ BEGIN EXECUTE (SELECT 'GRANT SELECT ON ' || reltoastrelid::regclass || ' TO wf_role_10' FROM pg_class"
        " WHERE oid = 'app.own_table'::regclass); END $$"
    )


def _build_definitions() -> Iterator[str]:
    """Owners of what has no privileges, policies, triggers and the like."""
    one, other = quote(ROLES[8]), quote(ROLES[12])
    yield "CREATE FUNCTION app.fire() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'"
    yield f"ALTER FUNCTION app.fire() OWNER TO {one}"
    yield f"CREATE TRIGGER {quote(LONG + 'tr')} BEFORE INSERT ON app.own_table EXECUTE FUNCTION app.fire()"
    yield "CREATE FUNCTION app.heed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
    yield f"ALTER FUNCTION app.heed() OWNER TO {other}"
    yield "CREATE EVENT TRIGGER wf_heed ON sql_drop EXECUTE FUNCTION app.heed()"
    yield "ALTER TABLE app.own_table ENABLE ROW LEVEL SECURITY"
    yield "ALTER TABLE app.own_table FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY wf_some ON app.own_table FOR SELECT TO {one}, {other} USING (true)"
    yield "CREATE POLICY wf_all ON app.own_table AS RESTRICTIVE USING (true)"
    yield f"CREATE USER MAPPING FOR {one} SERVER {quote(LONG + 'server')}"
    yield f"CREATE USER MAPPING FOR PUBLIC SERVER {quote(LONG + 'server')}"
    for statement, alter in (
        ("CREATE PUBLICATION wf_publication", "PUBLICATION wf_publication"),
        ('CREATE COLLATION app.wf_collation (LOCALE = "C")', "COLLATION app.wf_collation"),
        (
            "CREATE CONVERSION app.wf_conversion FOR 'LATIN1' TO 'UTF8' FROM pg_catalog.iso8859_1_to_utf8",
            "CONVERSION app.wf_conversion",
        ),
        ("CREATE STATISTICS app.wf_statistics ON id, long_text FROM app.own_table", "STATISTICS app.wf_statistics"),
        ("CREATE TEXT SEARCH CONFIGURATION app.wf_c (COPY = pg_catalog.simple)", "TEXT SEARCH CONFIGURATION app.wf_c"),
        ("CREATE TEXT SEARCH DICTIONARY app.wf_d (TEMPLATE = pg_catalog.simple)", "TEXT SEARCH DICTIONARY app.wf_d"),
        ("CREATE OPERATOR app.@#@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)", "OPERATOR app.@#@ (int, int)"),
        ("CREATE OPERATOR FAMILY app.wf_family USING btree", "OPERATOR FAMILY app.wf_family USING btree"),
        (
            "CREATE OPERATOR CLASS app.wf_class FOR TYPE int USING btree FAMILY app.wf_family"
            " AS FUNCTION 1 pg_catalog.btint4cmp(int, int)",
            "OPERATOR CLASS app.wf_class USING btree",
        ),
    ):
        yield statement
        yield f"ALTER {alter} OWNER TO {one}"
