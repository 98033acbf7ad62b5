"""What a user says of an instance, on the command line or in a YAML file, checked before anything is stored."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance


@dataclass(frozen=True, slots=True)
class Definition:
    """An instance as its user describes it; `password_env` and `password_file` name where the secret is kept."""

    name: str
    db_type: str
    host: str
    port: int | None
    user: str
    database: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    vanish_limit: int = 50
    password_env: str | None = None
    password_file: Path | None = None

    @property
    def has_reference(self) -> bool:
        """Whether the secret is named by a reference."""
        return bool(self.password_env or self.password_file)

    def to_instance(self) -> Instance:
        """Give the instance, still without an id. Raises InvalidInstanceError for what is not usable of it."""
        adapter = ADAPTERS.get(self.db_type)
        if adapter is None:
            known = ", ".join(sorted(ADAPTERS))
            raise InvalidInstanceError(f"unknown database type {self.db_type!r}; known are {known}")
        if not self.name.strip() or self.name != self.name.strip() or not self.name.isprintable():
            raise InvalidInstanceError(
                "an instance's name is not empty, and has no spaces around it and no line breaks"
            )
        try:
            adapter.check_options(self.options)
        except InvalidInstanceError as error:
            raise InvalidInstanceError(f"{self.name}: {error}") from None
        return Instance(
            id=0,
            name=self.name,
            db_type=self.db_type,
            host=self.host,
            port=self.port or adapter.default_port,
            database=self.database,
            options=self.options,
            vanish_limit_percent=self.vanish_limit,
        )

    def check_secret_source(self) -> None:
        """Raise InvalidInstanceError when the secret's reference is no use now."""
        if self.password_env and self.password_file:
            raise InvalidInstanceError(f"{self.name}: give --password-env or --password-file, not both")
        if self.password_env and self.password_env not in os.environ:
            raise InvalidInstanceError(f"{self.name}: the environment variable {self.password_env} is not set")
        if self.password_file and not os.access(self.password_file, os.R_OK):
            raise InvalidInstanceError(f"{self.name}: the file {self.password_file} can't be read")

    def build_reference(self) -> str:
        """Give the stored form of the secret's reference."""
        return f"env:{self.password_env}" if self.password_env else f"file:{(self.password_file or Path()).absolute()}"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    type: str
    host: str
    port: int | None = Field(None, ge=1, le=65535)
    user: str
    database: str | None = None
    options: dict[str, str] = {}
    vanish_limit: int = Field(50, ge=0, le=100)
    password_env: str | None = None
    password_file: Path | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instances: list[_Entry]


def parse_definitions(path: Path) -> list[Definition]:
    """Read the definitions of a YAML file. Raises InvalidInstanceError with the place of the first mistake."""
    try:
        entries = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).instances
    except OSError as error:
        raise InvalidInstanceError(f"{path} can't be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InvalidInstanceError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInstanceError(f"{path}: {place}: {first['msg']}") from None
    return [_to_definition(entry, path) for entry in entries]


def _to_definition(entry: _Entry, path: Path) -> Definition:
    values = entry.model_dump()
    if entry.password_file:
        values["password_file"] = path.parent / entry.password_file
    return Definition(db_type=values.pop("type"), **values)
