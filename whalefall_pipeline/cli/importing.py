"""`whalefall instances import` and `export`: the fleet that a file describes, planned before it is made so."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.definition import Definition, check_name
from whalefall_pipeline.cli.fleet_file import parse_definitions, to_csv, to_yaml
from whalefall_pipeline.cli.labels import LabelOption, parse_labels
from whalefall_pipeline.cli.output import print_line, warn, write
from whalefall_pipeline.cli.planning import ADDED, CHANGED, REMOVED, SAME, Step, carry_out, find_command, plan_fleet
from whalefall_pipeline.cli.rows import show_rows
from whalefall_pipeline.cli.workplace import find_user, open_workplace
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import reading
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.queries import read_logins
from whalefall_pipeline.ledger.secrets import SecretStore


class FileFormat(StrEnum):
    """How a fleet is written."""

    YAML = "yaml"
    CSV = "csv"


def import_instances(
    path: Annotated[Path, typer.Argument(help="YAML with a list under `instances`, or CSV; see docs/commands.md.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove the instances that the file does not name.")] = False,
) -> None:
    """Register the instances of a file.

    And change those that are registered otherwise. All of it or, if one is not usable, nothing. The same file can be
    imported again.
    """
    definitions = parse_definitions(path)
    for definition in definitions:
        check_name(definition.name)
        definition.check_secret_source()
    with open_workplace() as workplace:
        steps = plan_fleet(workplace.engine, workplace.store, definitions, prune=prune)
        carry_out(workplace.engine, workplace.store, steps, by=find_user(), dry_run=dry_run)
    _show(steps, dry_run=dry_run)


def export_instances(
    label: LabelOption = None,
    form: Annotated[FileFormat, typer.Option("--format", "-o", help="How to print.")] = FileFormat.YAML,
) -> None:
    """Print the active instances as a file for import.

    A secret that is kept encrypted is not in it: where such an instance is registered, import leaves its secret.
    """
    with open_workplace() as workplace:
        with reading(workplace.engine) as connection:
            chosen = choose_instances(read_instances(connection), None, parse_labels(label))
        with workplace.reading() as reader:
            logins = read_logins(reader, [instance.name for instance in chosen])
        store = workplace.store
        definitions = [_to_definition(instance, *logins.get(instance.name, ("", "")), store) for instance in chosen]
    write(sys.stdout, to_yaml(definitions) if form is FileFormat.YAML else to_csv(definitions))
    kept = [definition.name for definition in definitions if not definition.has_reference]
    if kept:
        warn(f"{len(kept)} secrets are kept encrypted, and are not in it: {', '.join(kept[:5])}")


def _show(steps: Sequence[Step], *, dry_run: bool) -> None:
    shown = [step for step in steps if step.change != SAME]
    if shown:
        rows = [{"name": step.name, "change": step.change, "message": step.what} for step in shown]
        show_rows(rows, ("name", "change", "message"))
    counts = {change: sum(step.change == change for step in steps) for change in (ADDED, CHANGED, REMOVED, SAME)}
    said = ", ".join(f"{count} {change}" for change, count in counts.items() if count) or "nothing to do"
    print_line(f"{said}{'; nothing was changed: this was a plan' if dry_run else ''}")


def _to_definition(instance: Instance, user: str, stored: str, store: SecretStore) -> Definition:
    kind, _, value = stored.partition(":")
    return Definition(
        name=instance.name,
        db_type=instance.db_type,
        host=instance.host,
        port=instance.port,
        user=user,
        database=instance.database,
        options=instance.options,
        vanish_limit=instance.vanish_limit_percent,
        labels=instance.labels,
        excluded=instance.excluded,
        password_env=value if kind == "env" else None,
        password_file=Path(value) if kind == "file" else None,
        password_command=find_command(stored, store),
    )
