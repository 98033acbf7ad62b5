"""Keeps the secrets of credentials: encrypted, or as a reference that is read when it is needed."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from whalefall_pipeline.core.errors import InvalidInstanceError

KEY_FILE = "secret.key"


class SecretStore:
    """Encrypts and resolves secrets with one Fernet key; the key is read when it is first needed.

    `key` wins over the file `secret.key` in `home`, which is made, with mode 600, when a secret is first encrypted.
    """

    def __init__(self, home: Path, key: str | None = None) -> None:
        self._path = home / KEY_FILE
        self._key = key

    def encrypt(self, secret: str) -> str:
        """Give the stored form of a secret."""
        return f"fernet:{self._fernet(create=True).encrypt(secret.encode()).decode()}"

    def resolve(self, stored: str) -> str:
        """Give the secret that a stored form stands for. Raises InvalidInstanceError with what to do."""
        kind, _, value = stored.partition(":")
        if kind == "env":
            if value not in os.environ:
                raise InvalidInstanceError(f"the environment variable {value} is not set where the sync runs")
            return os.environ[value]
        if kind == "file":
            return _read_file(Path(value))
        if kind != "fernet":
            raise InvalidInstanceError("the credential's secret has no known form (fernet:, env: or file:)")
        try:
            return self._fernet(create=False).decrypt(value.encode()).decode()
        except InvalidToken:
            raise InvalidInstanceError("the credential was encrypted with another WHALEFALL_SECRET_KEY") from None

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
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise InvalidInstanceError(f"the credential's file {path} can't be read: {error.strerror}") from None
