"""A fleet as a file: YAML with a list under `instances`, or CSV with a line for each; read, and written."""

import csv
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whalefall_pipeline.cli.definition import Definition, to_words
from whalefall_pipeline.core.errors import InvalidInstanceError

USUAL_LIMIT = 50
LARGEST = 50_000_000
"""Bytes of a file that is read; 100,000 instances take half of it."""
PLAIN = (
    "name",
    "type",
    "host",
    "port",
    "user",
    "database",
    "vanish_limit",
    "password_env",
    "password_file",
    "password_command",
)
OPTION, LABEL, EXCLUDE = "option.", "label.", "exclude."
"""Begin the names of the CSV's columns that hold one option, one label, or the reason of one exclusion, each."""
MAPPINGS = (OPTION, LABEL, EXCLUDE)


class Entry(BaseModel):
    """One instance, as a file describes it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    type: str
    host: str
    port: int | None = Field(None, ge=1, le=65535)
    user: str = Field(min_length=1)
    database: str | None = None
    options: dict[str, str] = {}
    vanish_limit: int = Field(USUAL_LIMIT, ge=0, le=100)
    labels: dict[str, str] = {}
    exclude: dict[str, str] = {}
    password_env: str | None = None
    password_file: Path | None = None
    password_command: str | list[str] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instances: list[Entry]


def parse_definitions(path: Path) -> list[Definition]:
    """Read the definitions of a YAML or CSV file. Raises InvalidInstanceError with the place of the first mistake."""
    try:
        read = _read_csv(path) if path.suffix.lower() == ".csv" else _read_yaml(path)
        entries = _File.model_validate(read).instances
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInstanceError(f"{path}: {place}: {first['msg']}") from None
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInstanceError(f"{path}: {', '.join(twice)} stands there twice")
    return [to_definition(entry, path.parent) for entry in entries]


def _read_text(path: Path, kind: str) -> str:
    try:
        if not path.is_file():
            raise InvalidInstanceError(f"{path} is no regular file; name a YAML or CSV file")
        if path.stat().st_size > LARGEST:
            raise InvalidInstanceError(f"{path} has more than {LARGEST} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInstanceError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInstanceError(f"{path} is not {kind}: it is no UTF-8 text") from None


def _read_csv(path: Path) -> Any:
    """Return what a CSV says as the YAML would say it: an empty cell says nothing."""
    rows = csv.DictReader(io.StringIO(_read_text(path, "CSV"), newline=""), strict=True)
    try:
        return {"instances": [_to_entry(row, path) for row in rows]}
    except csv.Error as error:
        raise InvalidInstanceError(f"{path} is not CSV: line {rows.line_num}: {error}") from None


def _to_entry(row: Mapping[str | None, Any], path: Path) -> dict[str, Any]:
    if None in row:
        raise InvalidInstanceError(f"{path}: {row.get('name')!r} has more cells than the first line has names")
    cells = {name: value for name, value in row.items() if name and value}
    entry: dict[str, Any] = {name: value for name, value in cells.items() if not name.startswith(MAPPINGS)}
    for key, prefix in zip(("options", "labels", "exclude"), MAPPINGS, strict=True):
        entry[key] = {name.removeprefix(prefix): value for name, value in cells.items() if name.startswith(prefix)}
    return entry


def _read_yaml(path: Path) -> Any:
    text = _read_text(path, "YAML")
    try:
        read = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidInstanceError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(read, dict):
        raise InvalidInstanceError(f"{path} has no list under `instances`; see docs/commands.md for an example")
    return read  # pyright: ignore[reportUnknownVariableType] - checked by the caller


def to_definition(entry: Entry, folder: Path) -> Definition:
    """Return the definition of an entry; a file with a secret is beside the entry's own, in this folder."""
    values = entry.model_dump()
    if entry.password_file:
        values["password_file"] = folder / entry.password_file
    command = entry.password_command
    values["password_command"] = to_words(command) if isinstance(command, str) else command or []
    return Definition(db_type=values.pop("type"), excluded=values.pop("exclude"), **values)


def to_yaml(definitions: Iterable[Definition]) -> str:
    """Return definitions as a file that `parse_definitions` reads; what has its default is left out."""
    return yaml.safe_dump(
        {"instances": [_to_plain(definition) for definition in definitions]}, sort_keys=False, allow_unicode=True
    )


def to_csv(definitions: Sequence[Definition]) -> str:
    """Return definitions as a CSV that `parse_definitions` reads."""
    rows: list[dict[str, Any]] = []
    for definition in definitions:
        plain = _to_plain(definition)
        options, labels, exclude = (plain.pop(key, {}) for key in ("options", "labels", "exclude"))
        rows.append(
            plain
            | {OPTION + name: value for name, value in options.items()}
            | {LABEL + name: value for name, value in labels.items()}
            | {EXCLUDE + scope: reason for scope, reason in exclude.items()}
        )
    extra = sorted({name for row in rows for name in row} - set(PLAIN))
    target = io.StringIO()
    writer = csv.DictWriter(target, [*PLAIN, *extra], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def _to_plain(definition: Definition) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": definition.name,
        "type": definition.db_type,
        "host": definition.host,
        "port": definition.port,
        "user": definition.user,
        "database": definition.database,
        "options": dict(definition.options),
        "labels": dict(definition.labels),
        "exclude": dict(definition.excluded),
        "vanish_limit": definition.vanish_limit if definition.vanish_limit != USUAL_LIMIT else None,
        "password_env": definition.password_env,
        "password_file": str(definition.password_file) if definition.password_file else None,
        "password_command": shlex.join(definition.password_command) or None,
    }
    return {name: value for name, value in values.items() if value not in (None, {})}
