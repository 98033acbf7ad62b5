"""The keys of the credentials: the first encrypts, all decrypt, so that a new one can take the place of an old one.

They come from WHALEFALL_SECRET_KEY, parted by commas, or stand in the file `secret.key` of the home, one a line.
"""

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.system import write_private

KEY_FILE = "secret.key"
DIGEST = "digest:"
"""Begins the entry with the key of digests, where that is no longer made from a key that is still there."""
SET_AGAIN = "give the secret again: whalefall credentials set INSTANCE"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of Fernet, the one that encrypts first, and the key of digests."""

    fernet: MultiFernet
    entries: tuple[str, ...]
    digest_key: bytes

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Read keys parted by commas or blanks. Raise InvalidInstanceError for what is none."""
        found = [entry for entry in re.split(r"[,\s]+", text) if entry]
        entries = tuple(entry for entry in found if not entry.startswith(DIGEST))
        given = [entry.removeprefix(DIGEST) for entry in found if entry.startswith(DIGEST)]
        try:
            fernet = MultiFernet([Fernet(entry) for entry in entries])
            digest_key = bytes.fromhex(given[0]) if given else _to_digest_key(entries[-1])
        except (ValueError, IndexError):
            raise InvalidInstanceError(
                "WHALEFALL_SECRET_KEY is no Fernet key (32 bytes, base64); leave it unset to have one made"
            ) from None
        return cls(fernet, entries, digest_key)


class KeyRing:
    """Where the keys are; they are read each time, so that a rotation reaches processes that run already.

    `given` wins over the file in `home`, which is made, with mode 600, when a key is first needed.
    """

    def __init__(self, home: Path, given: str | None = None) -> None:
        self._path = home / KEY_FILE
        self._given = given

    @property
    def is_given(self) -> bool:
        """Whether the keys come from the environment, and can't be changed here."""
        return bool(self._given)

    def read(self, *, create: bool = False) -> Keys:
        """Return the keys. Raise InvalidInstanceError where there are none and none is to be made."""
        if self._given:
            return Keys.parse(self._given)
        if not self._path.exists():
            if not create:
                raise InvalidInstanceError(
                    f"the key {self._path} is missing; set WHALEFALL_SECRET_KEY to the one in use, or {SET_AGAIN}"
                )
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _create(self._path, Fernet.generate_key().decode())
        return Keys.parse(self._path.read_text())

    def read_digest_key(self) -> bytes:
        """Return the key of digests; empty while there is no key at all."""
        return self.read().digest_key if self._given or self._path.exists() else b""

    def begin_rotation(self) -> str:
        """Put a new key before those of the file, on disk before it is used, and return it; that of digests stays."""
        now = self.read()
        new = Fernet.generate_key().decode()
        self._replace([new, *now.entries, f"{DIGEST}{now.digest_key.hex()}"])
        return new

    def end_rotation(self, new: str) -> None:
        """Take the keys after `new` out of the file, once nothing is encrypted with them; a later rotation's stay."""
        now = self.read()
        if new in now.entries:
            kept = now.entries[: now.entries.index(new) + 1]
            self._replace([*kept, f"{DIGEST}{now.digest_key.hex()}"])

    def _replace(self, entries: list[str]) -> None:
        write_private(self._path, "\n".join(entries))


def _create(path: Path, key: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
        file.flush()
        os.fsync(descriptor)


def _to_digest_key(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=32, person=b"whalefall-digest").digest()
