"""Keeps the secrets of credentials: encrypted, or as a reference that is read when it is needed.

A reference to a command is encrypted as a secret is: who can only write into the ledger can't have a command run.
"""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.bindings import Binding
from whalefall_pipeline.ledger.keys import SET_AGAIN, KeyRing
from whalefall_pipeline.ledger.secret_commands import read_output

BOUND, COMMAND = "\0bound:", "\0command:"
"""Begin what is encrypted of a bound secret, and of a command. No password has them, so that none is taken for it."""
MAX_BYTES = 65_536
"""Of a file with a secret; whatever is longer is another file."""
REFERENCES = ("env", "file")
ENCRYPTED, EXEC = "fernet", "exec"
FORMS = (ENCRYPTED, "env", "file", EXEC)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, and what was encrypted with it: the server that it is for. A reference has no binding in itself."""

    text: str = field(repr=False)
    binding: Binding | None = None


def is_reference(stored: str) -> bool:
    """Return whether a stored form names where the secret is for everybody to read, rather than holding it."""
    return stored.partition(":")[0] in REFERENCES


class SecretStore:
    """Encrypts and resolves secrets with the keys of a home, or a given one; see `KeyRing`."""

    def __init__(self, home: Path, key: str | None = None) -> None:
        self.keys = KeyRing(home, key)

    def encrypt(self, secret: str, binding: Binding | None = None) -> str:
        """Return the stored form of a secret; without a binding, its first use gives it one."""
        if secret.startswith("\0"):
            raise InvalidInstanceError("a secret can't begin with a character 0")
        text = BOUND + json.dumps({"secret": secret, "to": binding.to_json()}) if binding else secret
        return self._seal(ENCRYPTED, text)

    def encrypt_command(self, words: Sequence[str], binding: Binding | None = None) -> str:
        """Return the stored form of a command that prints the secret."""
        to = binding.to_json() if binding else None
        return self._seal(EXEC, COMMAND + json.dumps({"command": list(words), "to": to}))

    def bind(self, stored: str, binding: Binding) -> str:
        """Return a stored form again, bound to a server; a reference stays as it is, its binding stands beside it."""
        if is_reference(stored):
            return stored
        if words := self.find_command(stored):
            return self.encrypt_command(words, binding)
        return self.encrypt(self.open(stored).text, binding)

    def resolve(self, stored: str) -> str:
        """Return the secret that a stored form stands for. Raises InvalidInstanceError with what to do."""
        return self.open(stored).text

    def open(self, stored: str) -> Secret:
        """Return the secret that a stored form stands for, and what it is bound to.

        Raises InvalidInstanceError with what to do.
        """
        kind, _, value = stored.partition(":")
        if kind == "env":
            if value not in os.environ:
                raise InvalidInstanceError(f"the environment variable {value} is not set where the sync runs")
            return Secret(os.environ[value])
        if kind == "file":
            return Secret(_read_file(Path(value)))
        if words := self.find_command(stored):
            return Secret(read_output(words), self.find_binding(stored))
        text = self._unseal(stored)
        if not text.startswith(BOUND):
            return Secret(text)
        bound = json.loads(text.removeprefix(BOUND))
        return Secret(bound["secret"], _to_binding(bound))

    def find_binding(self, stored: str) -> Binding | None:
        """Return what a stored form is bound to in itself; nothing is run or read for it."""
        text = "" if is_reference(stored) else self._unseal(stored)
        if not text.startswith((BOUND, COMMAND)):
            return None
        return _to_binding(json.loads(text.partition(":")[2]))

    def find_command(self, stored: str) -> list[str]:
        """Return the words of the command that a stored form stands for; empty for another form."""
        if not stored.startswith(f"{EXEC}:"):
            return []
        return json.loads(self._unseal(stored).removeprefix(COMMAND))["command"]

    def encrypt_again(self, stored: str) -> str:
        """Return a stored form encrypted with the first key; one that holds nothing encrypted stays as it is."""
        kind, _, value = stored.partition(":")
        return stored if is_reference(stored) else f"{kind}:{self._decrypt(value, again=True)}"

    @property
    def digest_key(self) -> bytes:
        """A key of its own for digests that stand for values which may be secrets; empty while there is no key.

        It is derived from the store's, which is not in the ledger: who reads the ledger can't try values.
        """
        return self.keys.read_digest_key()

    def _seal(self, kind: str, text: str) -> str:
        return f"{kind}:{self.keys.read(create=True).fernet.encrypt(text.encode()).decode()}"

    def _unseal(self, stored: str) -> str:
        """Return what is encrypted in a stored form, which is of the kind that it says."""
        kind, _, value = stored.partition(":")
        if kind not in (ENCRYPTED, EXEC):
            raise InvalidInstanceError(f"the credential's secret has no known form ({':, '.join(FORMS)}:)")
        text = self._decrypt(value)
        if text.startswith(COMMAND) != (kind == EXEC):
            raise InvalidInstanceError(
                "the credential's secret was stored in another form; somebody changed the ledger"
            )
        return text

    def _decrypt(self, value: str, *, again: bool = False) -> str:
        """Return a text, or with `again` what the first key makes of it."""
        keys = self.keys.read()
        try:
            return (keys.fernet.rotate if again else keys.fernet.decrypt)(value.encode()).decode()
        except InvalidToken:
            raise InvalidInstanceError(
                f"the credential was encrypted with another WHALEFALL_SECRET_KEY; set that one, or {SET_AGAIN}"
            ) from None


def _to_binding(bound: Mapping[str, Any]) -> Binding | None:
    return Binding.from_json(bound["to"]) if bound["to"] else None


def _read_file(path: Path) -> str:
    """Return a file's text without its last line break; only of a plain file: a pipe or a device may never end."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInstanceError(f"the credential's file {path} is no plain file")
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InvalidInstanceError(f"the credential's file {path} is longer than {MAX_BYTES} bytes")
        return content.decode().rstrip("\r\n")
    except OSError as error:
        raise InvalidInstanceError(f"the credential's file {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInstanceError(f"the credential's file {path} is no UTF-8 text") from None
