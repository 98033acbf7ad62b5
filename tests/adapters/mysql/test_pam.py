"""A collector that logs in by PAM: MariaDB's own plugin, asked by a service that this test adds to the machine's.

The plugin asks for the password itself, in a dialog or by `mysql_clear_password`; a service may ask further questions.
"""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from tests.engines.mysql import MysqlServer
from tests.servers.mysql_programs import start_with_plugins
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Login

SERVICES = Path("/etc/pam.d")
PASSWORD = "a secret"
ASK = f"""auth required pam_exec.so quiet expose_authtok /bin/sh -c [test "$(tr -d '\\000')" = "{PASSWORD}"]\n"""
ASK_AGAIN = "auth required pam_userdb.so db=/nowhere\n"
ACCOUNT = "account required pam_permit.so\n"


@pytest.fixture(scope="module")
def services() -> Generator[dict[str, str]]:
    """Services that ask once and twice, by the name of the account that uses them."""
    if not os.access(SERVICES, os.W_OK):
        pytest.skip("only the superuser may add a service to PAM's")
    names = {name: f"whalefall-test-{token_hex(4)}" for name in ("once", "twice")}
    try:
        for account, more in (("once", ""), ("twice", ASK_AGAIN)):
            (SERVICES / names[account]).write_text(ASK + more + ACCOUNT)
        yield names
    finally:
        for name in names.values():
            (SERVICES / name).unlink(missing_ok=True)


@pytest.fixture(scope="module", params=["dialog", "mysql_clear_password"])
def server(request: pytest.FixtureRequest, services: dict[str, str]) -> Generator[MysqlServer]:
    clear = "ON" if request.param == "mysql_clear_password" else "OFF"
    with (
        start_with_plugins("mariadb", [f"--pam-use-cleartext-plugin={clear}"]) as running,
        closing(MysqlServer(running)) as server,
    ):
        for account, service in services.items():
            server.execute(
                f"CREATE USER {account}@localhost IDENTIFIED VIA pam USING '{service}'",
                f"GRANT SELECT ON mysql.* TO {account}@localhost",
            )
        yield server


def _connect(server: MysqlServer, login: Login, **options: str) -> None:
    instance = replace(server.instance, options=options)
    with server.adapter.open(instance, login, Limits(), Deadline(60)) as session:
        assert session.read_accounts()


def test_a_login_by_pam_works_where_the_password_may_be_sent(server: MysqlServer) -> None:
    login = Login("once", PASSWORD)
    _connect(server, login, allow_cleartext_password="yes")
    with pytest.raises(DatabaseConnectionError, match="allow_cleartext_password to yes") as raised:
        _connect(server, login)
    assert not raised.value.transient
    with pytest.raises(DatabaseConnectionError, match="refuses the login") as raised:
        _connect(server, Login("once", "another"), allow_cleartext_password="yes")
    assert not raised.value.transient


def test_a_second_question_is_not_answered_and_said(server: MysqlServer) -> None:
    with pytest.raises(DatabaseConnectionError, match="PAM with one question") as raised:
        _connect(server, Login("twice", PASSWORD), allow_cleartext_password="yes")
    assert not raised.value.transient
    assert PASSWORD not in str(raised.value)
