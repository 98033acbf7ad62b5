"""Scripts fed to the servers' own clients: names do nothing but name, and no known password opens what is made."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

from tests.engines.mysql import FLAVOUR_OPTIONS, MysqlServer
from tests.engines.reading import read, read_states
from tests.servers.mysql import SOURCES
from tests.servers.mysql_programs import run_client, start_with_plugins
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, quote_account, quote_text
from whalefall_pipeline.core.diff import Difference, diff
from whalefall_pipeline.core.model import AccountState
from whalefall_pipeline.demo.mysql_server import RunningServer

CANARY = "canary"
HOSTILE = [
    "a\nsystem touch x\n;b",
    "a\n\\! touch x\n;b",
    "a\r\nsystem touch x;\r\nb",
    "a;\nDROP DATABASE canary;\n-- b",
    "a\n;DROP DATABASE canary;\n#",
    "a*/;\nDROP DATABASE canary;\n/*",
    "a\\\n\\! touch x\n",
    "a\\",
    "a\\\\",
    "a\\'",
    "a\\`;DROP DATABASE canary;-- `",
    "a`;DROP DATABASE canary;-- ",
    "a';DROP DATABASE canary;-- ",
    "a'';DROP DATABASE canary;-- \\",
    'a";DROP DATABASE canary;-- ',
    "delimiter x",
    "\ndelimiter x\n",
    "\nsource /etc/passwd\n",
    "\n\\. /etc/passwd\n",
    "\ntee x\n",
    "\npager touch x\n",
    "-- ",
    "#",
    "/*!50000 DROP DATABASE canary */",
    "*/",
    "a\x1b[2Jb",
    "a\x01\x1ab",
    "a\tb",
    "a\u202eb",
    "a\u2028b",
    "a\u0085b",
    "\ufeffa",
    "%n%s{}",
]


class Place:
    """A server, its login plugins loaded, and what the tests ask of it."""

    def __init__(self, engine: str, running: RunningServer) -> None:
        self.engine = engine
        self.running = running
        self.server = MysqlServer(running)

    def feed(self, lines: Iterable[str], folder: Path | None = None) -> None:
        """Run a script through the client, and make sure that it went through without an error."""
        done = run_client(self.engine, self.running, "\n".join(lines) + "\n", folder)
        assert not done.returncode, done.stderr
        assert "ERROR" not in done.stderr, done.stderr

    def may_log_in(self, username: str, password: str = "") -> bool:
        user, _, _ = username.rpartition("@")
        return not run_client(self.engine, self.running, "SELECT 1;", login=(user, password)).returncode


@contextmanager
def start_place(engine: str) -> Generator[Place]:
    with start_with_plugins(engine, FLAVOUR_OPTIONS[SOURCES[engine].flavour]) as running:
        place = Place(engine, running)
        try:
            yield place
        finally:
            place.server.close()


@pytest.fixture(scope="module", params=list(SOURCES))
def places(request: pytest.FixtureRequest) -> Generator[tuple[Place, Place]]:
    """Two servers of one engine: where accounts are, and an empty one."""
    with ExitStack() as stack:
        yield (stack.enter_context(start_place(request.param)), stack.enter_context(start_place(request.param)))


@pytest.fixture
def pair(places: tuple[Place, Place]) -> tuple[Place, Place]:
    for place in places:
        place.server.reset()
        place.server.prepare()
        place.server.execute(f"CREATE DATABASE {CANARY}")
    return places


def test_hostile_names_do_nothing_but_name(pair: tuple[Place, Place], tmp_path: Path) -> None:
    source, target = pair
    flavour = source.server.flavour
    # MariaDB keeps a space at the end of a user's name in memory and loses it in its table
    names = [name for name in HOSTILE if flavour == "mysql" or not name.endswith(" ")]
    for place in pair:
        assert try_each(place.server, make_objects(names)) > len(names)
    assert try_each(source.server, make_accounts(names, flavour)) > 6 * len(names)
    states = read_states(source.server)
    assert len(states) > len(names)
    script = source.server.adapter.build_script(states)
    for line in script:
        assert line.isprintable(), line
    for place in (target, source):
        place.feed(script, tmp_path)
        assert differences(states, read_states(place.server)) == {}
        assert not list(tmp_path.iterdir())
        assert place.server.query(f"SHOW DATABASES LIKE '{CANARY}'")

    for name, state in states.items():  # taken back one by one, and done again
        target.feed(target.server.adapter.build_change(state, None), tmp_path)
        assert name == "PUBLIC" or name not in read_states(target.server)
    for name in sorted(states, key=lambda name: (states[name].account.kind.value, name)):
        target.feed(target.server.adapter.build_change(None, states[name]), tmp_path)
    assert not list(tmp_path.iterdir())
    assert target.server.query(f"SHOW DATABASES LIKE '{CANARY}'")


def make_objects(names: Sequence[str]) -> list[str]:
    """Make a database, and in another one a table with a column and a procedure, by each name that one can have."""
    return [
        statement
        for name in names
        for statement in (
            f"CREATE DATABASE {quote(name)}",
            f"CREATE TABLE wf_app.{quote(name)} ({quote(name)} INT)",
            f"CREATE PROCEDURE wf_app.{quote(name)}() SELECT 1",
        )
    ]


def try_each(server: MysqlServer, statements: Iterable[str]) -> int:
    """Run statements, and return how many the server took: not every name may be that of everything."""
    taken = 0
    for statement in statements:
        with suppress(pymysql.err.MySQLError):
            server.execute(statement)
            taken += 1
    return taken


def make_accounts(names: Sequence[str], flavour: Flavour) -> list[str]:
    statements: list[str] = []
    for place, name in enumerate(names):
        short = name[:32]
        user = quote_account(f"{short}@%", flavour)
        role = quote_account(f"r{short[:31]}@%" if flavour == "mysql" else f"r{short}", flavour)
        subject = quote_text(f"/CN={name}".replace("\n", " "))
        statements += [
            f"CREATE USER {user} IDENTIFIED BY 'a secret' REQUIRE SUBJECT {subject}",
            f"CREATE ROLE {role}",
            f"GRANT {role} TO {user}",
            f"SET DEFAULT ROLE {role} {'TO' if flavour == 'mysql' else 'FOR'} {user}",
            f"GRANT PROXY ON {user} TO {role}" if flavour == "mysql" else f"GRANT PROXY ON {user} TO {user}",
            f"GRANT SELECT ON {quote(name)}.* TO {user} WITH GRANT OPTION",
        ]
        if flavour == "mysql":
            statements.append(f"ALTER USER {user} COMMENT {quote_text(name)}")
        if place % 2:
            continue
        statements.append(f"GRANT ALL ON {quote(name)}.* TO {role}")
    for name in names:
        user = quote_account(f"{name[:32]}@%", flavour)
        statements += [
            f"GRANT INSERT, SELECT ({quote(name)}) ON wf_app.{quote(name)} TO {user}",
            f"GRANT EXECUTE ON PROCEDURE wf_app.{quote(name)} TO {user}",
        ]
    return statements


METHODS: dict[str, Sequence[str]] = {
    "mariadb": (
        "mysql_native_password USING PASSWORD('x')",
        "mysql_old_password USING '606706156665cd86'",
        "ed25519 USING PASSWORD('x')",
        "unix_socket",
        "unix_socket AS 'nobody'",
        "mysql_native_password USING PASSWORD('x') OR ed25519 USING PASSWORD('x')",
        "ed25519 USING PASSWORD('x') OR mysql_native_password USING PASSWORD('x') OR unix_socket AS 'nobody'",
        "unix_socket OR mysql_native_password USING PASSWORD('x')",
    ),
    "mysql": (
        "caching_sha2_password BY 'x'",
        "sha256_password BY 'x'",
        "auth_socket",
        "auth_socket AS 'nobody'",
        "mysql_no_login",
    ),
}
METHODS["mariadb-newest"] = (
    *METHODS["mariadb"],
    "caching_sha2_password USING PASSWORD('x')",
    "parsec USING PASSWORD('x')",
    "caching_sha2_password USING PASSWORD('x') OR parsec USING PASSWORD('x')",
    "unix_socket OR caching_sha2_password USING PASSWORD('x') OR ed25519 USING PASSWORD('x')",
)


def test_no_account_that_a_script_makes_is_opened_by_an_empty_or_known_password(pair: tuple[Place, Place]) -> None:
    source, target = pair
    keyword = "WITH" if source.server.flavour == "mysql" else "VIA"
    for number, method in enumerate(METHODS[source.engine]):
        source.server.execute(f"CREATE USER m{number}@'%' IDENTIFIED {keyword} {method}")
    source.server.execute("CREATE USER open@'%' IDENTIFIED BY 'x'")
    assert source.may_log_in("open@%", "x")
    states = read_states(source.server)
    script = source.server.adapter.build_script(states)
    target.feed(script)
    made = read_states(target.server)
    assert made.keys() == states.keys()
    known = {part for line in script for part in line.split("'") if len(part) > 14}
    for number, method in enumerate(METHODS[source.engine]):
        username = f"m{number}@%"
        for password in ("", "x", *known):
            assert not target.may_log_in(username, password), (method, password)
        attributes = made[username].account.attributes
        assert attributes["plugin"] == states[username].account.attributes["plugin"]
        if states[username].account.attributes.get("has_mapped_name"):
            assert attributes["account_locked"] is True
        else:
            assert attributes == states[username].account.attributes, method


def test_a_script_with_partial_revokes_stops_at_once_where_the_server_takes_none(pair: tuple[Place, Place]) -> None:
    source, target = pair
    if source.server.flavour != "mysql":
        pytest.skip("of MySQL only")
    source.server.execute("CREATE USER ann@'%'", "GRANT SELECT ON *.* TO ann@'%'", "REVOKE SELECT ON wf_app.* FROM ann")
    script = source.server.adapter.build_script(read_states(source.server))
    target.server.execute("SET GLOBAL partial_revokes = OFF")
    try:
        done = run_client(target.engine, target.running, "\n".join(script))
        assert done.returncode
        assert "SET PERSIST partial_revokes = ON" in done.stderr
        assert "ann@%" not in read_states(target.server)
    finally:
        target.server.execute("SET GLOBAL partial_revokes = ON")
    target.feed(script)
    assert "ann@%" in read_states(target.server)


def test_a_role_is_left_to_those_who_had_it(pair: tuple[Place, Place]) -> None:
    source, target = pair
    if source.server.flavour != "mariadb":
        pytest.skip("of MariaDB only")
    source.server.execute(
        "CREATE USER ann@'%'",
        "CREATE ROLE of_ann WITH ADMIN ann@'%'",
        "CREATE ROLE nobodys",
        "REVOKE nobodys FROM CURRENT_USER",
        "CREATE ROLE mine",
        "CREATE ROLE used",
        "REVOKE ADMIN OPTION FOR used FROM CURRENT_USER",
    )
    states = read_states(source.server)
    root = source.server.query("SELECT Role, Admin_option FROM mysql.roles_mapping WHERE User = 'root' ORDER BY Role")
    everything = source.server.adapter.build_script(read(source.server).states)
    target.feed(everything)
    assert differences(states, read_states(target.server)) == {}
    again = "SELECT Role, Admin_option FROM mysql.roles_mapping WHERE User = 'root' ORDER BY Role"
    assert target.server.query(again) == root


def differences(before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> dict[str, Difference]:
    compared = {name: diff(before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    return {name: difference for name, difference in compared.items() if difference}
