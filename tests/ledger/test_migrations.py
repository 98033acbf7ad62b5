"""The migrations give what the metadata says, and a ledger that can't be used is told from one that can."""

from collections.abc import Generator
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from tests.conftest import to_url
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import VERSION_TABLE, check_ledger, upgrade_ledger
from whalefall_pipeline.ledger.tables import metadata
from whalefall_pipeline.ledger.version import MIGRATIONS, REVISIONS

RELEASED = {
    "rev_0001.py": "f2f7b13570b89d71",
    "0001_views.sql": "99e55b2da0808987",
    "rev_0002.py": "9929a53b705a82de",
    "rev_0003.py": "4869940c9f65a1be",
}
"""Migrations that ledgers out there were made by, each with the beginning of its SHA-256."""


@pytest.fixture
def oldest() -> Generator[Engine]:
    """A fresh database on the oldest PostgreSQL that a ledger may be on."""
    with start_postgresql(14) as server:
        engine = open_ledger(to_url(server, "postgres"))
        yield engine
        engine.dispose()


def _differences(engine: Engine) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_migrations_give_what_the_metadata_says(ledger: Engine) -> None:
    assert _differences(ledger) == []
    check_ledger(ledger)


def test_the_oldest_server_takes_them_and_a_second_upgrade_does_nothing(oldest: Engine) -> None:
    upgrade_ledger(oldest)
    upgrade_ledger(oldest)
    assert _differences(oldest) == []


@pytest.mark.parametrize("made_by_the_first", [True, False])
def test_a_ledger_of_the_first_revision_is_brought_up_to_date(ledger: Engine, made_by_the_first: bool) -> None:
    """For a while the first revision made the column that the second adds."""
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, "0001")
        connection.execute(text("alter table instances drop column if exists observed_scopes"))
        if made_by_the_first:
            connection.execute(text("alter table instances add observed_scopes text[] not null default '{}'"))
    upgrade_ledger(ledger)
    assert _differences(ledger) == []


def upgrade_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_an_empty_database_says_how_to_make_the_tables(ledger_server: PostgresqlServer) -> None:
    engine = open_ledger(to_url(ledger_server, "postgres"))
    with pytest.raises(LedgerError, match="is empty; create its tables with: whalefall db upgrade"):
        check_ledger(engine)


def test_an_older_schema_says_how_to_bring_it_up_to_date(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '{REVISIONS[-2]}'"))
    with pytest.raises(
        LedgerError, match=rf"\({REVISIONS[-2]}\) is older than this version; run: whalefall db upgrade"
    ):
        check_ledger(ledger)


def test_a_newer_schema_is_left_alone(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '9999'"))
    for use in (check_ledger, upgrade_ledger):
        with pytest.raises(LedgerError, match=r"9999.* is newer than this version"):
            use(ledger)


@pytest.mark.parametrize("change", [{"port": 1}, {"password": "wrong"}, {"host": "no.such.host.invalid"}])
def test_an_unreachable_ledger_is_one_line_without_the_password(ledger: Engine, change: dict[str, Any]) -> None:
    password = str(ledger.url.password)
    engine = open_ledger(ledger.url.set(**change).render_as_string(hide_password=False))
    with pytest.raises(LedgerError, match="can't be reached") as raised:
        check_ledger(engine)
    assert "\n" not in str(raised.value)
    assert password not in str(raised.value)


def test_a_url_that_is_none_says_what_is_expected() -> None:
    with pytest.raises(LedgerError, match="expected postgresql://"):
        open_ledger("not a url")


def test_it_shares_a_database_with_dagster(ledger: Engine) -> None:
    """Dagster's storage has an `alembic_version` of its own."""
    with ledger.connect() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
    assert "alembic_version" not in tables


def test_the_views_and_their_columns_are_documented(ledger_url: str) -> None:
    with psycopg.connect(ledger_url) as connection:
        missing = connection.execute(
            """select c.relname, a.attname
               from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
               where n.nspname = 'public' and c.relkind = 'v'
                 and (obj_description(c.oid) is null or col_description(c.oid, a.attnum) is null)"""
        ).fetchall()
    assert missing == []


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_is_never_edited_again(name: str) -> None:
    content = (MIGRATIONS / "versions" / name).read_bytes()
    assert sha256(content).hexdigest().startswith(RELEASED[name])
