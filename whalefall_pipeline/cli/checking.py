"""`whalefall instances check`: connects to instances, and says what of their catalogs the login can see."""

import re
from collections.abc import Collection
from typing import Annotated

import typer

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Visibility
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import complete_instance
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.labels import LabelOption, parse_labels
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, WholeLimitOption, show_rows
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance, Security
from whalefall_pipeline.ledger.database import connecting, reading, transaction
from whalefall_pipeline.ledger.instances import read_instances, read_login
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector, build_limits

_NUMBERS = re.compile(r"\d+")
CheckRow = dict[str, str]
TLS = "tls"
REMEDY = ": somebody on the way can read it, or answer in the server's place; set the option tls=verify-full"
READABLE, OPTIONAL, EXCLUDED = "readable", "not readable, optional", "excluded"


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=complete_instance, help="The instances to check; left out: all."),
    ] = None,
    label: LabelOption = None,
    limit: WholeLimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Connect to instances, and say what can be seen of them.

    Exit code 0: all can be seen that must be; 1: an instance can't be reached, or a part of its catalog can't be read.
    """
    with open_workplace() as workplace:
        with reading(workplace.engine) as connection:
            chosen = choose_instances(read_instances(connection), names, parse_labels(label))
        rows = [row for instance in chosen for row in _check(workplace, instance)]
    columns = ("instance", "scope", "status", "note")
    show_rows(rows, columns, form, raw=raw, at_most=limit or None)
    if not {row["status"] for row in rows} <= {READABLE, OPTIONAL, EXCLUDED}:
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
        optional = collector.adapter.rules.optional_scopes
        parts = session.check()
        # After that, since it is the weakest of all connections that were opened.
        security = Visibility(TLS, True, _describe(session.security))
        version = _to_version_row(instance, collector.adapter, session.version)
        return [version, *(_to_row(instance, part, optional) for part in (security, *parts))]


def _to_version_row(instance: Instance, adapter: Adapter, version: str) -> CheckRow:
    """Return that the server was reached, and whether its version is one that can be read."""
    row = _to_row(instance, Visibility("connection", True, version), ())
    numbers = tuple(map(int, _NUMBERS.findall(version.partition("(")[0])))
    if not adapter.oldest or numbers >= adapter.oldest:
        return row
    oldest = ".".join(map(str, adapter.oldest))
    return row | {"status": "too old", "note": f"{version}: {oldest} and later can be read"}


def _describe(security: Security) -> str:
    """Return whether a connection is encrypted and the server verified, and what to do where it is not."""
    encrypted, verified = security
    if encrypted is None:
        return "not known: the server decides whether the connection is encrypted, and does not say"
    if not encrypted:
        return f"the connection is not encrypted{REMEDY}"
    return "the connection is encrypted, the server verified" if verified else f"encrypted, not verified{REMEDY}"


def _to_row(instance: Instance, part: Visibility, optional: Collection[str]) -> CheckRow:
    status = READABLE if part.readable else OPTIONAL if part.scope in optional else "not readable"
    status = EXCLUDED if part.excluded else status
    return {"instance": instance.name, "scope": part.scope, "status": status, "note": part.note}


def _to_failure(instance: Instance, note: str) -> CheckRow:
    return {"instance": instance.name, "scope": "connection", "status": "failed", "note": note}
