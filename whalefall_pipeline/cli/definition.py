"""What a user says of an instance, on the command line or in a YAML file, checked before anything is stored."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.labels import check_labels
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.exclusions import check_exclusions
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.text import is_visible

if TYPE_CHECKING:
    from whalefall_pipeline.ledger.secrets import SecretStore

LONGEST = 200
"""Characters of a name; it is a partition's key, a tag's value and a part of addresses."""
LONGEST_HOST = 255
REFUSED = "..."
"""Dagster takes it for a range of partitions, and refuses it in a key."""
OTHER_NAMES = {"mariadb": "mysql", "postgres": "postgresql", "mssql": "sqlserver"}


@dataclass(frozen=True, slots=True)
class Definition:
    """An instance as its user describes it; `password_…` names where the secret is kept."""

    name: str
    db_type: str
    host: str
    port: int | None
    user: str
    database: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    vanish_limit: int = 50
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    password_env: str | None = None
    password_file: Path | None = None
    password_command: Sequence[str] = ()
    excluded: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def has_reference(self) -> bool:
        """Whether the secret is named by a reference."""
        return bool(self.password_env or self.password_file or self.password_command)

    def to_instance(self) -> Instance:
        """Return the instance, still without an id. Raises InvalidInstanceError for what is not usable of it."""
        db_type = OTHER_NAMES.get(self.db_type, self.db_type)
        engine = ADAPTERS.get(db_type)
        if engine is None:
            known = ", ".join(sorted(ADAPTERS))
            raise InvalidInstanceError(f"unknown database type {self.db_type!r}; known are {known}")
        self._check_texts()
        check_labels(self.labels)
        try:
            engine.check_options(self.options)
            check_exclusions(self.excluded, self.database or engine.home)
        except InvalidInstanceError as error:
            raise InvalidInstanceError(f"{self.name}: {error}") from None
        return Instance(
            id=0,
            name=self.name,
            db_type=db_type,
            host=self.host,
            port=self.port or engine.default_port,
            database=self.database,
            options=self.options,
            vanish_limit_percent=self.vanish_limit,
            labels=self.labels,
            excluded=self.excluded,
        )

    def check_secret_source(self) -> None:
        """Raise InvalidInstanceError when the secret's reference is no use now."""
        if sum(map(bool, (self.password_env, self.password_file, self.password_command))) > 1:
            names = "--password-env, --password-file or --password-command"
            raise InvalidInstanceError(f"{self.name}: give {names}, not more than one")
        if self.password_command:
            self._check_command()
        if self.password_env and self.password_env not in os.environ:
            raise InvalidInstanceError(f"{self.name}: the environment variable {self.password_env} is not set")
        if self.password_file and "\0" in str(self.password_file):
            raise InvalidInstanceError(f"{self.name}: {str(self.password_file)!r} is no file's name")
        if self.password_file and not os.access(self.password_file, os.R_OK):
            raise InvalidInstanceError(f"{self.name}: the file {self.password_file} can't be read")
        if self.password_file and not self.password_file.is_file():
            raise InvalidInstanceError(f"{self.name}: {self.password_file} is no regular file")

    def _check_command(self) -> None:
        words = self.password_command
        if any("\0" in word for word in words) or shutil.which(words[0]) is None:
            raise InvalidInstanceError(f"{self.name}: {words[0]!r} is no command that can be run here")

    def build_reference(self, store: "SecretStore") -> str:
        """Return the stored form of the secret's reference; a command is encrypted, so that nobody can slip one in."""
        if self.password_command:
            return store.encrypt_command(self.password_command)
        return f"env:{self.password_env}" if self.password_env else f"file:{(self.password_file or Path()).absolute()}"

    def _check_texts(self) -> None:
        host = self.host
        if not host or len(host) > LONGEST_HOST or host.split() != [host] or not is_visible(host):
            raise InvalidInstanceError(f"{self.name}: {host!r} is no host; write a name or an address")
        if self.user != self.user.strip() or not is_visible(self.user):
            raise InvalidInstanceError(f"{self.name}: {self.user!r} is no login's name")
        for what, text in (("database", self.database or ""), *self.options.items()):
            if not is_visible(text):
                raise InvalidInstanceError(f"{self.name}: {what} {text!r} holds characters that can't be seen")


def to_words(command: str) -> list[str]:
    """Part a command into words as a shell does, which will not run it. Raises InvalidInstanceError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInstanceError(f"the command for the password can't be parted into words: {error}") from None
    if not words:
        raise InvalidInstanceError("the command for the password is empty; write a command and its words")
    return words


def check_name(name: str) -> None:
    """Raise InvalidInstanceError for a name that no new instance may have.

    It is typed in shells, read in tables, and is a partition's key in Dagster.
    """
    reason = None
    if not name.strip():
        reason = "it is empty"
    elif len(name) > LONGEST:
        reason = f"it has {len(name)} characters; {LONGEST} are the most"
    elif not is_visible(name):
        reason = "it holds line breaks or other characters that can't be seen"
    elif name != name.strip():
        reason = "it has spaces around it"
    elif REFUSED in name:
        reason = f"Dagster takes {REFUSED} for a range of partitions"
    elif name.startswith("-"):
        reason = "a command would take it for an option"
    if reason:
        raise InvalidInstanceError(f"{name[:LONGEST]!r} can't be an instance's name: {reason}")
