"""A secret that a command prints: within limits, without a shell, and never in an error."""

import os
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from tests.ledger.rows import read
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.ledger.bindings import Binding
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances, read_login, write_instance
from whalefall_pipeline.ledger.secret_commands import MAX_BYTES, read_output
from whalefall_pipeline.ledger.secrets import SecretStore

SECRET = "S3cret ü of a command"
SHOP = Instance(0, "shop", "postgresql", "db1.example", 5432)


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(("import os, sys, time", *lines))]


def test_what_it_prints_is_the_secret() -> None:
    assert read_output(python(f"print({SECRET!r})")) == SECRET
    assert read_output(["printf", "%s", "two\nlines"]) == "two\nlines"


def test_there_is_no_shell(tmp_path: Path) -> None:
    words = ["printf", "%s ", "a b", "$HOME", "`id`", ";", "touch", str(tmp_path / "made"), "*", "'"]
    assert read_output(words) == " ".join(words[2:]) + " "
    assert list(tmp_path.iterdir()) == []


def test_it_is_given_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALEFALL_SECRET_KEY", SECRET)
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", f"postgresql://u:{SECRET}@h/d")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example")
    seen = read_output(python("print(dict(os.environ), os.read(0, 1), os.getsid(0) == os.getpid())"))
    assert "WHALEFALL" not in seen
    assert "https://vault.example" in seen
    assert seen.endswith("b'' True")


FAILING = {
    "fails": (python(f"print({SECRET!r}); print({SECRET!r}, file=sys.stderr); sys.exit(3)"), "ended with exit code 3"),
    "is killed": (python(f"print({SECRET!r}, flush=True); os.kill(os.getpid(), 9)"), "ended with exit code -9"),
    "prints nothing": (["true"], "prints nothing"),
    "prints a line break": (["echo"], "prints nothing"),
    "prints for ever": (["yes", SECRET], f"prints more than {MAX_BYTES} bytes"),
    "is no text": (["printf", r"\377"], "prints no UTF-8 text"),
    "is not there": (["/no/such/command", SECRET], "can't be run: No such file or directory"),
    "is no program": (["/dev/null", SECRET], "can't be run: Permission denied"),
    "has a zero": (["printf", "a\0b"], "can't be run: its words can't be a command's"),
}


@pytest.mark.parametrize("how", FAILING)
def test_what_goes_wrong_is_said_without_the_secret(how: str) -> None:
    words, said = FAILING[how]
    with pytest.raises(InvalidInstanceError, match=said) as raised:
        read_output(words)
    assert SECRET not in str(raised.value)
    assert words[0] in str(raised.value)


@pytest.mark.parametrize("closing", ["", "os.close(1)"])
def test_one_that_hangs_ends_with_all_that_it_started(tmp_path: Path, closing: str) -> None:
    """The grandchild holds the pipe open; it is gone when the file that it has locked can be locked."""
    os.mkfifo(tmp_path / "alive")
    reading = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    child = f"held = os.open({str(tmp_path / 'alive')!r}, os.O_WRONLY)"
    waiting = ("os.fork()", closing or "pass", "time.sleep(1000)")
    with pytest.raises(InvalidInstanceError, match=r"takes longer than 1\.5 s"):
        read_output(python(child, *waiting), seconds=1.5)
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""  # the end of the pipe: nobody has it open any more


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path)


def test_a_command_is_bound_as_a_secret_is(ledger: Engine, store: SecretStore, tmp_path: Path) -> None:
    """And is not run for a server that it is not for."""
    script = tmp_path / "print"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path / 'ran'}\necho '{SECRET}'\n")
    script.chmod(0o755)
    with ledger.connect() as connection, transaction(connection):
        stored = store.encrypt_command([str(script)])
        write_instance(connection, SHOP, username="collector", secret=stored, store=store)
    assert not (tmp_path / "ran").exists()
    assert use(ledger, store) == Login("collector", SECRET)
    with ledger.begin() as connection:
        connection.exec_driver_sql("update instances set host = 'evil.example'")
    with pytest.raises(InvalidInstanceError, match="is sent nowhere else"):
        use(ledger, store)
    assert (tmp_path / "ran").read_text().count("run") == 1
    with ledger.connect() as connection, transaction(connection):
        (shop,) = read_instances(connection, ["shop"])
        assert change_instance(connection, shop, store=store, named=["host"])
    assert use(ledger, store) == Login("collector", SECRET)
    (row,) = read(ledger, "select secret from credentials")
    stored = str(row["secret"])
    assert str(script) not in stored
    assert store.find_binding(stored) == Binding("postgresql", "evil.example", 5432)


def use(ledger: Engine, store: SecretStore) -> Login:
    with ledger.connect() as connection, transaction(connection):
        (instance,) = read_instances(connection, ["shop"])
        return read_login(connection, instance, store)


def test_who_writes_into_the_ledger_has_no_command_run(store: SecretStore) -> None:
    """Neither in clear, nor encrypted by another key, nor as a password that somebody had encrypted."""
    other = SecretStore(Path(), Fernet.generate_key().decode())
    password = store.encrypt('\\0command:{"command": ["true"], "to": null}')
    for forged in (
        'exec:["true"]',
        other.encrypt_command(["true"]),
        password.replace("fernet:", "exec:", 1),
        store.encrypt_command(["true"]).replace("exec:", "fernet:", 1),
    ):
        with pytest.raises(InvalidInstanceError, match=r"encrypted with another|stored in another form"):
            store.open(forged)
    with pytest.raises(InvalidInstanceError, match="can't begin with a character 0"):
        store.encrypt("\0command:{}")
