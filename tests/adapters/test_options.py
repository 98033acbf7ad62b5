"""Options of an instance that no connection can be made with are refused before one is tried, and named."""

import socket
from pathlib import Path

import pytest

from whalefall_pipeline.adapters.mysql import options as mysql
from whalefall_pipeline.adapters.postgresql import options as postgresql
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colour": "red"}, "PostgreSQL has no option 'colour'"),
        ({"tls": "required", "sslmode": "require"}, "tls and sslmode say the same thing"),
        ({"tls": "maybe"}, "option tls is 'maybe', and must be one of disabled"),
        ({"krbsrvname": "a\0b"}, "option krbsrvname holds a NUL character"),
        ({"keepalives_idle": "soon"}, "option keepalives_idle is 'soon', and must be a whole number"),
        ({"keepalives_idle": "1" * 8}, "must be a whole number"),
        ({"hostaddr": "db1"}, "option hostaddr is 'db1', and must be one IP address"),
        ({"require_auth": "magic"}, "option require_auth lists 'magic'"),
        ({"require_auth": "md5,!password"}, "with and without '!'"),
        ({"require_auth": "md5,md5"}, "lists a method twice"),
    ],
)
def test_postgresql_refuses_what_libpq_would_only_refuse_when_it_connects(options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        postgresql.check_options(options)


def test_postgresql_takes_what_its_socket_is_set_to() -> None:
    options = {"keepalives": "1", "keepalives_idle": "60", "sslmode": "require"}
    postgresql.check_options(options)
    (idle,) = [found for found in postgresql.build_socket_options(options) if found.name == socket.TCP_KEEPIDLE]
    assert (idle.level, idle.value) == (socket.IPPROTO_TCP, 60)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colour": "red"}, "MySQL has no option 'colour'"),
        ({"tls": "maybe"}, "option tls is 'maybe', and must be one of disabled"),
        ({"tls_key": "key.pem"}, "option tls_key needs tls_cert"),
        ({"allow_cleartext_password": "1"}, "option allow_cleartext_password is '1', and must be one of yes, no"),
    ],
)
def test_mysql_refuses_what_means_nothing(options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        mysql.check_options(options)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tls_ca", None, "option tls_ca: .*No such file"),
        ("tls_ca", "no certificate", "option tls_ca: .*can't be used"),
        ("tls_cert", "no certificate", "options tls_cert and tls_key can't be used"),
        ("tls_ca", "x" * (1024**2 + 1), "is larger than"),
    ],
)
def test_mysql_refuses_files_that_hold_no_certificate(
    name: str, content: str | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content, encoding="ascii")
    instance = Instance(1, "shop", "mysql", "db1", 3306, options={"tls": "required", name: str(path)})
    with pytest.raises(InvalidInstanceError, match=said):
        mysql.build_transport(instance, {})


def test_mysql_sends_a_password_to_a_verified_server_or_where_it_is_allowed() -> None:
    def may_send(**options: str) -> bool:
        return mysql.build_transport(Instance(1, "shop", "mysql", "db1", 3306, options=options), {}).may_send_password

    assert not may_send()
    assert not may_send(tls="required")
    assert may_send(tls="verify-full")
    assert may_send(tls="disabled", allow_cleartext_password="yes")
