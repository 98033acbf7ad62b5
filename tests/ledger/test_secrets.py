"""How secrets are kept and found again; what can't be resolved says what to do, and never the secret."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.keys import KEY_FILE
from whalefall_pipeline.ledger.secrets import MAX_BYTES, SecretStore

SECRET = "hush: ü%'\""


def test_a_secret_comes_back_and_its_key_is_private(tmp_path: Path) -> None:
    stored = SecretStore(tmp_path / "home").encrypt(SECRET)
    assert SECRET not in stored
    assert SecretStore(tmp_path / "home").resolve(stored) == SECRET
    assert stat.S_IMODE((tmp_path / "home" / KEY_FILE).stat().st_mode) == 0o600


def test_a_key_from_the_environment_writes_no_file(tmp_path: Path) -> None:
    store = SecretStore(tmp_path, Fernet.generate_key().decode())
    assert store.resolve(store.encrypt(SECRET)) == SECRET
    assert list(tmp_path.iterdir()) == []


def test_of_two_rotations_at_once_neither_takes_the_key_that_the_other_encrypts_with(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    stored = store.encrypt(SECRET)
    first = store.keys.begin_rotation()
    stored = store.encrypt_again(stored)
    second = store.keys.begin_rotation()
    store.keys.end_rotation(first)
    stored = store.encrypt_again(stored)
    store.keys.end_rotation(second)
    store.keys.end_rotation(first)
    assert SecretStore(tmp_path).resolve(stored) == SECRET
    assert store.keys.read().entries == (second,)


def test_references_are_read_when_they_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SecretStore(tmp_path)
    monkeypatch.setenv("SHOP_PASSWORD", "first")
    (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
    assert store.resolve("env:SHOP_PASSWORD") == "first"
    monkeypatch.setenv("SHOP_PASSWORD", "second")
    assert store.resolve("env:SHOP_PASSWORD") == "second"
    assert store.resolve(f"file:{tmp_path / 'secret'}") == SECRET


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("env:NOT_SET", "NOT_SET is not set"),
        ("file:/no/such/file", "can't be read: No such file"),
        ("file:/dev/zero", "is no plain file"),
        ("file:/tmp", "can't be read: Is a directory|is no plain file"),
        ("plain text", "no known form"),
        ("fernet:abc", "secret.key is missing; set WHALEFALL_SECRET_KEY"),
    ],
)
def test_what_can_not_be_resolved_says_what_to_do(tmp_path: Path, stored: str, said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        SecretStore(tmp_path).resolve(stored)


def test_another_key_is_told_apart_from_a_bad_one(tmp_path: Path) -> None:
    stored = SecretStore(tmp_path, Fernet.generate_key().decode()).encrypt(SECRET)
    with pytest.raises(InvalidInstanceError, match="encrypted with another"):
        SecretStore(tmp_path, Fernet.generate_key().decode()).resolve(stored)
    with pytest.raises(InvalidInstanceError, match="is no Fernet key"):
        SecretStore(tmp_path, "too short").encrypt(SECRET)


def test_a_file_that_never_ends_or_is_no_text_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, said in (("pipe", "is no plain file"), ("long", "is longer than"), ("bytes", "is no UTF-8 text")):
        with pytest.raises(InvalidInstanceError, match=said):
            SecretStore(tmp_path).resolve(f"file:{tmp_path / name}")


def test_digests_have_a_key_of_their_own_once_there_is_a_key(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    assert store.digest_key == b""
    store.encrypt("hush")
    assert store.digest_key == SecretStore(tmp_path).digest_key != b""
    assert store.digest_key not in (tmp_path / "secret.key").read_bytes()
