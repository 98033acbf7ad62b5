"""A ledger's server that is restarted, crashes, or has a full disk in the middle of a sync."""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from tests.conftest import LEDGER_VERSION, to_url
from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read, read_versions
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from tests.servers.small_disk import build_prefix, find_obstacle
from tests.servers.unprivileged import make_folder
from tests.sync.test_ledger_faults import at, sync_faulty
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger

MANY = [f"user {number}" for number in range(300)]
TABLES = [f"table {number}" for number in range(5)]


@dataclass
class Owned:
    """A server that nothing else uses; `folder` is a file system of its own, unless there is an `obstacle`."""

    server: PostgresqlServer
    folder: Path
    obstacle: str | None

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def make_tablespace(self) -> None:
        """Make a tablespace in the small file system; what was in one before went with the server's last start."""
        self.execute(f"create tablespace small location '{self.folder}'")

    def restart(self) -> None:
        self.server.restart()

    def crash(self) -> None:
        self.server.crash()
        self.server.start()

    def fill(self) -> None:
        """Leave no room for a page more in the tablespace: with large pieces first, then with the smallest."""
        self.execute("create unlogged table filler (content text storage plain) tablespace small")
        insert = b"insert into filler select repeat('x', 7000) from generate_series(1, %s::int)"
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            for rows in (20_000, *[1] * 200):
                with suppress(psycopg.errors.DiskFull):
                    connection.execute(insert, [rows])
            with pytest.raises(psycopg.errors.DiskFull):
                connection.execute(insert, [1])

    def make_room(self) -> None:
        self.execute("drop table if exists filler")


@pytest.fixture(scope="module")
def owned() -> Generator[Owned]:
    folder = make_folder("small")
    obstacle = find_obstacle(folder)
    with start_postgresql(LEDGER_VERSION, () if obstacle else build_prefix(folder)) as server:
        owned = Owned(server, folder, obstacle)
        owned.execute("create database model")
        engine = open_ledger(to_url(server, "model"))
        upgrade_ledger(engine)
        engine.dispose()
        yield owned


@pytest.fixture
def own_ledger(owned: Owned, fault: str) -> Generator[Engine]:
    """An empty ledger; one whose disk is to be full is in the small tablespace."""
    is_small = fault == "full"
    if is_small and owned.obstacle:
        pytest.skip(f"no small file system can be had here: {owned.obstacle}")
    if is_small:
        owned.make_tablespace()
    where = "tablespace small" if is_small else ""
    owned.execute(f"create database ledger template model {where} strategy file_copy")
    engine = open_ledger(to_url(owned.server, "ledger"))
    yield engine
    engine.dispose()
    owned.make_room()
    owned.execute("drop database ledger with (force)", "drop tablespace if exists small")


FAULTS: dict[str, Callable[[Owned], None]] = {
    "restarted": Owned.restart,
    "crashed": Owned.crash,
    "full": Owned.fill,
}


@pytest.mark.parametrize("step", ["open", "grants"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_ledger_whose_server_fails_in_the_middle(
    owned: Owned, own_ledger: Engine, tmp_path: Path, fault: str, step: str
) -> None:
    fleet = Fleet(own_ledger, tmp_path)
    fleet.register("one")
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    assert fleet.sync()[0].error is None
    before = read_versions(own_ledger)

    fleet.adapter.accounts += [user(name) for name in MANY]
    fleet.adapter.grants += [select_on(name, table) for name in MANY for table in TABLES]
    fleet.adapter.hook = at(step, lambda: FAULTS[fault](owned))
    (error,) = sync_faulty(fleet)
    assert error is not None
    assert error.code == "DATABASE_QUERY_ERROR"
    assert ("No space left on device" in str(error)) is (fault == "full")
    listed = read(own_ledger, "select count(*) from instance_accounts where is_active")[0]["count"]
    assert listed in (1, 1 + len(MANY))
    assert read(own_ledger, "select username from account_permission") == [{"username": "ana"}]
    if listed == 1:
        assert read_versions(own_ledger) == before
    assert read(own_ledger, "select from sync_instance_records where status = 'completed'") == [{}]

    owned.make_room()
    fleet.adapter.hook = lambda _step: None
    (outcome,) = fleet.sync()
    assert outcome.error is None
    (held,) = read(own_ledger, "select count(*), count(distinct username) as names from current_grants")
    assert held == {"count": 1 + len(MANY) * len(TABLES), "names": 1 + len(MANY)}
    (log,) = read(own_ledger, "select count(*), count(distinct username) as names from account_change_log")
    assert log == {"count": 1 + len(MANY), "names": 1 + len(MANY)}
