"""`whalefall credentials`: secrets given again, a key that is rotated, and one that is lost."""

import json
import os
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from tests.cli.conftest import Run
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.cli import rows
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.keys import KEY_FILE
from whalefall_pipeline.ledger.secrets import SecretStore

SECRETS = ("S3cret-of-one", "S3cret-of-two")


@pytest.fixture
def key(environment: dict[str, str]) -> Path:
    return Path(environment["WHALEFALL_HOME"]) / KEY_FILE


def add(ledger: Engine, store: SecretStore, name: str, secret: str, port: int = 5432) -> None:
    instance = Instance(0, name, "postgresql", "127.0.0.1", port)
    with ledger.connect() as connection, transaction(connection):
        write_instance(connection, instance, username="collector", secret=store.encrypt(secret), store=store)


def read_secrets(ledger: Engine, store: SecretStore) -> list[str]:
    rows = read(ledger, "select secret from credentials order by name")
    return [store.resolve(str(row["secret"])) for row in rows]


def list_statuses(whalefall: Run, **variables: str) -> dict[str, str]:
    listed = whalefall("credentials", "list", "--format", "json", variables=variables)
    rows = json.loads(listed.stdout)
    assert listed.returncode == int(any(row["status"] != "readable" for row in rows))
    return {row["instance"]: row["status"] for row in rows}


def test_a_rotation_leaves_nothing_to_the_old_key(whalefall: Run, ledger: Engine, key: Path) -> None:
    for name, secret in zip(("one", "two"), SECRETS, strict=True):
        add(ledger, SecretStore(key.parent), name, secret)
    whalefall("instances", "add", "ref", *["--type", "mysql", "--host", "h", "--user", "u", "--password-env", "HOME"])
    old, digest = key.read_text(), SecretStore(key.parent).digest_key
    rotated = whalefall("credentials", "rotate-key")
    assert (rotated.returncode, rotated.stderr) == (0, "")
    assert "2 secrets are encrypted with the new key" in rotated.stdout
    assert old not in key.read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    store = SecretStore(key.parent)
    assert read_secrets(ledger, store) == [SECRETS[0], os.environ["HOME"], SECRETS[1]]
    assert store.digest_key == digest  # else every value that is kept as a digest would look changed
    with pytest.raises(Exception, match="another WHALEFALL_SECRET_KEY"):
        read_secrets(ledger, SecretStore(Path(), old))
    assert set(list_statuses(whalefall).values()) == {"readable"}
    assert whalefall("credentials", "rotate-key").returncode == 0
    assert SecretStore(key.parent).digest_key == digest


def test_an_interrupted_rotation_is_gone_on_with(whalefall: Run, ledger: Engine, key: Path) -> None:
    """The ledger goes away when the new key stands in the file, and nothing is encrypted with it."""
    add(ledger, SecretStore(key.parent), "one", SECRETS[0])
    old = key.read_text()
    with ledger.begin() as connection:
        connection.execute(text("alter table credentials rename to away"))
    assert whalefall("credentials", "rotate-key").returncode == 2
    with ledger.begin() as connection:
        connection.execute(text("alter table away rename to credentials"))
    assert old in key.read_text()
    assert read_secrets(ledger, SecretStore(key.parent)) == [SECRETS[0]]
    assert whalefall("credentials", "rotate-key").returncode == 0
    assert old not in key.read_text()
    assert read_secrets(ledger, SecretStore(key.parent)) == [SECRETS[0]]


def test_a_key_of_the_environment_is_rotated_there(whalefall: Run, ledger: Engine, key: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    add(ledger, SecretStore(Path(), old), "one", SECRETS[0])
    refused = whalefall("credentials", "rotate-key", variables={"WHALEFALL_SECRET_KEY": old})
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "put a new key and a comma before it" in refused.stderr
    assert old not in refused.stderr
    rotated = whalefall("credentials", "rotate-key", variables={"WHALEFALL_SECRET_KEY": f"{new},{old}"})
    assert rotated.returncode == 0
    assert "take the old key out" in rotated.stdout
    assert read_secrets(ledger, SecretStore(Path(), new)) == [SECRETS[0]]
    assert not key.exists()


def test_a_lost_key_is_said_and_each_secret_can_be_given_anew(
    whalefall: Run, ledger: Engine, key: Path, ledger_server: PostgresqlServer
) -> None:
    server = ledger_server
    add(ledger, SecretStore(key.parent), "one", SECRETS[0], server.port)
    key.unlink()
    checked = whalefall("instances", "check", "one")
    assert checked.returncode == 1
    assert "secret.key is missing" in checked.stdout
    assert "whalefall credentials set" in checked.stdout
    assert list_statuses(whalefall) == {"one": "not readable"}
    assert whalefall("credentials", "rotate-key").returncode == 2

    words = ("--user", server.superuser, "--password-stdin")
    assert whalefall("credentials", "set", "one", *words, answer=f"{server.password}\n").returncode == 0
    assert list_statuses(whalefall) == {"one": "readable"}
    assert read_secrets(ledger, SecretStore(key.parent)) == [server.password]

    other = {"WHALEFALL_SECRET_KEY": Fernet.generate_key().decode()}
    assert "another WHALEFALL_SECRET_KEY" in whalefall("instances", "check", "one", variables=other).stdout
    kept = whalefall("credentials", "rotate-key", variables={"WHALEFALL_SECRET_KEY": other["WHALEFALL_SECRET_KEY"]})
    assert kept.returncode == 2
    two = {"WHALEFALL_SECRET_KEY": ",".join(Fernet.generate_key().decode() for _ in range(2))}
    partly = whalefall("credentials", "rotate-key", variables=two)
    assert partly.returncode == 1
    assert "no key here opens the secret of one" in partly.stderr
    assert read_secrets(ledger, SecretStore(key.parent)) == [server.password]


def test_a_command_gives_the_secret(whalefall: Run, tmp_path: Path, ledger_server: PostgresqlServer) -> None:
    server = ledger_server
    (tmp_path / "vault").write_text(server.password)
    (tmp_path / "fleet.yaml").write_text(
        json.dumps(
            {
                "instances": [
                    {"name": "good", "type": "postgresql", "host": server.host, "port": server.port,
                     "user": server.superuser, "password_command": ["cat", str(tmp_path / "vault")]},
                ]
            }
        )
    )  # fmt: skip
    first, again = (whalefall("instances", "import", "fleet.yaml") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), again.stderr
    assert again.stdout == "1 same\n"
    assert whalefall("instances", "check", "good").returncode == 0
    command = f"{sys.executable} -c 'import sys; sys.exit(\"{server.password}\")'"
    assert whalefall("credentials", "set", "good", "--password-command", command).returncode == 0
    checked = whalefall("instances", "check", "good")
    assert checked.returncode == 1
    assert "ended with exit code 1; run it yourself" in checked.stdout
    assert server.password not in checked.stdout + checked.stderr


def test_a_terminal_is_shown_every_row_that_was_looked_up(
    whalefall: Run, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is cut could be the one that the exit code is of; only --limit cuts."""
    with ledger.connect() as connection, transaction(connection):
        for name in ("one", "two", "three"):
            nowhere = Instance(0, name, "postgresql", "127.0.0.1", 1)
            write_instance(connection, nowhere, username="u", secret="env:HOME")
    monkeypatch.setattr(rows, "AT_MOST", 2)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "these are the first 2" in whalefall("instances", "list").stderr  # as all that the ledger has
    for words in (("credentials", "list"), ("instances", "check")):
        listed, cut = whalefall(*words), whalefall(*words, "--limit", "1")
        assert [name in listed.stdout for name in ("one", "two", "three")] == [True] * 3, words
        assert (cut.returncode, "these are the first 1" in cut.stderr) == (listed.returncode, True)
