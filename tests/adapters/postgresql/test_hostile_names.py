"""Scripts of a population of hostile names through the real psql: the same accounts, and nothing else happened."""

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from subprocess import run

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.engines.postgresql import PostgresqlEngine, start
from tests.engines.reading import read_states
from whalefall_pipeline.adapters.postgresql.names import quote, quote_value
from whalefall_pipeline.core.diff import Difference, diff
from whalefall_pipeline.core.model import Account, AccountState, Json
from whalefall_pipeline.core.text import is_visible

CANARY = "wf_canary"
NAMES = (
    f"a\n\\! touch {CANARY}",
    f"b\r\\! touch {CANARY}",
    f"\\! touch {CANARY}",
    f"c\n\\o {CANARY}\n",
    f"d'; create table {CANARY}(i int); --",
    f'e"; create table {CANARY}(i int); --',
    f"f\n; create table {CANARY}(i int);\n",
    f"$$; create table {CANARY}(i int); $$",
    f"g*/; create table {CANARY}(i int); /*",
    f"`touch {CANARY}`",
    f":{CANARY}",
    f":'{CANARY}'",
    f':"{CANARY}"',
    "h\\connect postgres",
    "\\q",
    "i\n\\connect postgres\n",
    "j\\",
    "k\\'",
    "U&\\000A",
    "l\u202egnp.exe",
    "m\u2028\\q",
    "n\x1b[2J\x07",
    "\ufeff",
    "o\u200bp",
    "é" * 31 + "x",
    "名" * 21,
    "DBNAME=postgres",
    "public ",
    "Public",
    "PUBLIC",
    "p\t\\q",
    "-- q",
    "r;",
    "\U0001f600\U000e0041",
)
DATABASES = (
    "dbname=postgres host=192.0.2.1",
    "postgresql://192.0.2.1/postgres",
    "it's",
    'quo"te',
    "back\\slash",
    "back\\' slash",
    ":wf_canary",
    "`touch wf_canary`",
    "a b",
    "é" * 31 + "x",
    "new\nline\n\\! touch wf_canary",
    "bi\u202edi",
)


@pytest.fixture(scope="module", params=[14, 18])
def servers(request: pytest.FixtureRequest) -> Generator[tuple[PostgresqlEngine, PostgresqlEngine]]:
    """A populated server, and one with the same databases and objects and no accounts."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(start(request.param)) for _ in range(2))
        for engine in (first, second):
            engine.prepare()
            make_objects(engine)
        yield first, second


def execute(engine: PostgresqlEngine, statements: Iterable[str], database: str = "postgres") -> None:
    conninfo = make_conninfo(engine.running.conninfo(), dbname=database)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def make_objects(engine: PostgresqlEngine) -> None:
    execute(engine, [f"CREATE DATABASE {quote(name)}" for name in DATABASES])
    for database in DATABASES:
        execute(engine, ["CREATE SCHEMA app", "CREATE TABLE app.plain (id int)"], database)
    execute(engine, [statement for name in NAMES for statement in list_objects(name)], "it's")


def list_objects(name: str) -> list[str]:
    where = f"{quote(name)}.{quote(name)}"
    return [
        f"CREATE SCHEMA {quote(name)}",
        f"CREATE TABLE {where} ({quote(name)} int)",
        f"CREATE TYPE {name_type(name)} AS ENUM ('fine')",
        f"CREATE FUNCTION {where}({name_type(name)}) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ]


def name_type(name: str) -> str:
    return f"{quote(name)}.{quote('t' + name[:20])}"


def populate(engine: PostgresqlEngine) -> None:
    execute(engine, [f"CREATE ROLE {quote(name)} LOGIN" for name in NAMES])
    numbered = list(enumerate(NAMES))
    execute(engine, [line for number, name in numbered for line in list_shared(name, NAMES[number - 1], number)])
    execute(engine, [line for number, name in numbered for line in list_grants(name, NAMES[number - 1])], "it's")
    for database in DATABASES:
        execute(engine, [f"GRANT SELECT ON app.plain TO {', '.join(map(quote, NAMES))}"], database)


def list_shared(name: str, other: str, number: int) -> list[str]:
    role, database = quote(name), quote(DATABASES[number % len(DATABASES)])
    return [
        *([f"GRANT {quote(other)} TO {role}"] if number else []),
        f"GRANT CREATE ON DATABASE {database} TO {role}",
        f"ALTER ROLE {role} SET application_name TO {quote_value(name)}",
        f"ALTER ROLE {role} SET search_path TO {role}, {quote(other)}",
        f"ALTER ROLE {role} IN DATABASE {database} SET work_mem TO '7MB'",
        f"ALTER ROLE {role} SET app.note TO {quote_value(name)}",
    ]


def list_grants(name: str, other: str) -> list[str]:
    role, grantee = quote(name), quote(other)
    return [
        f"GRANT SELECT ON {role}.{role} TO {grantee} WITH GRANT OPTION",
        f"GRANT UPDATE ({role}) ON {role}.{role} TO {grantee}",
        f"ALTER ROUTINE {role}.{role}({name_type(name)}) OWNER TO {role}",
        f"GRANT USAGE ON SCHEMA {role} TO {role}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {role} GRANT SELECT ON TABLES TO {grantee}",
    ]


def run_psql(engine: PostgresqlEngine, script: Iterable[str], folder: Path) -> None:
    """Run a script as a person would, in a client that another encoding is usual for."""
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--set={CANARY}=x; \\q", "--file=-"]
    command = [engine.running.programs / "psql", engine.running.conninfo(), *options]
    text = "".join(f"{line}\n" for line in script)
    environment = {**os.environ, "PGCLIENTENCODING": "LATIN1"}
    done = run(command, input=text.encode(), capture_output=True, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert list(folder.iterdir()) == []


def list_things(engine: PostgresqlEngine) -> list[tuple[str, str]]:
    """Return all databases, and all tables in those that statements were run in."""
    found: list[tuple[str, str]] = []
    for database in ("postgres", *DATABASES):
        conninfo = make_conninfo(engine.running.conninfo(), dbname=database)
        with psycopg.connect(conninfo) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database UNION ALL SELECT relname FROM pg_class"
            ).fetchall()
            found += [(database, name) for (name,) in rows]
    return sorted(found)


def differences(before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> dict[str, Difference]:
    compared = {name: diff(before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    return {name: difference for name, difference in compared.items() if difference}


def without_what_is_left_out(states: Mapping[str, AccountState]) -> dict[str, AccountState]:
    """Leave out what no script can hold: grants in databases that psql can't name, and values of custom parameters."""
    return {
        name: AccountState(
            Account(
                name, state.account.kind, {key: _without_custom(item) for key, item in state.account.attributes.items()}
            ),
            frozenset(
                item for item in state.held if item.securable.scope == "database" or is_visible(item.securable.database)
            ),
        )
        for name, state in states.items()
    }


def _without_custom(attribute: Json) -> Json:
    if not isinstance(attribute, dict):
        return attribute
    return {
        database: {key: value for key, value in of_one.items() if "." not in key}
        for database, of_one in attribute.items()
        if isinstance(of_one, dict)
    }


def test_a_script_makes_the_same_accounts_and_does_nothing_else(
    servers: tuple[PostgresqlEngine, PostgresqlEngine], tmp_path: Path
) -> None:
    first, second = servers
    before, things = read_states(first), list_things(first)
    populate(first)
    states = read_states(first)
    script = first.adapter.build_script(states)
    assert all(is_visible(line) for line in script)
    assert sum(line.startswith("-- ") and "left out" in line for line in script) == 2
    empty = list_things(second)

    run_psql(second, script, tmp_path)
    wanted, made = (without_what_is_left_out(each) for each in (states, read_states(second)))
    assert differences(wanted, made) == {}
    assert list_things(second) == empty

    undo = [line for name in sorted(states) for line in first.adapter.build_change(states[name], before.get(name))]
    assert all(is_visible(line) for line in undo)
    # what the script says that psql can't reach
    for database in filter(lambda name: not is_visible(name), DATABASES):
        execute(first, [f"DROP OWNED BY {', '.join(map(quote, NAMES))}"], database)
    run_psql(first, undo, tmp_path)
    assert differences(before, read_states(first)) == {}
    assert list_things(first) == things
