"""`whalefall doctor`: whether all that a deployment stands on is well, one line each."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import typer

from whalefall_pipeline.cli.graphql import Webserver
from whalefall_pipeline.cli.health import (
    FAILED,
    OK,
    SKIPPED,
    WARNING,
    Look,
    look_at_clock,
    look_at_daemons,
    look_at_disk,
    look_at_key,
    look_at_partitions,
    look_at_schema,
    look_at_syncs,
)
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, show_rows
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, WhalefallError
from whalefall_pipeline.ledger.queries import read_health_rows, read_now
from whalefall_pipeline.ledger.reader import Reader, read_revision
from whalefall_pipeline.services import find_webserver

NO_SERVICES = "no webserver answers here; start the services with: whalefall up"


def doctor(form: FormatOption = Format.TABLE, raw: RawOption = False) -> None:
    """Look at all that a deployment stands on, and say what to do.

    Ledger, schema, key, disk, clock, daemon, partitions, last sync. Exit code 0: nothing failed; 1: something did.
    """
    looks = list(_look())
    show_rows(
        [look._asdict() | {"message": look.note} for look in looks], ("check", "status", "message"), form, raw=raw
    )
    if any(look.status == FAILED for look in looks):
        raise typer.Exit(1)


def _look() -> Iterator[Look]:
    at = "ledger"
    try:
        with open_workplace(check=False) as workplace, workplace.reading() as reader:
            info = reader.info
            yield Look(at, OK, f"PostgreSQL {info.server_version // 10_000} at {info.host}:{info.port} answers")
            at = "the other looks"
            yield from _look_at_ledger(workplace, reader)
    except InvalidInputError:
        raise
    except WhalefallError as error:
        yield Look(at, FAILED, str(error))


def _look_at_ledger(workplace: Workplace, reader: Reader) -> Iterator[Look]:
    schema = look_at_schema(read_revision(reader))
    yield schema
    there = next(folder for folder in (workplace.home, *workplace.home.parents) if folder.exists())
    yield look_at_disk(shutil.disk_usage(there).free, str(workplace.home))
    now = read_now(reader)
    yield look_at_clock(datetime.now(UTC), now)
    if schema.status != OK:
        yield Look("syncs", SKIPPED, "the ledger's tables are not those of this version")
        return
    rows = read_health_rows(reader)
    yield look_at_key(workplace.store, rows)
    yield look_at_syncs(rows, now, workplace.settings.fresh_hours)
    yield from _look_at_services(workplace, [str(row["name"]) for row in rows])


def _look_at_services(workplace: Workplace, active: list[str]) -> Iterator[Look]:
    url = workplace.settings.webserver_url or find_webserver(workplace.home)
    if url is None:
        yield Look("services", WARNING, NO_SERVICES)
        return
    webserver = Webserver(url)
    try:
        daemons, partitions = webserver.read_daemons(), webserver.read_partitions()
    except WhalefallError as error:
        yield Look("services", FAILED, f"{error}; see logs/webserver.log of the home")
        return
    yield Look("services", OK, f"the webserver at {url} answers")
    yield from look_at_daemons(daemons)
    yield look_at_partitions(partitions, active)
