"""What the collector's own login, its database and what stands between do to a reading: nothing, or it is said."""

from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.adapters.postgresql.alias import start_alias
from tests.engines.engine import ACCOUNT
from tests.engines.postgresql import PostgresqlEngine, start
from tests.engines.postgresql_cases import DATABASE
from tests.engines.reading import LIMITS, Seen, read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Grant, Observation, Reading, Securable
from whalefall_pipeline.core.model import Seen as Status

SETTINGS = {
    "quote_all_identifiers": "on",
    "search_path": "app, pg_catalog",
    "statement_timeout": "2s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "2s",
    "row_security": "on",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "timezone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "exit_on_error": "on",
    "xmloption": "document",
    "role": ACCOUNT,
    "enable_hashjoin": "off",
    "from_collapse_limit": "1",
    "work_mem": "64kB",
    "client_min_messages": "debug5",
    "default_tablespace": "none_such",
    "idle_session_timeout": "2s",
}
"""What a login can be set to and what might alter or cut what it reads; a limit must leave time for the first words."""
NEWER = {"transaction_timeout": "2s"}


@pytest.fixture(scope="module", params=[14, 18])
def running(request: pytest.FixtureRequest) -> Generator[PostgresqlEngine]:
    with start(request.param) as engine:
        yield engine


@pytest.fixture
def engine(running: PostgresqlEngine) -> Generator[PostgresqlEngine]:
    running.reset()
    running.prepare()
    running.create_accounts([ACCOUNT])
    running.execute(f"GRANT {ACCOUNT} TO {running.login.username};")
    yield running
    running.execute(f"ALTER ROLE {running.login.username} RESET ALL;")


def read_through(engine: PostgresqlEngine, database: str | None, port: int | None = None) -> Reading:
    instance = replace(engine.instance, database=database, port=port or engine.instance.port)
    with engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)) as session:
        return session.read_grants()


def without_settings(seen: Seen, engine: PostgresqlEngine) -> dict[str, object]:
    return {name: state for name, state in seen.states.items() if name != engine.login.username}


@pytest.mark.parametrize("where", ["ALTER ROLE {login}", "ALTER ROLE {login} IN DATABASE {database}"])
def test_no_setting_of_the_collector_alters_or_cuts_a_reading(engine: PostgresqlEngine, where: str) -> None:
    before = read(engine)
    settings = {**SETTINGS, **(NEWER if engine.version >= 17 else {})}
    how = where.format(login=engine.login.username, database=DATABASE)
    engine.execute(*[f"{how} SET {name} TO {value};" for name, value in map(to_setting, settings.items())])
    after = read(engine)
    assert after.reading == replace(before.reading, rows=after.reading.rows, source=after.reading.source)
    assert without_settings(after, engine) == without_settings(before, engine)


def to_setting(setting: tuple[str, str]) -> tuple[str, str]:
    name, value = setting
    return name, value if name == "search_path" else f"'{value}'"


def test_every_setting_of_a_login_is_back_where_the_server_has_it(engine: PostgresqlEngine) -> None:
    """Ask the server itself which settings a login can change, and set them all to another value."""
    left = {"session_authorization", "transaction_isolation", "transaction_read_only", "transaction_deferrable", "role"}
    with psycopg.connect(engine.running.conninfo()) as admin:
        rows = admin.execute(
            "SELECT name, vartype, setting, min_val, enumvals FROM pg_settings"
            " WHERE context = 'user' AND name <> ALL (%s) AND name !~ '^(log|debug|trace)_'",
            [sorted(left)],
        ).fetchall()
    other = {name: find_other(name, *row) for name, *row in rows}
    before = read(engine)
    engine.execute(
        "\\set ON_ERROR_STOP 0",
        *[f"ALTER ROLE {engine.login.username} SET {name} TO {value};" for name, value in other.items() if value],
    )
    after = read(engine)
    assert after.grants == before.grants
    assert after.reading.coverage == before.reading.coverage
    assert sum(map(bool, other.values())) > 80


def find_other(name: str, kind: str, setting: str, least: str | None, values: list[str] | None) -> str | None:
    """Return another value of a setting than it has, the least where it is a number."""
    if name.endswith("timeout"):
        return "'2s'"
    if kind == "bool":
        return "off" if setting == "on" else "on"
    if kind == "enum":
        return next((f"'{value}'" for value in values or () if value != setting), None)
    if kind in ("integer", "real") and least is not None:
        return f"'{max(float(least), 1):g}'"
    return None


# What stands between


def test_an_alias_of_a_pooler_is_not_taken_for_the_database_of_its_name(engine: PostgresqlEngine) -> None:
    engine.execute("CREATE DATABASE wf_hr;", database="postgres")
    direct = read_through(engine, None)
    with start_alias(engine.instance.port, {b"wf_hr": DATABASE.encode()}) as port:
        reading = read_through(engine, None, port)
    seen = reading.coverage["database:wf_hr"]
    assert (seen.status, "alias" in seen.reason) == (Status.UNREACHABLE, True)
    assert {grant for grant in reading.grants if grant.securable.database == "wf_hr"} == {
        grant for grant in direct.grants if grant.securable == Securable("database", "wf_hr")
    }
    assert reading.coverage[f"database:{DATABASE}"].status is Status.OBSERVED


def test_an_alias_to_begin_with_is_the_database_that_it_leads_to(engine: PostgresqlEngine) -> None:
    with start_alias(engine.instance.port, {b"wf_al": DATABASE.encode()}) as port:
        reading = read_through(engine, "wf_al", port)
    assert set(reading.grants) == set(read_through(engine, None).grants)


def test_an_alias_that_leads_to_another_server_is_not_taken_for_this_one_s(engine: PostgresqlEngine) -> None:
    """Both have a `template1` with the same OID, as all clusters have."""
    with start(16) as other:
        other.reset()
        other.prepare()
        there = other.instance.port
        with start_alias(engine.instance.port, {}, elsewhere={b"template1": there}) as port:
            reading = read_through(engine, None, port)
    seen = reading.coverage["database:template1"]
    assert (seen.status, "another server" in seen.reason) == (Status.UNREACHABLE, True)
    assert reading.coverage[f"database:{DATABASE}"].status is Status.OBSERVED


# How many connections


@pytest.mark.parametrize("database", [None, DATABASE], ids=["the first by default", "one in the middle"])
def test_one_connection_is_open_at_a_time(engine: PostgresqlEngine, database: str | None) -> None:
    """The server counts, and refuses a second one: also while the process of the one before has not ended."""
    whole = read_through(engine, database)
    assert len(whole.coverage) > 3
    engine.execute(f"ALTER ROLE {engine.login.username} CONNECTION LIMIT 1;")
    for _ in range(2):
        limited = read_through(engine, database)
        assert (limited.coverage, limited.held) == (whole.coverage, whole.held)
    conninfo = make_conninfo(engine.running.conninfo(), user=engine.login.username, password=engine.login.password)
    with psycopg.connect(conninfo), pytest.raises(DatabaseConnectionError, match="too many connections for role"):
        read_through(engine, database)


# What a name is encoded in


@pytest.fixture
def named(engine: PostgresqlEngine) -> Generator[PostgresqlEngine]:
    """A database of another encoding, and roles whose names are of that and of UTF-8."""
    engine.execute(
        "CREATE DATABASE wf_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';",
        'CREATE ROLE "wf_mühle";',
        "GRANT CONNECT ON DATABASE wf_latin TO wf_collector;",
        database="postgres",
    )
    with psycopg.connect(engine.running.conninfo("wf_latin"), autocommit=True) as latin:
        latin.execute('CREATE ROLE "wf_café"; CREATE TABLE "täblein" (id int); GRANT SELECT ON "täblein" TO "wf_café"')
        latin.execute("ALTER ROLE \"wf_café\" SET application_name TO 'é'")
    yield engine
    with psycopg.connect(engine.running.conninfo("wf_latin"), autocommit=True) as latin:
        latin.execute('DROP OWNED BY "wf_café"; DROP ROLE "wf_café"')


def test_one_name_that_is_no_utf_8_is_escaped_and_all_the_rest_is_read(named: PostgresqlEngine) -> None:
    engine = named
    seen = read(engine)
    assert {"wf_caf\\xe9", "wf_mühle", ACCOUNT} < seen.states.keys()
    assert seen.states["wf_caf\\xe9"].account.attributes["rolname_is_escaped"] is True
    assert "rolname_is_escaped" not in seen.states["wf_mühle"].account.attributes
    assert {observation.status for observation in seen.reading.coverage.values()} == {Status.OBSERVED}
    table = Securable("table", "wf_latin", "public", "täblein")
    assert Grant("wf_caf\\xe9", "SELECT", table) in seen.grants
    script = engine.adapter.build_script(engine.exclude_given(seen.states.values()))
    naming = [line for line in script if "xe9" in line]
    assert len(naming) == 1
    assert naming[0].startswith("-- ")


def test_a_name_that_is_no_utf_8_takes_nothing_from_what_was_denied(named: PostgresqlEngine) -> None:
    """Neither the reason nor the databases: names are among what came before the denial ended the transaction."""
    engine = named
    with psycopg.connect(engine.running.conninfo("wf_latin"), autocommit=True) as latin:
        latin.execute('CREATE DATABASE "wf_café"')
        try:
            whole = read_through(engine, None)
            engine.execute("REVOKE SELECT ON pg_auth_members FROM PUBLIC;", database="postgres")
            cut = read_through(engine, None)
        finally:
            engine.execute("GRANT SELECT ON pg_auth_members TO PUBLIC;", database="postgres")
            latin.execute('DROP DATABASE "wf_café"')
    assert cut.coverage["server"] == Observation(Status.DENIED, "permission denied for table pg_auth_members")
    assert "database:wf_caf\\xe9" in cut.coverage
    assert cut.coverage.keys() == whole.coverage.keys()
    assert {scope for scope in cut.coverage if cut.coverage[scope] != whole.coverage[scope]} == {"server"}
    assert cut.attributes == whole.attributes


@pytest.mark.parametrize("database", ["postgres", "wf_ascii"])
def test_a_name_that_is_what_it_was_escaped_to_is_another(named: PostgresqlEngine, database: str) -> None:
    """What is the same again may be read all the same: the server promises no order of rows that were written anew."""
    engine = named
    engine.execute(
        "CREATE DATABASE wf_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';",
        "GRANT CONNECT ON DATABASE wf_ascii TO wf_collector;",
        database="postgres",
    )
    source = read_through(engine, database).source
    assert source
    instance = replace(engine.instance, database=database)
    with psycopg.connect(engine.running.conninfo("wf_latin"), autocommit=True) as latin:
        latin.execute('ALTER ROLE "wf_café" RENAME TO "wf_caf\\xe9"')
        try:
            with engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)) as session:
                assert not session.is_same(source)
        finally:
            latin.execute('ALTER ROLE "wf_caf\\xe9" RENAME TO "wf_café"')


def test_a_first_database_of_another_encoding_gives_the_names_as_they_are(named: PostgresqlEngine) -> None:
    engine = named
    instance = replace(engine.instance, database="wf_latin")
    with engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)) as session:
        names = {account.username for account in session.read_accounts()}
        grants = session.read_grants().grants
    assert {"wf_café", "wf_mühle", ACCOUNT} < names
    assert Grant("wf_café", "SELECT", Securable("table", "wf_latin", "public", "täblein")) in grants


def test_a_database_without_an_encoding_is_read(engine: PostgresqlEngine) -> None:
    engine.execute(
        "CREATE DATABASE wf_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';",
        "GRANT CONNECT ON DATABASE wf_ascii TO wf_collector;",
        database="postgres",
    )
    with psycopg.connect(engine.running.conninfo("wf_ascii"), autocommit=True) as ascii_only:
        ascii_only.execute("SET client_encoding TO 'SQL_ASCII'")
        ascii_only.execute(f'CREATE TABLE "t\xe9" (id int); GRANT SELECT ON "t\xe9" TO {ACCOUNT}'.encode("latin-1"))
    for database in (None, "wf_ascii"):
        reading = read_through(engine, database)
        assert Grant(ACCOUNT, "SELECT", Securable("table", "wf_ascii", "public", "t\\xe9")) in reading.grants
        assert {observation.status for observation in reading.coverage.values()} == {Status.OBSERVED}


def test_a_server_says_who_it_is_and_nothing_where_it_may_not(engine: PostgresqlEngine) -> None:
    def read_identity() -> str:
        with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
            session.read_accounts()
            return session.identity

    with psycopg.connect(engine.running.conninfo()) as admin:
        row = admin.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert row is not None
    assert read_identity() == row[0]
    engine.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;", database="postgres")
    try:
        assert read_identity() == ""
        with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
            (part,) = [part for part in session.check() if not part.readable]
        assert (part.scope, part.scope in engine.adapter.rules.optional_scopes) == ("identity", True)
        assert "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system()" in part.note
    finally:
        engine.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC;", database="postgres")
