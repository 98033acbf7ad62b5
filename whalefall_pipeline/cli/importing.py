"""`whalefall instances import`: the instances that a YAML file describes, all of them or none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whalefall_pipeline.cli.definition import Definition, check_name, to_words
from whalefall_pipeline.cli.instances import write_definitions
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import connecting
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.queries import read_logins
from whalefall_pipeline.ledger.secrets import SecretStore

LARGEST = 50_000_000
"""Bytes of a file that is read; 100,000 instances take half of it."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    type: str
    host: str
    port: int | None = Field(None, ge=1, le=65535)
    user: str = Field(min_length=1)
    database: str | None = None
    options: dict[str, str] = {}
    vanish_limit: int = Field(50, ge=0, le=100)
    password_env: str | None = None
    password_file: Path | None = None
    password_command: str | list[str] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instances: list[_Entry]


def import_instances(
    path: Annotated[Path, typer.Argument(help="A YAML file with a list under `instances`; see docs/commands.md.")],
) -> None:
    """Register the instances of a YAML file.

    All of them or, if one is not usable, none. One that is registered just so already stays as it is; the same file
    can be imported again.
    """
    definitions = parse_definitions(path)
    for definition in definitions:
        check_name(definition.name)
        if not definition.has_reference:
            raise InvalidInstanceError(
                f"{definition.name}: name its secret by password_env or password_file, or by password_command"
            )
        definition.check_secret_source()
    items = [(definition, definition.to_instance()) for definition in definitions]
    with open_workplace() as workplace:
        known, logins = _read_known(workplace, definitions)
        store = workplace.store
        new = [item for item in items if not _is_there(item, known, logins, store)]
        write_definitions(workplace, [(*item, item[0].build_reference(store)) for item in new])
    same = len(items) - len(new)
    print_line(f"{len(new)} instances are registered" + (f"; {same} were so already" if same else ""))


def _read_known(
    workplace: Workplace, definitions: Sequence[Definition]
) -> tuple[Mapping[str, Instance], Mapping[str, tuple[str, str]]]:
    """Return the active instances by name, and the logins of those that are described."""
    with connecting(workplace.engine) as connection:
        known = {instance.name: instance for instance in read_instances(connection)}
    with workplace.reading() as reader:
        return known, read_logins(reader, [definition.name for definition in definitions])


def _is_there(
    item: tuple[Definition, Instance],
    known: Mapping[str, Instance],
    logins: Mapping[str, tuple[str, str]],
    store: SecretStore,
) -> bool:
    """Return whether an instance is registered just so. Raises InvalidInstanceError when it is, but otherwise."""
    definition, instance = item
    old = known.get(instance.name)
    if old is None:
        return False
    same = replace(instance, id=old.id, credential_id=old.credential_id) == old
    if not (same and _is_login(definition, logins.get(instance.name), store)):
        raise InvalidInstanceError(
            f"an instance named {instance.name} is registered already, and not as the file has it; change it with: "
            f"whalefall instances change {instance.name}"
        )
    return True


def _is_login(definition: Definition, login: tuple[str, str] | None, store: SecretStore) -> bool:
    """Return whether a login is stored as it is defined; a command's stored form is another each time."""
    if login is None or login[0] != definition.user:
        return False
    if definition.password_command:
        return store.find_command(login[1]) == list(definition.password_command)
    return login[1] == definition.build_reference(store)


def parse_definitions(path: Path) -> list[Definition]:
    """Read the definitions of a YAML file. Raises InvalidInstanceError with the place of the first mistake."""
    try:
        entries = _File.model_validate(_read_yaml(path)).instances
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInstanceError(f"{path}: {place}: {first['msg']}") from None
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInstanceError(f"{path}: {', '.join(twice)} stands there twice")
    return [_to_definition(entry, path) for entry in entries]


def _read_yaml(path: Path) -> Any:
    try:
        if not path.is_file():
            raise InvalidInstanceError(f"{path} is no regular file; name a YAML file")
        if path.stat().st_size > LARGEST:
            raise InvalidInstanceError(f"{path} has more than {LARGEST} bytes")
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInstanceError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInstanceError(f"{path} is not YAML: it is no UTF-8 text") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidInstanceError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(read, dict):
        raise InvalidInstanceError(f"{path} has no list under `instances`; see docs/commands.md for an example")
    return read  # pyright: ignore[reportUnknownVariableType] - checked by the caller


def _to_definition(entry: _Entry, path: Path) -> Definition:
    values = entry.model_dump()
    if entry.password_file:
        values["password_file"] = path.parent / entry.password_file
    command = entry.password_command
    values["password_command"] = to_words(command) if isinstance(command, str) else command or []
    return Definition(db_type=values.pop("type"), **values)
