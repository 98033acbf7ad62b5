"""`whalefall instances add`, `change` and `remove`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import complete_instance
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.definition import Definition, check_name, to_words
from whalefall_pipeline.cli.labels import parse_labels
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.secret_input import read_secret
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.bindings import to_option_part
from whalefall_pipeline.ledger.database import connecting, reading, transaction
from whalefall_pipeline.ledger.instances import (
    change_instance,
    lock_definitions,
    read_instances,
    remove_instance,
    write_instance,
)
from whalefall_pipeline.ledger.queries import read_instance_rows

Options = Annotated[list[str] | None, typer.Option(help="KEY=VALUE, such as sslmode=verify-full; repeat it.")]
PasswordEnv = Annotated[str | None, typer.Option(help="Environment variable to read the secret from, always.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File to read the secret from, always.")]
PasswordCommand = Annotated[
    str | None, typer.Option(help="Command that prints the secret, run without a shell, always: 'vault kv get …'.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Take the secret from standard input, and keep it encrypted.")
]
VANISH = "Percent of accounts that may vanish at once."


def add_instance(
    *,
    name: Annotated[str, typer.Argument(help="The instance's name, and its partition in Dagster.")],
    db_type: Annotated[str, typer.Option("--type", help=f"One of {', '.join(sorted(ADAPTERS))}.")],
    host: Annotated[str, typer.Option(help="Name or address of its server.")],
    user: Annotated[str, typer.Option(help="The login to collect with.")],
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Left out: the engine's usual port.")] = None,
    database: Annotated[str | None, typer.Option(help="The database to connect to first.")] = None,
    option: Options = None,
    vanish_limit: Annotated[int, typer.Option(min=0, max=100, help=VANISH)] = 50,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="KEY=VALUE, such as env=prod; repeat it.")
    ] = None,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Register an instance.

    Without one of the options --password-… it asks for the secret, and keeps it encrypted.
    """
    check_name(name)
    definition = Definition(
        name,
        db_type,
        host,
        port,
        user,
        database,
        _to_pairs(option),
        vanish_limit,
        parse_labels(label),
        password_env,
        password_file,
        _to_command(password_command),
    )
    if not user:
        raise InvalidInstanceError(f"{name}: --user is empty; name the login to collect with")
    instance = definition.to_instance()
    definition.check_secret_source()
    _check_one_source(definition, asked=password_stdin)
    with open_workplace() as workplace:
        check_free(workplace, name)
        if definition.has_reference:
            stored = definition.build_reference(workplace.store)
        else:
            stored = workplace.store.encrypt(read_secret(from_input=password_stdin))
        write_definitions(workplace, [(definition, instance, stored)])
    print_line(f"{name} is registered; look at it with: whalefall instances check {name}")


def change(
    *,
    name: Annotated[
        str, typer.Argument(autocompletion=complete_instance, help="The instance to change; what is left out stays.")
    ],
    host: Annotated[str | None, typer.Option(help="Name or address of its server.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Its port.")] = None,
    database: Annotated[
        str | None, typer.Option(help="The database to connect to first; empty: the engine's usual one.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; KEY= takes it away; repeat it.")] = None,
    vanish_limit: Annotated[int | None, typer.Option(min=0, max=100, help=VANISH)] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="KEY=VALUE; KEY= takes it away; repeat it.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="The login to collect with.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new secret, and keep it encrypted.")] = False,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Change an instance's definition.

    The sensor `changed_instances` then syncs it.
    """
    wanted = _Changes(
        host,
        port,
        database,
        _to_pairs(option),
        vanish_limit,
        parse_labels(label),
        user,
        password_env,
        password_file,
        _to_command(password_command) or None,
    )
    wanted.check(name, has_secret=password or password_stdin)
    with open_workplace() as workplace:
        with reading(workplace.engine) as connection:
            (old,) = choose_instances(read_instances(connection), [name])
        definition = wanted.build_definition(old)
        definition.to_instance()
        definition.check_secret_source()
        secret = _find_new_secret(workplace, definition, password=password, password_stdin=password_stdin)
        with connecting(workplace.engine) as connection, transaction(connection):
            lock_definitions(connection)
            (old,) = choose_instances(read_instances(connection), [name])  # others may have changed the rest meanwhile
            new = replace(wanted.build_definition(old).to_instance(), id=old.id, credential_id=old.credential_id)
            named = wanted.find_named_parts()
            moved = change_instance(connection, new, username=user, secret=secret, store=workplace.store, named=named)
    if moved:
        print_line(f"its credential is now for {new.host}:{new.port} with these options, and for nothing else")
    print_line(f"{name} is changed; look at it with: whalefall instances check {name}")


class _Changes(NamedTuple):
    """What a command line says again of an instance: None is what it leaves as it is, an empty option is taken away."""

    host: str | None
    port: int | None
    database: str | None
    options: Mapping[str, str]
    vanish_limit: int | None
    labels: Mapping[str, str]
    user: str | None
    password_env: str | None
    password_file: Path | None
    password_command: list[str] | None

    def check(self, name: str, *, has_secret: bool) -> None:
        """Raise InvalidInputError when nothing is new, or when what must be there is emptied."""
        if not has_secret and all(value is None or value == {} for value in self):
            raise InvalidInputError(f"nothing to change of {name}; name what is new, as in: --port 5433")
        if "" in (self.host, self.user):
            raise InvalidInputError(f"{name}: neither --host nor --user can be empty")

    def build_definition(self, old: Instance) -> Definition:
        """Return the instance's definition with the changes in it; its user only where that is new."""
        return Definition(
            name=old.name,
            db_type=old.db_type,
            host=self.host or old.host,
            port=self.port or old.port,
            user=self.user or "",
            database=old.database if self.database is None else self.database or None,
            options={key: value for key, value in {**old.options, **self.options}.items() if value},
            vanish_limit=old.vanish_limit_percent if self.vanish_limit is None else self.vanish_limit,
            labels={key: value for key, value in {**old.labels, **self.labels}.items() if value},
            excluded=old.excluded,
            password_env=self.password_env,
            password_file=self.password_file,
            password_command=self.password_command or (),
        )

    def find_named_parts(self) -> set[str]:
        """Return the parts of the binding that a person names, to which the credential may follow."""
        named = {part for part, value in (("host", self.host), ("port", self.port)) if value}
        return named | {to_option_part(key) for key in self.options}


def remove(
    names: Annotated[list[str], typer.Argument(autocompletion=complete_instance, help="The instances to remove.")],
) -> None:
    """Stop syncing instances; what is known of them stays."""
    names = list(dict.fromkeys(names))
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        unknown = [name for name in names if not remove_instance(connection, name)]
        if unknown:
            raise InvalidInstanceError(f"no active instance is named {', '.join(unknown)}; nothing was removed")
    print_line(f"removed: {', '.join(names)}")


def check_free(workplace: Workplace, name: str) -> None:
    """Raise InvalidInstanceError when an active instance has the name."""
    with workplace.reading() as reader:
        taken = [row for row in read_instance_rows(reader, [name]) if row["active"]]
    if taken:
        raise InvalidInstanceError(
            f"an instance named {name} is registered already; change it with: whalefall instances change {name}"
        )


def write_definitions(workplace: Workplace, items: Sequence[tuple[Definition, Instance, str]]) -> None:
    """Register instances with their stored secrets, in one transaction."""
    with connecting(workplace.engine) as connection, transaction(connection):
        for definition, instance, stored in items:
            write_instance(connection, instance, username=definition.user, secret=stored, store=workplace.store)


def _find_new_secret(
    workplace: Workplace, definition: Definition, *, password: bool, password_stdin: bool
) -> str | None:
    _check_one_source(definition, asked=password or password_stdin)
    if password or password_stdin:
        return workplace.store.encrypt(read_secret(from_input=password_stdin))
    return definition.build_reference(workplace.store) if definition.has_reference else None


def _check_one_source(definition: Definition, *, asked: bool) -> None:
    if asked and definition.has_reference:
        raise InvalidInstanceError(f"{definition.name}: the password is given twice; choose one of its options")


def _to_command(command: str | None) -> list[str]:
    return [] if command is None else to_words(command)


def _to_pairs(items: Sequence[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items or ():
        key, equals, value = item.partition("=")
        if not (key and equals):
            raise InvalidInstanceError(f"--option takes KEY=VALUE, not {item!r}")
        pairs[key] = value
    return pairs
