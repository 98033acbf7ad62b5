"""Wrong input of every kind: one line that names the thing, exit code 2, no traceback, and nothing stored."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.ledger.rows import read

BASE = ("instances", "add", "shop", "--type", "postgresql", "--host", "db1", "--user", "u", "--password-env", "HOME")
LONG = "n" * 201
NO_UTF8, BYTES = "a\udcff", r"'a\udcff' holds bytes that are no UTF-8"
"""As Python has an argument that is not written in UTF-8."""

ADD: list[tuple[tuple[str, ...], str]] = [
    (("instances", "add"), "Missing"),
    (("instances", "add", "shop"), "Missing"),
    (("instances", "add", "", *BASE[3:]), "'' can't be an instance's name: it is empty"),
    (("instances", "add", "  ", *BASE[3:]), "it is empty"),
    (("instances", "add", " shop", *BASE[3:]), "it has spaces around it"),
    (("instances", "add", "shop ", *BASE[3:]), "it has spaces around it"),
    (("instances", "add", "a\nb", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\tb", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\x1b[2Jb", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\u202eb", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\u200bb", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\0b", *BASE[3:]), "can't be seen"),
    (("instances", "add", "a\udcffb", *BASE[3:]), "can't be seen"),
    (("instances", "add", LONG, *BASE[3:]), "it has 201 characters; 200 are the most"),
    (("instances", "add", "a...b", *BASE[3:]), "Dagster takes ... for a range"),
    (("instances", "add", *BASE[3:], "--", "-rf"), "a command would take it for an option"),
    ((*BASE, "--type", "dbase"), "unknown database type 'dbase'"),
    ((*BASE, "--type", ""), "unknown database type ''"),
    ((*BASE, "--host", ""), "'' is no host"),
    ((*BASE, "--host", "a b"), "'a b' is no host"),
    ((*BASE, "--host", "a\nb"), "is no host"),
    ((*BASE, "--host", "h" * 256), "is no host"),
    ((*BASE, "--user", ""), "--user is empty"),
    ((*BASE, "--user", "a\0b"), "is no login's name"),
    ((*BASE, "--user", " u"), "is no login's name"),
    ((*BASE, "--port", "0"), "--port"),
    ((*BASE, "--port", "65536"), "--port"),
    ((*BASE, "--port", "-1"), "--port"),
    ((*BASE, "--port", "x"), "--port"),
    ((*BASE, "--port", "1e3"), "--port"),
    ((*BASE, "--port", "9" * 5000), "--port"),
    ((*BASE, "--vanish-limit", "101"), "--vanish-limit"),
    ((*BASE, "--vanish-limit", "-1"), "--vanish-limit"),
    ((*BASE, "--database", "a\0b"), "can't be seen"),
    ((*BASE, "--option", "sslmode"), "--option takes KEY=VALUE, not 'sslmode'"),
    ((*BASE, "--option", "=require"), "--option takes KEY=VALUE"),
    ((*BASE, "--option", "nothing=1"), "nothing"),
    ((*BASE, "--option", "sslrootcert=a\0b"), "can't be seen"),
    (
        (*BASE, "--password-file", "missing"),
        "give --password-env, --password-file or --password-command, not more than one",
    ),
    ((*BASE, "--password-command", "true"), "not more than one"),
    ((*BASE[:-2], "--password-command", ""), "the command for the password is empty"),
    ((*BASE[:-2], "--password-command", "a 'b"), "can't be parted into words: No closing quotation"),
    ((*BASE[:-2], "--password-command", "no-such-command x"), "'no-such-command' is no command that can be run here"),
    ((*BASE[:-2], "--password-command", "."), "'.' is no command that can be run here"),
    ((*BASE, "--password-stdin"), "the password is given twice"),
    ((*BASE[:-2], "--password-env", "NOT_SET"), "the environment variable NOT_SET is not set"),
    ((*BASE[:-2], "--password-env", ""), "there is no terminal to ask for the password"),
    ((*BASE[:-2], "--password-file", "missing"), "the file missing can't be read"),
    ((*BASE[:-2], "--password-file", "."), "is no regular file"),
    ((*BASE[:-2], "--password-file", "/dev/zero"), "is no regular file"),
    ((*BASE[:-2], "--password-file", "a\0b"), "--password-file"),
    ((*BASE, "--unknown"), "No such option"),
    ((*BASE, "more"), "unexpected extra argument"),
]
OTHERS: list[tuple[tuple[str, ...], str]] = [
    (("nothing",), "No such command 'nothing'"),
    (("--nothing",), "No such option"),
    (("instances", "nothing"), "No such command"),
    (("instances", "change", "shop"), "nothing to change of shop"),
    (("instances", "change", "a\nb"), r"nothing to change of a\nb"),
    (("instances", "change", "nobody", "--port", "1"), "no instance is active"),
    (("instances", "change", "shop", "--host", ""), "neither --host nor --user can be empty"),
    (("instances", "change", "shop", "--option", "x"), "--option takes KEY=VALUE"),
    (("instances", "remove"), "Missing argument"),
    (("instances", "remove", "nobody"), "no active instance is named nobody"),
    (("instances", "check", "nobody"), "no instance is active"),
    (("instances", "grants"), "Missing option"),
    (("instances", "grants", "--type", "dbase"), "unknown database type 'dbase'"),
    (("instances", "grants", "--type", "mysql", "--version", "eight"), "--version 'eight' is no version"),
    (("instances", "grants", "--type", "mysql", "--version", "8..0"), "--version '8..0' is no version"),
    (("instances", "grants", "--type", "mysql", "--user", ""), "--user '' is no login's name"),
    (("instances", "grants", "--type", "postgresql", "--user", "a\nb"), r"--user 'a\nb' is no login's name"),
    (("instances", "grants", "--type", "mysql", "--user", "@host"), "write name or name@host"),
    (("instances", "grants", "--type", "oracle", "--user", 'a"b'), "is no name of a user"),
    (("instances", "list", "--format", "xml"), "--format"),
    (("instances", "list", "--limit", "-1"), "--limit"),
    (("instances", "import"), "Missing argument"),
    (("instances", "import", "missing.yaml"), "missing.yaml is no regular file"),
    (("instances", "import", "."), "is no regular file"),
    (("instances", "import", "/dev/zero"), "is no regular file"),
    (("credentials", "nothing"), "No such command"),
    (("credentials", "set"), "Missing argument"),
    (("credentials", "set", "nobody", "--password-env", "HOME"), "no instance is active"),
    (("credentials", "set", "nobody", "--password-env", "NOT_SET"), "no instance is active"),
    (("credentials", "set", "nobody", "--user", ""), "neither --host nor --user can be empty"),
    (("sync",), "say which instances to sync"),
    (("sync", "--all", "shop"), "say which instances to sync"),
    (("sync", "--all", "--local", "--no-wait"), "leave out --no-wait"),
    (("sync", "--retry", ""), "there is no session"),
    (("sync", "nobody"), "no instance is active"),
    (("db", "restore", "missing.dump"), "missing.dump is no file; name one that `whalefall db backup` wrote"),
    (("review", "show", "--name", "nothing"), "no review is named nothing; see: whalefall review list"),
    (("review", "close", "--name", "nothing"), "no review is named nothing"),
    (("sessions", "nothing"), "there is no session nothing"),
    (("sessions", ""), "there is no session"),
    (("sessions", "--limit", "x"), "--limit"),
    (("sessions", "--status", "odd"), "no session is 'odd'"),
    (("accounts", "--instance", "nowhere"), "no instance is named nowhere"),
    (("accounts", "--account", "nobody"), "no instance has an account 'nobody'"),
    (("show",), "Missing argument"),
    (("show", "nowhere"), "Missing argument"),
    (("show", "nowhere", "nobody"), "no instance is named nowhere"),
    (("changes", "--type", "drop"), "no change is of type 'drop'"),
    (("changes", "--since", "yesterday"), "'yesterday' is no moment"),
    (("changes", "--since", "2026-02-30"), "'2026-02-30' is no moment"),
    (("changes", "--since", "9999999999w"), "is no moment"),
    (("changes", "--since", "2999-01-01"), "is still to come"),
    (("changes", "--since", "1d", "--until", "2d"), "is not before --until"),
    (("who-has",), "Missing argument"),
    (("who-has", "ANY"), "ANY needs an object"),
    (("who-has", "SELECT", "ON"), "say: whalefall who-has"),
    (("who-has", "SELECT", "ON", "a", "b"), "say: whalefall who-has"),
    (("who-has", "SELECT", "ON", "a..b"), "'a..b' is no object"),
    (("who-has", "SELECT", "ON", ""), "'' is no object"),
    (("who-has", "SELEKT"), "no grant of 'SELEKT' is known"),
    (("script", "nowhere"), "no instance is named nowhere"),
    (("script", "nowhere", "--undo", "x"), "--undo"),
    (("db", "grants", "--prefix", ""), "--prefix '' is no begin of a role's name"),
    (("db", "grants", "--prefix", "a'b"), "is no begin of a role's name"),
    (("up", "--port", "x"), "--port"),
    (("up", "--port", "99999"), "--port"),
    (("up", "--port", "-1"), "--port"),
    (("metrics", "--to", "/"), "/ is no regular file"),
    (("metrics", "--to", ""), ". is no regular file"),
    (("metrics", "--to", ".."), ".. is no regular file"),
    (("accounts", "--instance", NO_UTF8), BYTES),
    (("accounts", "--account", NO_UTF8), BYTES),
    (("changes", "--account", NO_UTF8), BYTES),
    (("show", NO_UTF8, "ana"), BYTES),
    (("sessions", NO_UTF8), BYTES),
    (("sync", "--local", "--retry", NO_UTF8), BYTES),
    (("instances", "remove", NO_UTF8), BYTES),
    (("findings", "--instance", NO_UTF8), BYTES),
    (("what-can", NO_UTF8, "ana"), BYTES),
    (("who-can", "SELECT", "ON", "customers", "--instance", NO_UTF8), BYTES),
    (("review", "show", "--name", NO_UTF8), BYTES),
    (("script", NO_UTF8), BYTES),
    (("completion", "csh"), "csh"),
    (("completion",), "Missing argument"),
]
NO_NUMBERS = ("0", "-1", "x", "1.5", "nan", "1_0", "9" * 400, " ", "257")
NO_SECONDS = ("0", "-1", "x", "nan", "inf", "-inf", "1e300", "10s")
ENVIRONMENT: list[tuple[dict[str, str], str]] = [
    *(({"WHALEFALL_PARALLELISM": value}, "WHALEFALL_PARALLELISM is") for value in NO_NUMBERS),
    *(({"WHALEFALL_CONNECT_SECONDS": value}, "WHALEFALL_CONNECT_SECONDS is") for value in NO_SECONDS),
    ({"WHALEFALL_ATTEMPTS": "0"}, "WHALEFALL_ATTEMPTS is '0'"),
    ({"WHALEFALL_PARTITIONS_PER_RUN": "-5"}, "WHALEFALL_PARTITIONS_PER_RUN is '-5'"),
    ({"WHALEFALL_KEEP_RUNS_DAYS": "\x1b[2J"}, r"WHALEFALL_KEEP_RUNS_DAYS is '\\x1b[2J'"),
    ({"WHALEFALL_SCHEDULE": "every day"}, "WHALEFALL_SCHEDULE is 'every day'"),
    ({"WHALEFALL_HOME": "a\nb"}, "it must be a path"),
    ({"WHALEFALL_WEBSERVER_URL": "http://[::1"}, "WHALEFALL_WEBSERVER_URL is"),
    ({"WHALEFALL_WEBSERVER_URL": "localhost:3000"}, "WHALEFALL_WEBSERVER_URL is"),
    ({"WHALEFALL_WEBSERVER_URL": "http://h:99999"}, "WHALEFALL_WEBSERVER_URL is"),
    ({"WHALEFALL_DATABASE_URL": "postgresql://u:S3cret@h:port/d"}, "WHALEFALL_DATABASE_URL is not usable"),
    ({"WHALEFALL_DATABASE_URL": "mysql://u:S3cret@h/d"}, "WHALEFALL_DATABASE_URL is not usable"),
    ({"WHALEFALL_DATABASE_URL": "S3cret"}, "WHALEFALL_DATABASE_URL is not usable"),
    ({"WHALEFALL_DATABASE_URL": "postgresql://u:S3cret@h/d?nothing=1"}, "the ledger's URL is not usable"),
    ({"WHALEFALL_DAGSTER_URL": "postgresql://u:S3cret@[::1/d"}, "WHALEFALL_DAGSTER_URL is not usable"),
    ({"WHALEFALL_DATABASE_URL": "", "WHALEFALL_HOME": "/dev/null"}, "/dev/null has no ledger"),
    ({"WHALEFALL_DATABASE_URL": "", "WHALEFALL_HOME": "/proc/nothing"}, "/proc/nothing has no ledger"),
    ({"WHALEFALL_DATABASE_URL": "", "WHALEFALL_HOME": ""}, "there is no .whalefall here or above"),
]
ONE = "{name: one, type: mysql, host: h, user: u, password_env: HOME}"
FILES: list[tuple[bytes, str]] = [
    (b"", "has no list under `instances`"),
    (b"\x00\x01\xff\xfe", "is not YAML"),
    (b"\xff", "is not YAML"),
    (b"{", "is not YAML"),
    (b"- 1", "has no list under `instances`"),
    (b"text", "has no list under `instances`"),
    (b"other: 1", "instances: Field required"),
    (b"instances: 1", "instances: Input should be a valid list"),
    (b"instances: [1]", "instances.0"),
    (b"instances: [{name: x}]", "instances.0.type: Field required"),
    (b"instances: [{name: 1, type: mysql, host: h, user: u}]", "instances.0.name"),
    (b"instances: [{name: x, type: mysql, host: h, user: ''}]", "instances.0.user"),
    (b"instances: [{name: x, type: mysql, host: h, user: u, port: 0}]", "instances.0.port"),
    (b"instances: [{name: x, type: mysql, host: h, user: u, passwort: p}]", "instances.0.passwort"),
    (b"instances: [{name: x, type: mysql, host: h, user: u}]", "name its secret by password_env or password_file"),
    (
        b"instances: [{name: x, type: mysql, host: h, user: u, password_command: 'no-such x'}]",
        "'no-such' is no command",
    ),
    (b"instances: [{name: x, type: mysql, host: h, user: u, password_command: 7}]", "instances.0.password_command"),
    (b"instances: [{name: x, type: mysql, host: h, user: u, password_command: []}]", "name its secret by"),
    (b"instances: [{name: '', type: mysql, host: h, user: u, password_env: HOME}]", "it is empty"),
    (b'instances: [{name: "a\\nb", type: mysql, host: h, user: u, password_env: HOME}]', "can't be seen"),
    (b"instances: [{name: x, type: dbase, host: h, user: u, password_env: HOME}]", "unknown database type 'dbase'"),
    (b"instances: [{name: x, type: mysql, host: h, user: u, password_env: NOT_SET}]", "NOT_SET is not set"),
    (b"instances: [{name: x, type: mysql, host: h, user: u, password_file: none}]", "can't be read"),
    (f"instances: [{ONE}, {ONE}]".encode(), "one stands there twice"),
    (b"instances: " + b"[" * 5000, "is not YAML"),
    (b"!!python/object/apply:os.system ['true']", "is not YAML"),
]


def refuse(whalefall: Run, words: tuple[str, ...], said: str, variables: Mapping[str, str] | None = None) -> None:
    refused = whalefall(*words, variables=variables)
    assert refused.returncode == 2, refused
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("whalefall: ")
    assert said in line
    assert "S3cret" not in line
    assert line.isprintable()


@pytest.mark.parametrize(("words", "said"), ADD + OTHERS)
def test_a_command_line(whalefall: Run, ledger: Engine, words: tuple[str, ...], said: str) -> None:
    refuse(whalefall, words, said)
    assert read(ledger, "select from instances") == []


@pytest.mark.parametrize(("variables", "said"), ENVIRONMENT)
def test_an_environment(whalefall: Run, variables: dict[str, str], said: str) -> None:
    refuse(whalefall, ("accounts",), said, variables)


@pytest.mark.parametrize(("content", "said"), FILES)
def test_a_file(whalefall: Run, ledger: Engine, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "fleet.yaml").write_bytes(content)
    refuse(whalefall, ("instances", "import", "fleet.yaml"), said)
    assert read(ledger, "select from instances") == []
