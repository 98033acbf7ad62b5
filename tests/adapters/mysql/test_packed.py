"""What a server packs is what it sends row by row, and it calls that the same only where it is."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.mysql.servers import is_same, read, to_parts
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.catalog import PACKED, Catalog
from whalefall_pipeline.adapters.mysql.connection import Connection, connect
from whalefall_pipeline.adapters.mysql.flavour import CATALOGS, identify
from whalefall_pipeline.adapters.mysql.names import quote
from whalefall_pipeline.adapters.mysql.packed import (
    COLUMNS,
    Column,
    NotPackedError,
    Packed,
    build_packed,
    share,
    unpack_shared,
)
from whalefall_pipeline.core.errors import DatabaseConnectionError

SHAPE = (Column("a"), Column("b", is_optional=True), Column("c", is_number=True), Column("d", True, True), Column("e"))
STATEMENT = "select a, b, c, d, e from wf_packed.t order by id"
WORDS = [
    "",
    " ",
    "a",
    "A",
    "a ",
    "é",
    "e\u0301",
    "ß",
    "ж",
    "😀",
    "NULL",
    "+",
    "-1",
    "\0",
    "\x1e",
    "\x1f",
    "\n",
    "'",
    "\\",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=3).map("".join)
NUMBERS = st.sampled_from([0, 1, -1, 10, 2**63 - 1])
ROWS = st.lists(st.tuples(TEXTS, TEXTS | st.none(), NUMBERS, NUMBERS | st.none(), TEXTS), max_size=4)


@contextmanager
def connecting(server: MysqlServer) -> Generator[Connection]:
    """Yield a connection with the settings of a reading, in no transaction: each statement sees what is there now."""
    with connect(server.instance, server.login, Limits(), Deadline(60)) as source:
        product = identify(source)
        for statement in product.session_statements:
            source.query(statement.format(milliseconds=60_000, seconds=60, whole_seconds=60))
        yield source


@pytest.fixture
def source(server: MysqlServer) -> Generator[Connection]:
    with connecting(server) as source:
        yield source


def fetch(source: Connection, statement: str, columns: Sequence[Column]) -> tuple[str, list[tuple[object, ...]]]:
    """Return by what an answer is known, and its rows."""
    packed = source.query_packed(build_packed(PACKED, statement, columns), columns)
    return packed.digest, unpack(packed, columns)


def unpack(packed: Packed, columns: Sequence[Column], own: int = 1) -> list[tuple[object, ...]]:
    rows, rests = unpack_shared(packed, columns, own)
    return [(*row[:-1], *rests[row[-1]]) for row in rows]


def is_known(source: Connection, statement: str, columns: Sequence[Column], known: str) -> bool:
    """Whether an answer is known before it is taken apart."""
    return source.query_packed(build_packed(PACKED, statement, columns), columns).digest == known


def fill(server: MysqlServer, rows: Sequence[Sequence[object]]) -> None:
    server.execute("DELETE FROM wf_packed.t")
    with server._admin.cursor() as cursor:  # pyright: ignore[reportPrivateUsage]
        cursor.executemany(
            "INSERT INTO wf_packed.t VALUES (%s, %s, %s, %s, %s, %s)", [(i, *row) for i, row in enumerate(rows)]
        )


@pytest.fixture
def table(server: MysqlServer) -> Generator[MysqlServer]:
    """A server with a table of every kind of column."""
    server.execute(
        "CREATE DATABASE wf_packed",
        "CREATE TABLE wf_packed.t (id INT PRIMARY KEY, a VARCHAR(20) NOT NULL, b VARCHAR(20),"
        " c BIGINT NOT NULL, d BIGINT, e VARCHAR(20) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "GRANT SELECT ON wf_packed.* TO wf_collector@localhost",
    )
    yield server
    server.execute("REVOKE SELECT ON wf_packed.* FROM wf_collector@localhost")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ROWS, after=ROWS)
def test_rows_are_the_same_packed_and_known_only_where_they_are(
    table: MysqlServer, source: Connection, before: list[Any], after: list[Any]
) -> None:
    """Every value, the order, nulls, empty texts, separators in values, characters of four bytes."""
    fill(table, before)
    has_separator = any("\x1e" in str(value) or "\x1f" in str(value) for row in before for value in row)
    try:
        known, rows = fetch(source, STATEMENT, SHAPE)
    except NotPackedError:
        assert has_separator
        return
    assert not has_separator
    assert rows == before == list(source.query(STATEMENT))
    assert is_known(source, STATEMENT, SHAPE, known)
    fill(table, after)
    try:
        is_same = is_known(source, STATEMENT, SHAPE, known)
    except NotPackedError:
        is_same = False
    assert is_same == (after == before)


def list_columns(server: MysqlServer, table: str) -> Sequence[tuple[str, str]]:
    rows = server.query(
        "SELECT column_name, column_type FROM information_schema.columns"
        f" WHERE table_schema = 'mysql' AND table_name = '{table}' ORDER BY ordinal_position"
    )
    return [(str(name), str(kind)) for name, kind in rows]


TABLES = {
    "mysql": {
        "accounts": "user", "databases": "db", "tables": "tables_priv", "columns_of_tables": "columns_priv",
        "routines": "procs_priv", "proxies": "proxies_priv", "memberships": "role_edges",
        "default_roles": "default_roles", "dynamic": "global_grants",
    },
    "mariadb": {
        "accounts": "global_priv", "databases": "db", "tables": "tables_priv", "columns_of_tables": "columns_priv",
        "routines": "procs_priv", "proxies": "proxies_priv", "memberships": "roles_mapping",
    },
}  # fmt: skip


def test_every_answer_that_can_be_long_is_packed(server: MysqlServer) -> None:
    assert COLUMNS[server.flavour].keys() == TABLES[server.flavour].keys()


def to_other(kind: str) -> str:
    """Return SQL of a value that a column of this type lacks in a row of ours: that has it empty, zero or the first."""
    if kind.startswith(("enum", "set")):
        return "2"
    if kind.startswith("timestamp"):
        return "'2020-02-02 02:02:02'"
    if kind.startswith("json"):
        return '\'{"Password_locking": {"failed_login_attempts": 3}}\''
    return "7" if kind.startswith(("int", "smallint", "tinyint", "bigint")) else "'Other'"


PRIVILEGES = (
    '{"access": 1, "plugin": "ed25519", "authentication_string": "x", "account_locked": true, "default_role": "r",'
    ' "password_lifetime": 3, "password_last_changed": 1, "ssl_type": 1, "x509_issuer": "i", "max_queries": 1}'
)


def make_row(server: MysqlServer, table: str) -> None:
    """Write a row of a user that has nothing, straight into a table, which the server does not look at again."""
    texts = [name for name, kind in list_columns(server, table) if kind.startswith(("varchar", "char", "blob", "text"))]
    values = {name: "''" for name in texts if name.lower() not in {"user", "host"}}
    values |= {name: "1" for name, kind in list_columns(server, table) if kind.startswith("set")}
    values |= {"Priv": "'{}'"} if table == "global_priv" else {}
    keys = {"role_edges": ("TO_USER", "TO_HOST")}.get(table, ("User", "Host"))
    values |= {keys[0]: "'wf_row'", keys[1]: "'h'"}
    server.execute(f"INSERT INTO mysql.{table} ({', '.join(map(quote, values))}) VALUES ({', '.join(values.values())})")


@contextmanager
def changing(server: MysqlServer, table: str) -> Generator[None]:
    user = "TO_USER" if table == "role_edges" else "User"
    delete = f"DELETE FROM mysql.{table} WHERE {user} LIKE 'wf_row%' OR {user} = 'Other'"
    try:
        make_row(server, table)
        yield
    finally:
        server.execute(delete)


def test_a_change_of_any_column_of_any_row_is_known_by_what_is_fetched(server: MysqlServer, source: Connection) -> None:
    """Where a statement gives other rows they are not known, and where it gives the same they are."""
    catalog, seen = Catalog(source, identify(source)), 0
    for name, table in TABLES[server.flavour].items():
        statement, columns = catalog.build(name), COLUMNS[server.flavour][name]
        for column, kind in list_columns(server, table):
            with changing(server, table):
                user = "TO_USER" if table == "role_edges" else "User"
                known, rows = fetch(source, statement, columns)
                before = source.query(statement)
                assert sorted(map(repr, rows)) == sorted(map(repr, before))
                value = f"'{PRIVILEGES}'" if column == "Priv" else to_other(kind)
                server.execute(f"UPDATE mysql.{table} SET {quote(column)} = {value} WHERE {user} = 'wf_row'")
                is_other = sorted(map(repr, source.query(statement))) != sorted(map(repr, before))
                seen += is_other
                assert is_known(source, statement, columns, known) is not is_other, (table, column)
        with changing(server, table):
            known, _ = fetch(source, statement, columns)
        assert not is_known(source, statement, columns, known), f"a row of {table} is gone"
    assert seen > 80 if server.flavour == "mysql" else seen > 25


def test_a_name_with_a_separator_is_read_row_by_row(server: MysqlServer) -> None:
    for separator in ("\x1e", "\x1f"):
        server.execute(f"CREATE USER 'a{separator}b'@'%'")
        accounts, reading = read(server)
        assert f"a{separator}b@%" in accounts
        assert reading.source == b""
        server.execute(f"DROP USER 'a{separator}b'@'%'")


def test_a_text_that_the_server_cuts_is_read_row_by_row(server: MysqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """MariaDB cuts it at max_allowed_packet too."""
    server.create_accounts([f"{number:032}" for number in range(300)])
    accounts, reading = read(server)
    with connecting(server) as source:
        statement, columns = Catalog(source, identify(source)).build("accounts"), COLUMNS[server.flavour]["accounts"]
        known, _ = fetch(source, statement, columns)
    texts = CATALOGS[server.flavour]
    monkeypatch.setitem(texts, "session", texts["session"].replace("_max_len = 1073741824", "_max_len = 4096"))
    with connecting(server) as source:
        with pytest.raises(NotPackedError):
            fetch(source, statement, columns)
        with pytest.raises(NotPackedError):
            is_known(source, statement, columns, known)
    cut = read(server)
    assert (cut[0], to_parts(cut[1])) == (accounts, to_parts(reading))
    assert cut[1].source == b""


def test_a_server_that_allows_small_packets_is_read_all_the_same(server: MysqlServer) -> None:
    server.create_accounts([f"{number:032}" for number in range(300)])
    accounts, reading = read(server)
    ((before,),) = server.query("SELECT @@GLOBAL.max_allowed_packet")
    server.execute("SET GLOBAL max_allowed_packet = 16384")
    try:
        small = read(server)
        assert is_same(server, reading) == bool(small[1].source)
    finally:
        server.execute(f"SET GLOBAL max_allowed_packet = {before}")
    assert (small[0], to_parts(small[1])) == (accounts, to_parts(reading))


@pytest.mark.parametrize(
    ("many", "text"),
    [
        *[(1, "a"), (2, "a\x1fb"), (1, "a\x1fb\x1ec\x1fd"), (1, "a\x1fb\x1fc"), (1, "")],
        *[(0, "\x1e"), (0, "a\x1fb"), (-1, "a\x1fb")],
    ],
)
def test_a_text_that_is_not_so_many_rows_is_none(many: int, text: str) -> None:
    with pytest.raises(NotPackedError):
        unpack(Packed(many, text), [Column("a"), Column("b")])


@pytest.mark.parametrize("own", [1, 2, 3])
def test_what_rows_have_in_common_is_taken_apart_once(own: int) -> None:
    text = "\x1e".join(["a\x1f+b\x1f\x1f7", "a\x1f\x1f+c\x1f7", "d\x1f+b\x1f\x1f7"])
    columns = [Column("a"), *(Column(name, is_optional=True) for name in "bc"), Column("d", is_number=True)]
    whole = [("a", "b", None, 7), ("a", None, "c", 7), ("d", "b", None, 7)]
    assert unpack(Packed(3, text), columns, own) == whole
    rows, rests = share(whole, own)
    assert [(*row[:-1], *rests[row[-1]]) for row in rows] == whole
    assert len(unpack_shared(Packed(3, text), columns, own).rests) == len(rests) == len({row[own:] for row in whole})


def test_rows_take_no_more_than_an_answer_may(server: MysqlServer) -> None:
    server.create_accounts([f"{number:032}" for number in range(300)])
    limits = Limits(answer_bytes=100_000)
    with (
        server.adapter.open(server.instance, server.login, limits, Deadline(60)) as session,
        pytest.raises(DatabaseConnectionError, match="100,000 bytes"),
    ):
        session.read_accounts()
