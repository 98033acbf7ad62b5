"""What has to be done for the ledger to hold the fleet that somebody describes: planned, then done, all or nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from whalefall_pipeline.cli.definition import Definition
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.bindings import Binding
from whalefall_pipeline.ledger.credentials import read_credentials
from whalefall_pipeline.ledger.database import connecting, reading, transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances, remove_instance, write_instance
from whalefall_pipeline.ledger.secrets import SecretStore

ADDED, CHANGED, REMOVED, SAME = "added", "changed", "removed", "same"


class Step(NamedTuple):
    """What becomes of one instance: added, changed, removed, or left as it is."""

    name: str
    change: str
    what: str
    definition: Definition | None = None
    new: Instance | None = None
    old: Instance | None = None


class _OnlyPlannedError(Exception):
    """Ends the transaction of a plan."""


def plan_fleet(
    engine: Engine, store: SecretStore, definitions: Sequence[Definition], *, prune: bool = False
) -> list[Step]:
    """Return what has to be done for the ledger to have these instances; with `prune` no others.

    Raises InvalidInstanceError for a definition that is not usable.
    """
    with reading(engine) as connection:
        known = {instance.name: instance for instance in read_instances(connection)}
        logins = {kept.name: (kept.username, kept.secret) for kept in read_credentials(connection)}
    if prune and not definitions:
        raise InvalidInstanceError("the file names no instance, so --prune would remove them all; nothing was changed")
    steps = [_plan_one(definition, known, logins, store) for definition in definitions]
    named = {definition.name for definition in definitions}
    gone = [name for name in known if name not in named] if prune else []
    return steps + [Step(name, REMOVED, "the file does not name it", old=known[name]) for name in gone]


def _plan_one(
    definition: Definition,
    known: Mapping[str, Instance],
    logins: Mapping[str, tuple[str, str]],
    store: SecretStore,
) -> Step:
    name, new, old = definition.name, definition.to_instance(), known.get(definition.name)
    if old is None:
        if not definition.has_reference:
            raise InvalidInstanceError(f"{name}: name its secret by password_env or password_file, or password_command")
        return Step(name, ADDED, f"{new.db_type} at {new.host}:{new.port}", definition, new)
    if old.db_type != new.db_type:
        raise InvalidInstanceError(f"{name} is a {old.db_type} instance; choose another name for one of {new.db_type}")
    new = replace(new, id=old.id, credential_id=old.credential_id)
    user, stored = logins.get(name, ("", ""))
    before, after = _to_fields(old, user), _to_fields(new, definition.user)
    what = [f"{field} {before[field]} to {after[field]}" for field in after if before[field] != after[field]]
    if definition.has_reference and not _is_kept(definition, stored, store):
        what.append("where its secret is")
    return Step(name, CHANGED if what else SAME, "; ".join(what), definition, new, old)


def _is_kept(definition: Definition, stored: str, store: SecretStore) -> bool:
    """Return whether a secret is stored where a definition says; a command's stored form is another each time."""
    if definition.password_command:
        return find_command(stored, store) == list(definition.password_command)
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


def carry_out(engine: Engine, store: SecretStore, steps: Sequence[Step], *, by: str, dry_run: bool = False) -> None:
    """Do what is planned; with `dry_run` take it back at the end, so that a plan fails where the act would."""
    with suppress(_OnlyPlannedError), connecting(engine) as connection, transaction(connection):
        for step in steps:
            if step.change == REMOVED:
                remove_instance(connection, step.name)
            elif step.change in (ADDED, CHANGED):
                _write(connection, store, step, by)
        if dry_run:
            raise _OnlyPlannedError


def _write(connection: Connection, store: SecretStore, step: Step, by: str) -> None:
    definition, new = step.definition, step.new
    assert definition and new  # noqa: S101, PT018 - only what is removed has none
    secret = definition.build_reference(store) if definition.has_reference else None
    user = definition.user
    if step.old is None:
        write_instance(connection, new, username=user, secret=secret or "", store=store, by=by)
        return
    # A secret that the file names goes where the file says; one that is kept in the ledger follows to no other server.
    named = {*Binding.of(step.old).to_parts(), *Binding.of(new).to_parts()} if secret else ()
    change_instance(connection, new, username=user, secret=secret, store=store, named=named, by=by)


def find_command(stored: str, store: SecretStore) -> list[str]:
    """Return the command that has a secret; empty for any other, and where no key here opens what is stored."""
    with suppress(InvalidInstanceError):
        return store.find_command(stored)
    return []
