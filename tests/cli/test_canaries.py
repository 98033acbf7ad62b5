"""Secrets are planted wherever one can be given, every kind of error is made, and no trace of one is left anywhere."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.cli.conftest import Run
from tests.ledger.rows import read
from tests.servers.hostile import Peer, start_hostile, to_message
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.keys import KEY_FILE
from whalefall_pipeline.ledger.secrets import SecretStore

KINDS = ("stored", "env", "file", "command")
CANARIES = {kind: f"canary-of-{kind}-0123456789" for kind in KINDS}
ALERTS = "canary-of-alerts-0123456789"
WITNESS = """\
#!{python}
import os, pathlib
here = pathlib.Path({folder!r})
lines = []
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        if {home!r}.encode() in path.with_name("environ").read_bytes():  # other tests' programs are their own matter
            lines.append(path.read_bytes())
    except OSError:
        pass
(here / "processes").write_bytes(b"\\n".join(lines))
(here / "environment").write_text("\\n".join(f"{{name}}={{value}}" for name, value in os.environ.items()))
os.write(2, {secret!r}.encode())
print({secret!r})
"""


def repeat(peer: Peer) -> None:
    """Say that there is no TLS, and refuse the login with its own password, which this server knows somehow."""
    peer.receive()
    peer.send(b"N")
    peer.receive()
    (secret,) = (secret for kind, secret in CANARIES.items() if f"user-{kind}".encode() in peer.heard)
    peer.send(to_message(b"E", f"SFATAL\0VFATAL\0C28P01\0Mno: {secret} {secret}\0\0".encode()))


def register(ledger: Engine, store: SecretStore, folder: Path, ports: dict[str, int]) -> None:
    """Register an instance for each kind of secret and each port."""
    script = folder / "witness"
    script.write_text(
        WITNESS.format(
            python=sys.executable,
            folder=str(folder),
            secret=CANARIES["command"],
            home=f"WHALEFALL_HOME={folder.parent}/",
        )
    )
    script.chmod(0o755)
    (folder / "password").write_text(CANARIES["file"])
    stored = {
        "stored": store.encrypt(CANARIES["stored"]),
        "env": "env:CANARY",
        "file": f"file:{folder / 'password'}",
        "command": store.encrypt_command([str(script)]),
    }
    with ledger.connect() as connection, transaction(connection):
        for where, port in ports.items():
            for kind, secret in stored.items():
                instance = Instance(0, f"{kind}-{where}", "postgresql", "127.0.0.1", port)
                write_instance(connection, instance, username=f"user-{kind}", secret=secret, store=store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir()
    return made


def test_no_secret_is_left_anywhere(
    whalefall: Run, ledger: Engine, environment: dict[str, str], ledger_server: PostgresqlServer, folder: Path
) -> None:
    home = Path(environment["WHALEFALL_HOME"])
    home.mkdir()
    store = SecretStore(home)
    variables = {"CANARY": CANARIES["env"], "WHALEFALL_ALERT_URLS": f"json://127.0.0.1:1/{ALERTS}"}
    with start_hostile(repeat) as hostile:
        ports = {"refused": ledger_server.port, "closed": 1, "hostile": hostile.port}
        register(ledger, store, folder, ports)
        with ledger.begin() as connection:
            connection.execute(text("update credentials set secret = 'fernet:x' where name = 'stored-closed'"))
            connection.execute(text("update credentials set secret = 'env:NOT_SET' where name = 'env-closed'"))
        said = [
            whalefall("instances", "check", variables=variables),
            whalefall("instances", "list", variables=variables),
            whalefall("credentials", "list", variables=variables),
            whalefall("sync", "--local", "--all", variables=variables),
            whalefall("sessions", variables=variables),
            whalefall("alerts", "send", variables=variables),
            whalefall("alerts", "test", variables=variables),
            whalefall("report", "--to", "report", variables=variables),
        ]
    assert [done.returncode for done in said[:1]] == [1]
    failed = read(ledger, "select error_code from sync_instance_records where status = 'failed'")
    assert len(failed) == len(KINDS) * len(ports)
    assert {str(row["error_code"]) for row in failed} == {"DATABASE_CONNECTION_ERROR", "VALIDATION_ERROR"}

    key = (home / KEY_FILE).read_text()
    secrets = {**CANARIES, "alerts": ALERTS, "key": key, "ledger": ledger_server.password}
    places = {f"output {number}": done.stdout + done.stderr for number, done in enumerate(said)}
    places |= read_tables(ledger) | read_files(folder.parent, without={folder / "password", folder / "witness"})
    del places[str(home / KEY_FILE)]
    for name in ("processes", "environment"):
        assert str(folder / name) in places
    leaks = {(kind, place) for kind, secret in secrets.items() for place, text in places.items() if secret in text}
    # what a command is started with is its user's own environment, without ours
    leaks -= {("env", str(folder / "environment"))}
    assert leaks == set()
    assert "WHALEFALL_" not in places[str(folder / "environment")]
    assert Path(sys.executable).name in places[str(folder / "processes")]


def read_tables(ledger: Engine) -> dict[str, str]:
    """Return the rows of all tables, those of Dagster's storage too, as text."""
    names = read(ledger, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    tables = [str(row["relname"]) for row in names]
    assert {"event_logs", "runs", "credentials", "alert"} <= set(tables)
    return {
        f"table {name}": "\n".join(
            str(row["t"]) for row in read(ledger, f'select to_jsonb(t)::text as t from "{name}" t')
        )
        for name in tables
    }


def read_files(folder: Path, without: set[Path]) -> dict[str, str]:
    """Return what the files of a folder hold, whatever it is."""
    found = (path for path in folder.rglob("*") if path.is_file() and path not in without)
    return {str(path): path.read_bytes().decode("latin-1") for path in found}
