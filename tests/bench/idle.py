"""What an idle home costs: the processor time of Dagster's services, with our definitions and with none.

Nothing is registered, nothing runs: what is left are the daemon's looks at its queue, the ticks of sensors, and the
webserver. All sides have the same `dagster.yaml`, but that one of those without definitions has Dagster's own storage.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.fleet_stand import TOP, create_database
from tests.bench.measuring import LEDGER_VERSION, to_url
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import dagster_environment, run_services


class Side(NamedTuple):
    """Whose definitions and whose storage the services have."""

    name: str
    module: str
    storage: str


EMPTY = "tests.bench.no_definitions"
OWN_STORAGE = "module: dagster_postgres.storage\n    class: DagsterPostgresStorage"
OUR_STORAGE = "module: whalefall_pipeline.defs.storage\n    class: KeptPostgresStorage"
SIDES = (
    Side("Dagster alone", EMPTY, OWN_STORAGE),
    Side("with our storage", EMPTY, OUR_STORAGE),
    Side("and our definitions", "whalefall_pipeline.definitions", OUR_STORAGE),
)
SERVICES = {"code server": "dagster api grpc", "daemon": "dagster._daemon run", "webserver": "services.webserver"}
SETTLE_SECONDS = 45.0
"""After the start: the first ticks make rows, the first looks fill caches."""
TICKS = os.sysconf("SC_CLK_TCK")


class Idle(NamedTuple):
    """Percent of a core, by service, of one side."""

    side: str
    percent: Mapping[str, float]


def measure_idle(seconds: float) -> Iterator[Idle]:
    """Yield what each side's services take, over so many seconds."""
    with start_postgresql(LEDGER_VERSION) as server:
        for side in SIDES:
            yield Idle(side.name, _measure(server, side, seconds))


def build_idle_table(found: Iterable[Idle]) -> str:
    """Return a row per service, and one for all of them together: percent of a core on each side."""
    sides = list(found)
    lines = [f"| % of a core | {' | '.join(idle.side for idle in sides)} |", f"|---|{'--:|' * len(sides)}"]
    rows = {name: [idle.percent[name] for idle in sides] for name in SERVICES}
    rows["together"] = [sum(idle.percent.values()) for idle in sides]
    lines += [f"| {name} | {' | '.join(f'{value:.2f}' for value in row)} |" for name, row in rows.items()]
    return "\n".join(lines)


def _measure(server: PostgresqlServer, side: Side, seconds: float) -> dict[str, float]:
    with ExitStack() as held:
        home = Path(held.enter_context(TemporaryDirectory()))
        name = f"idle_{SIDES.index(side)}"
        ledger, storage = f"{name}_ledger", f"{name}_dagster"
        for database in (ledger, storage):
            create_database(server, database)
        engine = open_ledger(to_url(server, ledger))
        upgrade_ledger(engine)
        engine.dispose()
        environment = dagster_environment(
            home, dagster_url=to_url(server, storage), ledger_url=to_url(server, ledger)
        ) | {"PYTHONPATH": str(TOP)}
        _choose_storage(home / "dagster" / "dagster.yaml", side.storage)
        held.enter_context(run_services(environment, module=side.module))
        time.sleep(SETTLE_SECONDS)
        processes = {service: _find(words, home) for service, words in SERVICES.items()}
        before = {service: _read_seconds(process) for service, process in processes.items()}
        time.sleep(seconds)
        return {service: 100 * (_read_seconds(processes[service]) - before[service]) / seconds for service in SERVICES}


def _choose_storage(settings: Path, storage: str) -> None:
    text = settings.read_text()
    if OUR_STORAGE not in text:
        raise LookupError(f"{settings} does not name our storage")
    settings.write_text(text.replace(OUR_STORAGE, storage))


def _find(words: str, home: Path) -> Path:
    """Return the folder in /proc of the home's service whose command has these words."""
    mark = f"DAGSTER_HOME={home}/dagster\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command and mark in (process / "environ").read_bytes():
                return process
        except OSError:
            continue
    raise LookupError(f"no process of {home} has {words} in its command")


def _read_seconds(process: Path) -> float:
    """Return the processor time of a process and of the children that it has waited for."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS
