"""`whalefall instances`: register, change, list, remove, import and check instances."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, Visibility
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.definition import Definition, parse_definitions
from whalefall_pipeline.cli.output import Format, console, show_rows
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInstanceError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.bindings import to_option_part
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import (
    change_instance,
    read_instances,
    read_login,
    remove_instance,
    write_instance,
)

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Left out: the engine's usual port.")]
Options = Annotated[list[str] | None, typer.Option(help="KEY=VALUE, such as sslmode=verify-full; repeat it.")]
PasswordEnv = Annotated[str | None, typer.Option(help="Environment variable to read the secret from, always.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File to read the secret from, always.")]

app = typer.Typer(no_args_is_help=True, help="Register, change, list, remove, import and check instances.")


@app.command("add")
def add_instance(
    *,
    name: Annotated[str, typer.Argument(help="The instance's name, and its partition in Dagster.")],
    db_type: Annotated[str, typer.Option("--type", help=f"One of {', '.join(sorted(ADAPTERS))}.")],
    host: Annotated[str, typer.Option(help="Name or address of its server.")],
    user: Annotated[str, typer.Option(help="The login to collect with.")],
    port: Port = None,
    database: Annotated[str | None, typer.Option(help="The database to connect to first.")] = None,
    option: Options = None,
    vanish_limit: Annotated[
        int, typer.Option(min=0, max=100, help="Percent of accounts that may vanish at once.")
    ] = 50,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
) -> None:
    """Register an instance; without --password-env or --password-file it asks for the secret and keeps it encrypted."""
    pairs = dict(_to_pair(item) for item in option or [])
    definition = Definition(name, db_type, host, port, user, database, pairs, vanish_limit, password_env, password_file)
    instance = definition.to_instance()
    definition.check_secret_source()
    secret = None if definition.has_reference else typer.prompt("Password", hide_input=True, err=True)
    with open_workplace() as workplace:
        _write(workplace, [(definition, instance, secret)])
    console.print(f"{name} is registered; look at it with: whalefall instances check {name}")


@app.command("change")
def change(
    *,
    name: Annotated[str, typer.Argument(help="The instance to change; what is left out stays.")],
    host: Annotated[str | None, typer.Option(help="Name or address of its server.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Its port.")] = None,
    database: Annotated[str | None, typer.Option(help="The database to connect to first.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; KEY= takes it away; repeat it.")] = None,
    vanish_limit: Annotated[
        int | None, typer.Option(min=0, max=100, help="Percent of accounts that may vanish at once.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="The login to collect with.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new secret, and keep it encrypted.")] = False,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
) -> None:
    """Change an instance's definition; the sensor `changed_instances` then syncs it."""
    asked = typer.prompt("Password", hide_input=True, err=True) if password else None
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        (old,) = choose_instances(read_instances(connection), [name])
        options = {**old.options, **dict(_to_pair(item) for item in option or [])}
        definition = Definition(
            name,
            old.db_type,
            host or old.host,
            port or old.port,
            user or "",
            database or old.database,
            {key: value for key, value in options.items() if value},
            old.vanish_limit_percent if vanish_limit is None else vanish_limit,
            password_env,
            password_file,
        )
        definition.check_secret_source()
        secret = definition.build_reference() if definition.has_reference else None
        secret = workplace.store.encrypt(asked) if asked else secret
        new = replace(definition.to_instance(), id=old.id, credential_id=old.credential_id)
        named = {part for part, value in (("host", host), ("port", port)) if value}
        named |= {to_option_part(_to_pair(item)[0]) for item in option or []}
        is_moved = change_instance(connection, new, username=user, secret=secret, store=workplace.store, named=named)
    if is_moved:
        console.print(
            f"its credential is now for {escape(new.host)}:{new.port} with these options, and for nothing else"
        )
    console.print(f"{name} is changed; look at it with: whalefall instances check {name}")


@app.command("import")
def import_instances(
    path: Annotated[Path, typer.Argument(help="A YAML file with a list under `instances`; see the README.")],
) -> None:
    """Register the instances of a YAML file, all of them or, if one is not usable, none."""
    definitions = parse_definitions(path)
    for definition in definitions:
        if not definition.has_reference:
            raise InvalidInstanceError(f"{definition.name}: name its secret by password_env or password_file")
        definition.check_secret_source()
    with open_workplace() as workplace:
        _write(workplace, [(definition, definition.to_instance(), None) for definition in definitions])
    console.print(f"{len(definitions)} instances are registered")


@app.command("list")
def list_instances(form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE) -> None:
    """List the active instances."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        rows = [
            {
                "name": item.name,
                "db_type": item.db_type,
                "host": item.host,
                "port": item.port,
                "database": item.database,
            }
            for item in read_instances(connection)
        ]
    show_rows(rows, ("name", "db_type", "host", "port", "database"), form)


@app.command("remove")
def remove(names: Annotated[list[str], typer.Argument(help="The instances to remove.")]) -> None:
    """Stop syncing instances; what is known of their accounts stays."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        unknown = [name for name in names if not remove_instance(connection, name)]
        if unknown:
            raise InvalidInstanceError(f"no active instance is named {', '.join(unknown)}; nothing was removed")
    console.print(f"removed: {', '.join(names)}")


@app.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(help="The instances to check; left out: all.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Connect to instances, and say their versions and what of their catalogs the login can see."""
    with open_workplace() as workplace:
        with connecting(workplace.engine) as connection:
            chosen = choose_instances(read_instances(connection), names)
        rows = [row for instance in chosen for row in _check(workplace, instance)]
    show_rows(rows, ("instance", "scope", "status", "note"), form)
    if any(row["scope"] == "connection" and row["status"] == "failed" for row in rows):
        raise typer.Exit(1)


def choose_instances(active: Sequence[Instance], names: Sequence[str] | None) -> Sequence[Instance]:
    """Give the named ones of the active instances, or all. Raises InvalidInstanceError for what can't be chosen."""
    if not active:
        raise InvalidInstanceError("no instance is active; register one with: whalefall instances add")
    unknown = sorted(set(names or ()) - {instance.name for instance in active})
    if unknown:
        raise InvalidInstanceError(f"no active instance is named {', '.join(unknown)}; see: whalefall instances list")
    return [instance for instance in active if not names or instance.name in names]


def _check(workplace: Workplace, instance: Instance) -> list[dict[str, str]]:
    settings = workplace.settings
    limits = Limits(settings.connect_seconds, settings.statement_seconds)
    try:
        with connecting(workplace.engine) as connection, transaction(connection):
            login = read_login(connection, instance, workplace.store)
        adapter = ADAPTERS[instance.db_type]
        with (
            Deadline(settings.instance_seconds) as deadline,
            adapter.open(instance, login, limits, deadline) as session,
        ):
            connected = Visibility("connection", True, session.version)
            return [_to_row(instance, part) for part in (connected, *session.check())]
    except WhalefallError as error:
        return [{"instance": instance.name, "scope": "connection", "status": "failed", "note": str(error)}]


def _to_row(instance: Instance, part: Visibility) -> dict[str, str]:
    status = "readable" if part.readable else "not readable"
    return {"instance": instance.name, "scope": part.scope, "status": status, "note": part.note}


def _write(workplace: Workplace, items: Sequence[tuple[Definition, Instance, str | None]]) -> None:
    with connecting(workplace.engine) as connection, transaction(connection):
        for definition, instance, secret in items:
            stored = workplace.store.encrypt(secret) if secret is not None else definition.build_reference()
            write_instance(connection, instance, username=definition.user, secret=stored, store=workplace.store)


def _to_pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidInstanceError(f"--option takes KEY=VALUE, not {text!r}")
    return key, value
