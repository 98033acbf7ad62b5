"""Opens the ledger: its connections, its transactions, and rows on their way to it."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, TextClause, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.sql import load_sql

CONNECT_SECONDS = 10
CANCEL_SECONDS = 2
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""A host that went silent is noticed within a minute or so; the first three are seconds, the last milliseconds."""
TEXTS_AT_ONCE = 200
NULL = r"\N"
"""A field of COPY's text format that has no value."""
BETWEEN = "\0"
"""PostgreSQL stores it in no text, so fields are escaped together, joined by it; one that has it is refused still."""
ESCAPES = (("\\", r"\\"), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t"), (BETWEEN, "\t"))
"""In this order. One after the other: they are rare, and to look for each takes a tenth of what `translate` does."""


def open_ledger(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for the ledger at `url` (any `postgresql://` form); nothing is connected yet.

    `pool_size` connections are kept: one for each instance that is worked on, and some for sessions and queries.
    """
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError:
        raise LedgerError("the ledger's URL is not usable; expected postgresql://user:password@host/db") from None
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        use_native_hstore=False,  # else each engine asks first whether there is one
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "whalefall",
            "options": "-c timezone=UTC",
            **KEEPALIVE,
        },
    )


def load_statements(filename: str) -> dict[str, TextClause]:
    """Return the named statements of one of this folder's `.sql` files, ready to execute."""
    return {name: text(statement) for name, statement in load_sql("whalefall_pipeline.ledger", filename).items()}


@contextmanager
def connecting(engine: Engine) -> Generator[Connection]:
    """Yield a connection to the ledger for the block. Raises LedgerError when there is none to be had."""
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger at {to_place(engine)} can't be reached: {to_reason(error)}") from None
    with connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Yield a connection to read from outside of transactions; its database errors leave as LedgerError.

    For blocks that ask nothing but the ledger: what another database answers there would be taken for its error.
    """
    with connecting(engine) as connection:
        try:
            yield connection
        except (SQLAlchemyError, psycopg.Error) as error:
            raise LedgerError(f"the ledger at {to_place(engine)} can't be read: {to_reason(error)}") from None


@contextmanager
def transaction(connection: Connection) -> Generator[Connection]:
    """Run a block as one transaction of the ledger; its database errors leave as LedgerError, rolled back."""
    try:
        with connection.begin():
            yield connection
    except (SQLAlchemyError, psycopg.Error) as error:
        raise LedgerError(f"the ledger could not be written: {to_reason(error)}") from None


def run_alone(connection: Connection, statement: LiteralString, values: Mapping[str, object]) -> object:
    """Run a statement of psycopg's spelling that gives one value as a transaction of its own, on one way to the ledger.

    No transaction may be open. Its database errors leave as LedgerError.
    """
    driver = _to_driver(connection)
    try:
        driver.autocommit = True
        (value,) = driver.execute(statement, values).fetchone() or (None,)
    except psycopg.Error as error:
        raise LedgerError(f"the ledger could not be written: {to_reason(error)}") from None
    finally:
        with suppress(psycopg.Error):  # of a connection that was lost
            driver.autocommit = False
    return value


def fetch_many(
    connection: Connection, statement: TextClause, values: Mapping[str, object]
) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a statement as the driver's own: for thousands, since SQLAlchemy's take longer to make."""
    with closing(connection.execute(statement, values)) as result:
        return cast("psycopg.Cursor[tuple[Any, ...]]", result.cursor).fetchall()


def find_cancel(connection: Connection) -> Callable[[], None]:
    """Return what ends, from another thread, the statement that a connection's thread waits for; that gets an error.

    It does nothing between two statements, and where the ledger does not answer.
    """
    driver = _to_driver(connection)

    def cancel() -> None:
        with suppress(psycopg.Error):
            driver.cancel_safe(timeout=CANCEL_SECONDS)

    return cancel


def copy_texts(connection: Connection, table: str, columns: Sequence[str], texts: Iterable[str]) -> None:
    """Append rows to a table that are lines of COPY's text format, each with its end; a text holds some of them."""
    with _copying(connection, table, columns) as copy:
        for part in texts:
            copy.write(part)


def join_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to texts that are worth to be sent."""
    remaining = iter(lines)
    while texts := list(islice(remaining, TEXTS_AT_ONCE)):
        yield "".join(texts)


def to_fields(values: Iterable[str]) -> str:
    """Return texts as adjoining fields of a line of COPY's text format."""
    text = BETWEEN.join(values)
    for character, escaped in ESCAPES:
        if character in text:
            text = text.replace(character, escaped)
    return text


@contextmanager
def _copying(connection: Connection, table: str, columns: Sequence[str]) -> Generator[psycopg.Copy]:
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with _to_driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def _to_driver(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    return cast("psycopg.Connection[tuple[object, ...]]", connection.connection.driver_connection)


def to_reason(error: SQLAlchemyError | psycopg.Error) -> str:
    """Return the driver's first line on one error, without SQL, parameters or secrets."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def to_place(engine: Engine) -> str:
    """Return where a ledger is, without its login."""
    return f"{engine.url.host}:{engine.url.port or 5432}/{engine.url.database}"
