"""Keeps the secrets of credentials: encrypted, or as a reference that is read when it is needed."""

import json
import os
import stat
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.bindings import Binding

KEY_FILE = "secret.key"
BOUND = "\0bound:"
"""Begins what is encrypted of a bound secret. No password has it, so that one form is never taken for the other."""
MAX_BYTES = 65_536
"""Of a file with a secret; whatever is longer is another file."""
REFERENCES = ("env", "file")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, and what was encrypted with it: the server that it is for. A reference has no binding in itself."""

    text: str = field(repr=False)
    binding: Binding | None = None


def is_reference(stored: str) -> bool:
    """Return whether a stored form names where the secret is, rather than holding it."""
    return stored.partition(":")[0] in REFERENCES


class SecretStore:
    """Encrypts and resolves secrets with one Fernet key; the key is read when it is first needed.

    `key` wins over the file `secret.key` in `home`, which is made, with mode 600, when a secret is first encrypted.
    """

    def __init__(self, home: Path, key: str | None = None) -> None:
        self._path = home / KEY_FILE
        self._key = key

    def encrypt(self, secret: str, binding: Binding | None = None) -> str:
        """Return the stored form of a secret; without a binding, its first use gives it one."""
        if secret.startswith(BOUND):
            raise InvalidInstanceError("a secret can't begin with a character 0")
        text = BOUND + json.dumps({"secret": secret, "to": binding.to_json()}) if binding else secret
        return f"fernet:{self._fernet(create=True).encrypt(text.encode()).decode()}"

    def bind(self, stored: str, binding: Binding) -> str:
        """Return a stored form anew, bound to a server; a reference stays as it is, its binding stands beside it."""
        return stored if is_reference(stored) else self.encrypt(self.open(stored).text, binding)

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
        if kind != "fernet":
            raise InvalidInstanceError("the credential's secret has no known form (fernet:, env: or file:)")
        try:
            text = self._fernet(create=False).decrypt(value.encode()).decode()
        except InvalidToken:
            raise InvalidInstanceError("the credential was encrypted with another WHALEFALL_SECRET_KEY") from None
        if not text.startswith(BOUND):
            return Secret(text)
        fields = json.loads(text.removeprefix(BOUND))
        return Secret(fields["secret"], Binding.from_json(fields["to"]))

    @property
    def digest_key(self) -> bytes:
        """A key of its own for digests that stand for values which may be secrets; empty while there is no key.

        It is derived from the store's, which is not in the ledger: who reads the ledger can't try values.
        """
        key = self._key or (self._path.read_text().strip() if self._path.exists() else "")
        return blake2b(key.encode(), digest_size=32, person=b"whalefall-digest").digest() if key else b""

    def _fernet(self, *, create: bool) -> Fernet:
        key = self._key or self._read_key(create=create)
        try:
            return Fernet(key)
        except ValueError:
            raise InvalidInstanceError(
                "WHALEFALL_SECRET_KEY is no Fernet key (32 bytes, base64); leave it unset to have one made"
            ) from None

    def _read_key(self, *, create: bool) -> str:
        if not self._path.exists():
            if not create:
                raise InvalidInstanceError(
                    f"the key {self._path} is missing; set WHALEFALL_SECRET_KEY to the one in use"
                )
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(Fernet.generate_key().decode())
        return self._path.read_text().strip()


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
