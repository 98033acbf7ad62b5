"""MariaDB's accounts with several plugins: whether the name alone opens one is what the server's own client finds."""

import pytest

from tests.engines.judging import judge
from tests.engines.mysql import MysqlServer
from tests.servers.mysql_programs import LOGIN_PLUGINS, run_client, start_with_plugins

METHODS = (
    "mysql_native_password",
    "mysql_native_password USING PASSWORD('x')",
    "mysql_native_password USING 'invalid'",
    "mysql_native_password OR unix_socket",
    "unix_socket OR mysql_native_password",
    "unix_socket OR mysql_native_password USING PASSWORD('x')",
    "unix_socket",
    "mysql_native_password OR ed25519 USING PASSWORD('x')",
    "ed25519 USING PASSWORD('x') OR mysql_native_password",
    "ed25519 USING PASSWORD('x') OR mysql_native_password USING PASSWORD('x')",
    "ed25519 USING PASSWORD('x') OR unix_socket",
)


@pytest.mark.parametrize("engine", ["mariadb", "mariadb-newest"])
def test_an_account_that_its_name_alone_opens_is_found(engine: str) -> None:
    assert "auth_ed25519" in LOGIN_PLUGINS[engine]
    with start_with_plugins(engine) as running:
        server = MysqlServer(running)
        users = {f"m{number}": method for number, method in enumerate(METHODS)}
        if engine == "mariadb":  # later it keeps the key of an empty password, which looks like any other
            users["no_key"] = "ed25519"
        server.execute(*(f"CREATE USER {user} IDENTIFIED VIA {method}" for user, method in users.items()))
        found = {username for username, _ in judge(server).list_found("MY-02")}
        for user, method in users.items():
            is_open = run_client(engine, running, "SELECT 1;", login=(user, "")).returncode == 0
            assert (f"{user}@%" in found) is is_open, method
        assert 0 < len(found) < len(users)
        server.close()
