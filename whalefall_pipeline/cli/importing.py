"""`whalefall instances import` and `export`: the fleet that a file describes, planned before it is made so."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from sqlalchemy import Connection

from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.definition import Definition, check_name
from whalefall_pipeline.cli.fleet_file import parse_definitions, to_csv, to_yaml
from whalefall_pipeline.cli.labels import LabelOption, parse_labels
from whalefall_pipeline.cli.output import print_line, warn, write
from whalefall_pipeline.cli.rows import show_rows
from whalefall_pipeline.cli.workplace import Workplace, find_user, open_workplace
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.bindings import Binding
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances, remove_instance, write_instance
from whalefall_pipeline.ledger.queries import read_logins
from whalefall_pipeline.ledger.secrets import SecretStore


class FileFormat(StrEnum):
    """How a fleet is written."""

    YAML = "yaml"
    CSV = "csv"


class _Step(NamedTuple):
    """What becomes of one instance: added, changed, removed, or left as it is."""

    name: str
    change: str
    what: str
    definition: Definition | None = None
    new: Instance | None = None
    old: Instance | None = None


class _OnlyPlannedError(Exception):
    """Ends the transaction of a plan."""


ADDED, CHANGED, REMOVED, SAME = "added", "changed", "removed", "same"


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
        steps = _plan(workplace, definitions, prune=prune)
        _carry_out(workplace, steps, dry_run=dry_run)
    _show(steps, dry_run=dry_run)


def export_instances(
    label: LabelOption = None,
    form: Annotated[FileFormat, typer.Option("--format", "-o", help="How to print.")] = FileFormat.YAML,
) -> None:
    """Print the active instances as a file for import.

    A secret that is kept encrypted is not in it: where such an instance is registered, import leaves its secret.
    """
    with open_workplace() as workplace:
        with connecting(workplace.engine) as connection:
            chosen = choose_instances(read_instances(connection), None, parse_labels(label))
        with workplace.reading() as reader:
            logins = read_logins(reader, [instance.name for instance in chosen])
        store = workplace.store
        definitions = [_to_definition(instance, *logins.get(instance.name, ("", "")), store) for instance in chosen]
    write(sys.stdout, to_yaml(definitions) if form is FileFormat.YAML else to_csv(definitions))
    kept = [definition.name for definition in definitions if not definition.has_reference]
    if kept:
        warn(f"{len(kept)} secrets are kept encrypted, and are not in it: {', '.join(kept[:5])}")


def _plan(workplace: Workplace, definitions: Sequence[Definition], *, prune: bool) -> list[_Step]:
    """Return what has to be done for the ledger to be as the file has it. Raises InvalidInstanceError."""
    with connecting(workplace.engine) as connection:
        known = {instance.name: instance for instance in read_instances(connection)}
    with workplace.reading() as reader:
        logins = read_logins(reader, [definition.name for definition in definitions])
    if prune and not definitions:
        raise InvalidInstanceError("the file names no instance, so --prune would remove them all; nothing was changed")
    steps = [_plan_one(definition, known, logins, workplace.store) for definition in definitions]
    named = {definition.name for definition in definitions}
    gone = [name for name in known if name not in named] if prune else []
    return steps + [_Step(name, REMOVED, "the file does not name it", old=known[name]) for name in gone]


def _plan_one(
    definition: Definition,
    known: Mapping[str, Instance],
    logins: Mapping[str, tuple[str, str]],
    store: SecretStore,
) -> _Step:
    name, new, old = definition.name, definition.to_instance(), known.get(definition.name)
    if old is None:
        if not definition.has_reference:
            raise InvalidInstanceError(f"{name}: name its secret by password_env or password_file, or password_command")
        return _Step(name, ADDED, f"{new.db_type} at {new.host}:{new.port}", definition, new)
    if old.db_type != new.db_type:
        raise InvalidInstanceError(f"{name} is a {old.db_type} instance; choose another name for one of {new.db_type}")
    new = replace(new, id=old.id, credential_id=old.credential_id)
    user, stored = logins.get(name, ("", ""))
    before, after = _to_fields(old, user), _to_fields(new, definition.user)
    what = [f"{field} {before[field]} to {after[field]}" for field in after if before[field] != after[field]]
    if definition.has_reference and not _is_kept(definition, stored, store):
        what.append("where its secret is")
    return _Step(name, CHANGED if what else SAME, "; ".join(what), definition, new, old)


def _is_kept(definition: Definition, stored: str, store: SecretStore) -> bool:
    """Return whether a secret is stored where a definition says; a command's stored form is another each time."""
    if definition.password_command:
        return _find_command(stored, store) == list(definition.password_command)
    return definition.build_reference(store) == stored


def _to_fields(instance: Instance, user: str) -> dict[str, object]:
    """Return what a file says of an instance but for its secret, as a plan shows it."""
    return {
        "host": instance.host,
        "port": instance.port,
        "database": instance.database or "none",
        "options": dict(instance.options) or "none",
        "labels": dict(instance.labels) or "none",
        "excluded": dict(instance.excluded) or "none",
        "vanish_limit": instance.vanish_limit_percent,
        "user": user,
    }


def _carry_out(workplace: Workplace, steps: Sequence[_Step], *, dry_run: bool) -> None:
    """Do what is planned; with `dry_run` take it back at the end, so that a plan fails where the act would."""
    with suppress(_OnlyPlannedError), connecting(workplace.engine) as connection, transaction(connection):
        for step in steps:
            if step.change == REMOVED:
                remove_instance(connection, step.name)
            elif step.change in (ADDED, CHANGED):
                _write(connection, workplace, step)
        if dry_run:
            raise _OnlyPlannedError


def _write(connection: Connection, workplace: Workplace, step: _Step) -> None:
    definition, new = step.definition, step.new
    assert definition and new  # noqa: S101, PT018 - only what is removed has none
    secret = definition.build_reference(workplace.store) if definition.has_reference else None
    if step.old is None:
        store, by = workplace.store, find_user()
        write_instance(connection, new, username=definition.user, secret=secret or "", store=store, by=by)
        return
    # A secret that the file names goes where the file says; one that is kept in the ledger follows to no other server.
    named = {*Binding.of(step.old).to_parts(), *Binding.of(new).to_parts()} if secret else ()
    user, by = definition.user, find_user()
    change_instance(connection, new, username=user, secret=secret, store=workplace.store, named=named, by=by)


def _show(steps: Sequence[_Step], *, dry_run: bool) -> None:
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
        password_command=_find_command(stored, store),
    )


def _find_command(stored: str, store: SecretStore) -> list[str]:
    """Return the command that has a secret; empty for any other, and where no key here opens what is stored."""
    with suppress(InvalidInstanceError):
        return store.find_command(stored)
    return []
