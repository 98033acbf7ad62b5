"""The roles that `whalefall db grants` makes: each does what it is for, and nothing else."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.version import VERSION_TABLE

PASSWORD = "S3cret-of-the-roles"
PREFIX = "wf_test"


@dataclass
class Roles:
    """The ledger's roles: their URLs by what they are for."""

    urls: dict[str, str]
    conninfo: str

    def refuses(self, role: str, statement: str) -> bool:
        """Whether the server refuses a statement to a role, for want of a right."""
        with psycopg.connect(self.urls[role]) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                return True
            connection.rollback()
            return False


@pytest.fixture
def roles(whalefall: Run, ledger_url: str, ledger_server: PostgresqlServer) -> Roles:
    script = whalefall("db", "grants", "--prefix", PREFIX)
    assert (script.returncode, script.stderr) == (0, "")
    database = ledger_url.rpartition("/")[2]
    run_script(ledger_server, database, script.stdout)
    run_script(ledger_server, database, script.stdout)  # again, as after an upgrade
    urls: dict[str, str] = {}
    with psycopg.connect(ledger_server.conninfo(), autocommit=True) as connection:
        for kind in ("owner", "service", "analyst"):
            name = f"{PREFIX}_{kind}"
            words = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
            connection.execute(words)
            urls[kind] = f"postgresql://{name}:{PASSWORD}@{ledger_server.host}:{ledger_server.port}/{database}"
    return Roles(urls, ledger_server.conninfo(database))


def run_script(server: PostgresqlServer, database: str, script: str) -> None:
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
    command = [server.programs / "psql", server.conninfo(database), *options]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_does_what_it_is_for(
    whalefall: Run, roles: Roles, ledger: Engine, environment: dict[str, str], ledger_server: PostgresqlServer
) -> None:
    home = Path(environment["WHALEFALL_HOME"])
    home.mkdir()
    secret = SecretStore(home).encrypt(ledger_server.password)
    instance = Instance(0, "shop", "postgresql", ledger_server.host, ledger_server.port)
    with ledger.connect() as connection, transaction(connection):
        write_instance(connection, instance, username=ledger_server.superuser, secret=secret)

    def run_as(role: str) -> Callable[..., int]:
        return lambda *words: whalefall(*words, variables={"WHALEFALL_DATABASE_URL": roles.urls[role]}).returncode

    service, analyst, owner = run_as("service"), run_as("analyst"), run_as("owner")
    storage = ledger.url.render_as_string(hide_password=False).replace("+psycopg", "")
    dagster = {"WHALEFALL_DATABASE_URL": roles.urls["service"], "WHALEFALL_DAGSTER_URL": storage}
    synced = whalefall("sync", "--local", "shop", variables=dagster)
    assert synced.returncode == 0, synced
    assert service("instances", "change", "shop", "--vanish-limit", "40") == 0
    assert service("review", "open", "--name", "all") == 0
    assert service("credentials", "rotate-key") == 0

    for words in (("accounts",), ("instances", "list"), ("sessions",), ("changes",), ("findings",), ("review", "list")):
        assert analyst(*words) == 0, words
    assert analyst("who-can", "CONNECT", "ON", "DATABASE", "postgres") in (0, 1)
    assert read(ledger, "select count(*) as n from sync_sessions where status = 'completed'") == [{"n": 1}]

    assert owner("db", "upgrade") == 0
    assert not roles.refuses("owner", "alter table finding add column later int")
    assert not roles.refuses("owner", "create table later (a int)")


@pytest.mark.parametrize(
    "words",
    [
        ("credentials", "list"),
        ("script", "shop"),
        ("show", "shop", "ana"),
        ("report",),
        ("instances", "check"),
        ("instances", "change", "shop", "--port", "1"),
        ("sync", "--local", "--all"),
        ("sync", "--local", "--retry", "0"),
    ],
)
def test_a_right_that_is_missing_is_one_line(whalefall: Run, roles: Roles, words: tuple[str, ...]) -> None:
    with psycopg.connect(roles.conninfo, autocommit=True) as connection:
        connection.execute(f"revoke select on instances, sync_sessions from {PREFIX}_analyst".encode())
    said = whalefall(*words, variables={"WHALEFALL_DATABASE_URL": roles.urls["analyst"]})
    assert (said.returncode, said.stdout) == (2, "")
    (line,) = said.stderr.splitlines()
    assert "permission denied for table" in line


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("analyst", "select secret from credentials"),
        ("analyst", "select * from credentials"),
        ("analyst", "update instances set host = 'evil.example'"),
        ("analyst", "delete from account_change_log"),
        ("analyst", "insert into waiver default values"),
        ("analyst", "truncate finding"),
        ("analyst", "create table public.mine (a int)"),
        ("analyst", "create temporary table mine (a int)"),
        ("service", "drop table finding"),
        ("service", "alter table credentials add column mine int"),
        ("service", "truncate account_changes"),
        ("service", "create table public.mine (a int)"),
        ("service", f"update {VERSION_TABLE} set version_num = '0001'"),
        ("service", "create function public.mine() returns int language sql as 'select 1'"),
        (
            "service",
            "create trigger mine before update on credentials execute function suppress_redundant_updates_trigger()",
        ),
        ("owner", "create role mine superuser"),
        ("owner", "copy credentials to program 'cat'"),
    ],
)
def test_none_does_more(roles: Roles, role: str, statement: str) -> None:
    assert roles.refuses(role, statement)


def test_whoever_is_none_of_them_stays_outside(roles: Roles, ledger_server: PostgresqlServer) -> None:
    with psycopg.connect(ledger_server.conninfo(), autocommit=True) as connection:
        connection.execute("drop role if exists wf_test_other")
        connection.execute(f"create role wf_test_other login password '{PASSWORD}'")
    url = roles.urls["owner"].replace("wf_test_owner", "wf_test_other")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url)


def test_every_table_and_view_of_the_ledger_is_in_it(whalefall: Run, ledger: Engine) -> None:
    script = whalefall("db", "grants").stdout
    rows = read(
        ledger, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
    )
    names = {str(row["relname"]) for row in rows}
    assert names == {line.split()[2] for line in script.splitlines() if " OWNER TO " in line}
    granted = next(line for line in script.splitlines() if line.startswith("GRANT SELECT ON") and "analyst" in line)
    assert {word.strip(",") for word in granted.split()} >= names - {"credentials"}
