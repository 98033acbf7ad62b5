"""`whalefall instances check`: connects to instances, and says what of their catalogs the login can see."""

from collections.abc import Collection
from typing import Annotated

import typer

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Visibility
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import complete_instance
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, show_rows
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances, read_login
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector, build_limits

CheckRow = dict[str, str]
READABLE, OPTIONAL = "readable", "not readable, optional"


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=complete_instance, help="The instances to check; left out: all."),
    ] = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Connect to instances, and say what can be seen of them.

    Exit code 0: all can be seen that must be; 1: an instance can't be reached, or a part of its catalog can't be read.
    """
    with open_workplace() as workplace:
        with connecting(workplace.engine) as connection:
            chosen = choose_instances(read_instances(connection), names)
        rows = [row for instance in chosen for row in _check(workplace, instance)]
    show_rows(rows, ("instance", "scope", "status", "note"), form, raw=raw)
    if not {row["status"] for row in rows} <= {READABLE, OPTIONAL}:
        raise typer.Exit(1)


def _check(workplace: Workplace, instance: Instance) -> list[CheckRow]:
    """Return what can be seen of an instance; whatever goes wrong with it is one line, and the others are checked."""
    try:
        return _look(workplace, instance)
    except WhalefallError as error:
        return [_to_failure(instance, str(error))]
    except Exception as error:  # noqa: BLE001 - a server may answer anything, and drivers raise anything
        # Only the kind: an unforeseen text may hold the secret.
        return [_to_failure(instance, f"what answers there is not as it should be ({type(error).__name__})")]


def _look(workplace: Workplace, instance: Instance) -> list[CheckRow]:
    settings = workplace.settings
    collector = Collector(ADAPTERS[instance.db_type], build_limits(settings))
    with connecting(workplace.engine) as connection, transaction(connection):
        login = read_login(connection, instance, workplace.store)
    with (
        Deadline(settings.instance_seconds) as deadline,
        open_source(collector, instance, login, deadline) as session,
    ):
        connected = Visibility("connection", True, session.version)
        optional = collector.adapter.rules.optional_scopes
        return [_to_row(instance, part, optional) for part in (connected, *session.check())]


def _to_row(instance: Instance, part: Visibility, optional: Collection[str]) -> CheckRow:
    status = READABLE if part.readable else OPTIONAL if part.scope in optional else "not readable"
    return {"instance": instance.name, "scope": part.scope, "status": status, "note": part.note}


def _to_failure(instance: Instance, note: str) -> CheckRow:
    return {"instance": instance.name, "scope": "connection", "status": "failed", "note": note}
