"""`whalefall instances`: what is registered, what is refused and why, and that secrets go nowhere."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter

ADD = ("instances", "add", "shop", "--type", "postgresql", "--host", "127.0.0.1", "--user", "collector")
SECRET = "S3cret-of-the-test"


def test_add_list_remove_and_back_again(whalefall: Run, ledger: Engine) -> None:
    added = whalefall(*ADD, "--option", "sslmode=require", "--vanish-limit", "30", answer=f"{SECRET}\n")
    assert added.returncode == 0, added.stderr
    (row,) = read(ledger, "select * from instances")
    assert (row["port"], row["options"], row["vanish_limit_percent"]) == (5432, {"sslmode": "require"}, 30)
    (credential,) = read(ledger, "select * from credentials")
    assert credential["secret"].startswith("fernet:")
    assert SECRET not in added.stdout + added.stderr + str(credential)
    listed = json.loads(whalefall("instances", "list", "--format", "json").stdout)
    assert [item["name"] for item in listed] == ["shop"]
    assert whalefall("instances", "remove", "shop").returncode == 0
    assert json.loads(whalefall("instances", "list", "--format", "json").stdout) == []
    assert whalefall(*ADD, answer=f"{SECRET}\n").returncode == 0
    (again,) = read(ledger, "select * from instances")
    assert (again["id"], again["is_active"], again["deleted_at"]) == (row["id"], True, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--type", "dbase"), "unknown database type 'dbase'; known are mysql, oracle, postgresql, sqlserver"),
        (("--option", "sslmode"), "--option takes KEY=VALUE, not 'sslmode'"),
        (("--password-env", "NOT_SET"), "the environment variable NOT_SET is not set"),
        (("--password-file", "missing"), "the file missing can't be read"),
        (("--password-env", "HOME", "--password-file", "missing"), "not more than one"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    whalefall: Run, ledger: Engine, words: tuple[str, ...], said: str
) -> None:
    refused = whalefall(*ADD, *words)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert read(ledger, "select from instances") == []


@pytest.mark.parametrize(
    ("db_type", "option", "named"),
    [
        ("postgresql", "sslmod=require", "sslmod"),
        ("postgresql", "sslmode=always", "sslmode"),
        ("mysql", "ssl=on", "ssl"),
        ("sqlserver", "encrypt=maybe", "encrypt"),
        ("oracle", "service=hr", "service"),
        ("oracle", "protocol=udp", "protocol"),
    ],
)
def test_options_are_checked_before_anything_is_asked_or_stored(
    whalefall: Run, ledger: Engine, db_type: str, option: str, named: str
) -> None:
    refused = whalefall(*ADD, "--type", db_type, "--option", option)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("whalefall: shop: ")
    assert named in refused.stderr
    assert read(ledger, "select from instances") == []


def test_a_name_that_is_taken_is_refused(whalefall: Run) -> None:
    assert whalefall(*ADD, answer="x\n").returncode == 0
    refused = whalefall(*ADD, "--password-env", "HOME")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "an instance named shop is registered already" in refused.stderr


def test_import_takes_all_or_none(whalefall: Run, ledger: Engine, tmp_path: Path) -> None:
    good = """
instances:
  - {name: one, type: postgresql, host: db1, user: audit, password_env: SECRET, options: {sslmode: require}}
  - {name: two, type: mysql, host: db2, port: 3307, user: audit, password_file: two.secret}
"""
    (tmp_path / "two.secret").write_text("x")
    (tmp_path / "fleet.yaml").write_text(good)
    imported = whalefall("instances", "import", "fleet.yaml", variables={"SECRET": SECRET})
    assert imported.returncode == 0, imported.stderr
    rows = read(ledger, "select name, db_type, port from instances order by name")
    assert [tuple(row.values()) for row in rows] == [("one", "postgresql", 5432), ("two", "mysql", 3307)]
    (tmp_path / "more.yaml").write_text(good.replace("one", "three").replace("name: two", "name: one"))
    refused = whalefall("instances", "import", "more.yaml", variables={"SECRET": SECRET})
    assert refused.returncode == 2
    assert len(read(ledger, "select from instances")) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("instances: [{name: x}]", "instances.0.type: Field required"),
        ("instances: [{name: x, type: mysql, host: h, user: u, passwort: p}]", "instances.0.passwort"),
        ("instances: [{name: x, type: mysql, host: h, user: u}]", "name its secret by password_env or password_file"),
        ("{", "is not YAML"),
        ("a list: 1", "instances: Field required"),
    ],
)
def test_a_file_with_a_mistake_says_where(whalefall: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    refused = whalefall("instances", "import", "fleet.yaml")
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_check_says_version_and_what_can_be_seen(whalefall: Run, ledger_server: PostgresqlServer) -> None:
    server = ledger_server
    words = ("--type", "postgresql", "--host", server.host, "--user", server.superuser, "--password-env", "SECRET")
    variables = {"SECRET": server.password, "WRONG": "wrong"}
    whalefall("instances", "add", "good", *words, "--port", str(server.port), variables=variables)
    whalefall("instances", "add", "wrong", *words[:-1], "WRONG", "--port", str(server.port), variables=variables)
    whalefall("instances", "add", "closed", *words, "--port", "1", variables=variables)
    checked = whalefall("instances", "check", "--format", "json", variables=variables)
    assert checked.returncode == 1
    rows = {row["instance"]: row for row in json.loads(checked.stdout) if row["scope"] == "connection"}
    assert rows["good"]["note"].startswith("PostgreSQL 18")
    assert {name: row["status"] for name, row in rows.items()} == {
        "good": "readable",
        "wrong": "failed",
        "closed": "failed",
    }
    assert "password" in rows["wrong"]["note"]
    (tls,) = (row for row in json.loads(checked.stdout) if row["scope"] == "tls")
    assert (tls["instance"], tls["status"]) == ("good", "readable")
    assert "the connection is not encrypted" in tls["note"]
    assert "tls=verify-full" in tls["note"]
    assert server.password not in checked.stdout + checked.stderr
    whalefall("instances", "exclude", "good", "--database", "template1", "--reason", "a template")
    checked = whalefall("instances", "check", "good", "--format", "json", variables=variables)
    assert checked.returncode == 0
    statuses = {row["scope"]: (row["status"], row["note"]) for row in json.loads(checked.stdout)}
    assert statuses["database:template1"] == ("excluded", "a template")


def test_check_says_that_a_version_is_too_old(
    whalefall: Run, ledger_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ledger_server
    words = ("--type", "postgresql", "--host", server.host, "--user", server.superuser, "--password-env", "SECRET")
    variables = {"SECRET": server.password}
    whalefall("instances", "add", "old", *words, "--port", str(server.port), variables=variables)
    monkeypatch.setattr(PostgresqlAdapter, "oldest", (99,))  # since no server that tests can have is too old
    checked = whalefall("instances", "check", "old", "--format", "json", variables=variables)
    assert checked.returncode == 1
    first, *_ = json.loads(checked.stdout)
    assert (first["scope"], first["status"]) == ("connection", "too old")
    assert first["note"].endswith(": 99 and later can be read")


@pytest.mark.parametrize("db_type", ["postgresql", "mysql", "mariadb", "sqlserver", "oracle"])
def test_the_script_for_a_login_says_above_each_line_what_it_opens(whalefall: Run, db_type: str) -> None:
    printed = whalefall("instances", "grants", "--type", db_type, "--user", "reader")
    assert (printed.returncode, printed.stderr) == (0, "")
    lines = printed.stdout.splitlines()
    assert len(lines) % 2 == 0
    assert all(line.startswith("-- ") for line in lines[::2])
    assert all("reader" in line.lower() for line in lines[1::2])
    assert not any(line.startswith("-- ") and line.endswith(";") for line in lines)


def test_a_ledger_that_is_away_or_empty_is_one_line(
    whalefall: Run, ledger_url: str, ledger_server: PostgresqlServer
) -> None:
    database = ledger_url.rpartition("/")[0]
    empty = whalefall("accounts", variables={"WHALEFALL_DATABASE_URL": f"{database}/postgres"})
    assert (empty.returncode, "whalefall db upgrade" in empty.stderr) == (2, True)
    away = ledger_url.replace(f":{ledger_server.port}/", ":1/")
    lost = whalefall("accounts", variables={"WHALEFALL_DATABASE_URL": away})
    assert (lost.returncode, lost.stderr.count("\n")) == (2, 1)
    assert "can't be reached" in lost.stderr
    assert ledger_server.password not in lost.stderr


def test_upgrade_makes_the_tables(whalefall: Run, ledger: Engine, ledger_url: str) -> None:
    with ledger.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("drop schema public cascade; create schema public")
    assert whalefall("accounts").returncode == 2
    assert whalefall("db", "upgrade").returncode == 0
    assert whalefall("accounts").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync",), "say which instances to sync"),
        (("sync", "--all", "--local"), "no instance is active; register one with: whalefall instances add"),
        (("sync", "nope", "--local"), "no instance is active"),
        (("sync", "--retry", "nope"), "there is no session nope"),
        (("sessions", "nope"), "there is no session nope"),
        (("changes", "--since", "yesterday"), "'yesterday' is no moment"),
        (("show", "nope", "nobody"), "no instance is named nope"),
        (("script", "nope"), "no instance is named nope"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_wrong_use_says_what_to_do(whalefall: Run, words: tuple[str, ...], said: str) -> None:
    refused = whalefall(*words)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
