"""How a connection is opened: TLS modes, the ways to authenticate, and what answers but is no MySQL server."""

import socket
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pymysql.constants import CLIENT

from tests.engines.mysql import SENDING, MysqlServer
from tests.servers import mysql as servers
from tests.servers.certificates import write_authority, write_certificate
from tests.servers.hostile import Peer, start_hostile
from tests.servers.mysql_programs import start_with_plugins
from tests.servers.unprivileged import make_folder
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Security

NAMED = "127.0.0.1"


@pytest.fixture(scope="module")
def authority() -> Path:
    """A folder with ca.pem, and a certificate for 127.0.0.1 that it signed."""
    folder = make_folder("tls")
    folder.chmod(0o755)
    ca_key, key = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
    _write(folder / "ca.pem", _sign(ca_key, ca_key, "an authority").public_bytes(Encoding.PEM))
    _write(folder / "cert.pem", _sign(key, ca_key, "a server").public_bytes(Encoding.PEM))
    _write(folder / "key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    _write(folder / "other.pem", _sign(key, key, "another authority").public_bytes(Encoding.PEM))
    return folder


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest, authority: Path) -> Generator[MysqlServer]:
    options = [f"--ssl-ca={authority}/ca.pem", f"--ssl-cert={authority}/cert.pem", f"--ssl-key={authority}/key.pem"]
    with servers.start(request.param, options) as running, closing(MysqlServer(running)) as server:
        yield server


def test_each_mode_connects(server: MysqlServer, authority: Path) -> None:
    server.execute(f"ALTER USER {server.login.username}@localhost REQUIRE SSL")
    certificate = str(authority / "ca.pem")
    for options in (
        {},
        {"tls": "preferred"},
        {"tls": "required"},
        {"tls": "verify-ca", "tls_ca": certificate},
        {"tls": "verify-identity", "tls_ca": certificate},
    ):
        connect(server, options)
    with pytest.raises(DatabaseConnectionError) as raised:
        connect(server, {"tls": "disabled"})
    assert not raised.value.transient
    server.execute(f"ALTER USER {server.login.username}@localhost REQUIRE NONE")
    connect(server, {"tls": "disabled"})


def test_a_certificate_of_our_own_is_shown(server: MysqlServer, authority: Path) -> None:
    server.execute(f"ALTER USER {server.login.username}@localhost REQUIRE X509")
    asked = {"tls": "verify-full", "tls_ca": str(authority / "ca.pem")}
    own = {"tls_cert": str(authority / "cert.pem"), "tls_key": str(authority / "key.pem")}
    connect(server, asked | own)
    with pytest.raises(DatabaseConnectionError, match="needs tls_cert and tls_key") as raised:
        connect(server, asked)
    assert not raised.value.transient
    with pytest.raises(DatabaseConnectionError):  # of another authority: the server ends the connection without a word
        connect(server, asked | own | {"tls_cert": str(authority / "other.pem")})
    server.execute(f"ALTER USER {server.login.username}@localhost REQUIRE NONE")


def connect(server: MysqlServer, options: dict[str, str], *, login: Login | None = None, host: str = NAMED) -> None:
    instance = replace(server.instance, host=host, options={**SENDING, **options})
    with server.adapter.open(instance, login or server.login, Limits(), Deadline(60)) as session:
        assert session.read_accounts()


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full", "verify-identity"])
def test_a_certificate_of_another_authority_is_refused(server: MysqlServer, authority: Path, mode: str) -> None:
    with pytest.raises(DatabaseConnectionError, match="certificate is refused") as raised:
        connect(server, {"tls": mode, "tls_ca": str(authority / "other.pem")})
    assert not raised.value.transient


def test_another_name_is_refused_only_where_identity_counts(server: MysqlServer, authority: Path) -> None:
    certificate = str(authority / "ca.pem")
    connect(server, {"tls": "verify-ca", "tls_ca": certificate}, host="localhost")
    with pytest.raises(DatabaseConnectionError, match="certificate is refused"):
        connect(server, {"tls": "verify-identity", "tls_ca": certificate}, host="localhost")


def test_an_expired_certificate_is_refused_where_it_is_verified(authority: Path) -> None:
    folder = make_folder("tls")
    folder.chmod(0o755)
    expired = write_certificate(folder, "expired", write_authority(folder))
    expired.key.chmod(0o644)
    options = [f"--ssl-cert={expired.certificate}", f"--ssl-key={expired.key}"]
    with servers.start("mariadb", options) as running, closing(MysqlServer(running)) as server:
        connect(server, {"tls": "required"})
        for mode in ("verify-ca", "verify-full"):
            with pytest.raises(DatabaseConnectionError, match="certificate has expired") as raised:
                connect(server, {"tls": mode, "tls_ca": str(folder / "ca.pem")})
            assert not raised.value.transient


@contextmanager
def open_stripper(port: int) -> Generator[int]:
    """Yield the port of somebody in the middle who takes TLS out of what the server says that it can."""

    def strip(peer: Peer) -> None:
        with socket.create_connection((NAMED, port)) as behind:
            greeting = bytearray(behind.recv(65536))
            capabilities = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1  # after version, id, salt and a zero
            greeting[capabilities + 1] &= ~(CLIENT.SSL >> 8)
            peer.send(bytes(greeting))
            forward = threading.Thread(target=pass_on, args=(peer.connection, behind), daemon=True)
            forward.start()
            pass_on(behind, peer.connection)
            forward.join()

    with start_hostile(strip) as hostile:
        yield hostile.port


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(65536):
            sink.sendall(said)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_tls_that_is_stripped_is_said_or_refused(server: MysqlServer, authority: Path) -> None:
    certificate = str(authority / "ca.pem")
    with open_stripper(server.instance.port) as port:
        instance = replace(server.instance, port=port)
        with server.adapter.open(instance, server.login, Limits(), Deadline(60)) as session:
            assert session.security == Security(encrypted=False, verified=False)
        for options in ({"tls": "required"}, {"tls": "verify-full", "tls_ca": certificate}):
            refusing = replace(instance, options={**SENDING, **options})
            with (
                pytest.raises(DatabaseConnectionError, match="SSL is required") as raised,
                server.adapter.open(refusing, server.login, Limits(), Deadline(60)),
            ):
                pass
            assert not raised.value.transient


@pytest.mark.parametrize("mode", ["disabled", "required"])
def test_caching_sha2_passwords_work_with_and_without_tls(server: MysqlServer, mode: str) -> None:
    if server.flavour != "mysql":
        pytest.skip("of MySQL only")
    login = Login("sha2 пользователь", "pässwörd \u20ac")
    server.execute(
        f"CREATE USER IF NOT EXISTS '{login.username}'@'%' IDENTIFIED WITH caching_sha2_password BY '{login.password}'",
        f"GRANT SELECT ON mysql.* TO '{login.username}'@'%'",
        "FLUSH PRIVILEGES",  # empties the cache, so that the whole exchange is gone through
    )
    for _ in ("in full", "from the cache"):
        connect(server, {"tls": mode}, login=login)


def test_a_server_without_tls_gets_no_password_where_tls_is_required() -> None:
    with servers.start("mariadb", ["--skip-ssl"]) as running, closing(MysqlServer(running)) as server:
        connect(server, {"tls": "preferred"})
        with pytest.raises(DatabaseConnectionError, match="SSL is required") as raised:
            connect(server, {"tls": "required"})
    assert not raised.value.transient


def test_a_missing_authority_is_a_wrong_option(server: MysqlServer) -> None:
    with pytest.raises(InvalidInstanceError, match="tls_ca"):
        connect(server, {"tls": "verify-ca", "tls_ca": "/no/such/file.pem"})
    with pytest.raises(InvalidInstanceError, match="must be one of disabled, preferred"):
        connect(server, {"tls": "yes"})


@pytest.mark.parametrize(
    ("greeting", "meaning"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "more than 1,048,576 bytes"),
        (b"\5\0\0\0\x0a9.7\0", "does not speak MySQL"),
        (b"\1\0\0", "lost during the login"),
    ],
)
def test_what_is_no_mysql_server_is_said_to_be_none(server: MysqlServer, greeting: bytes, meaning: str) -> None:
    with socket.create_server((NAMED, 0)) as listener:
        answering = threading.Thread(target=_greet, args=(listener, greeting))
        answering.start()
        instance = Instance(1, "other", "mysql", NAMED, listener.getsockname()[1])
        with (
            pytest.raises(DatabaseConnectionError, match=meaning),
            server.adapter.open(instance, server.login, Limits(connect_seconds=20), Deadline(20)),
        ):
            pass
        answering.join()


def _greet(listener: socket.socket, greeting: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(greeting)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)


def _sign(key: RSAPrivateKey, authority: RSAPrivateKey, name: str) -> x509.Certificate:
    issuer = "an authority" if key is not authority else name
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=key is authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(NAMED))]), critical=False)
    )
    return builder.sign(authority, hashes.SHA256())


def test_a_login_by_ed25519_works() -> None:
    with start_with_plugins("mariadb") as running, closing(MysqlServer(running)) as server:
        login = Login("signing", "a secret")
        server.execute(
            f"CREATE USER {login.username}@localhost IDENTIFIED VIA ed25519 USING PASSWORD('{login.password}')",
            f"GRANT SELECT ON mysql.* TO {login.username}@localhost",
        )
        connect(server, {}, login=login)
        with pytest.raises(DatabaseConnectionError, match="refuses the login"):
            connect(server, {}, login=Login("signing", "another"))


NO_PASSWORD = "the account takes no password"
NOT_FROM_HERE = "logs in by a method that can't be used from here; native, SHA-256 and ed25519 passwords can"


@pytest.mark.parametrize(
    ("engine", "method", "said"),
    [
        ("mariadb", "VIA unix_socket", NO_PASSWORD),
        ("mariadb-newest", "VIA unix_socket", NO_PASSWORD),
        ("mariadb-newest", "VIA parsec USING PASSWORD('a secret')", NOT_FROM_HERE),
        ("mysql", "WITH auth_socket", NO_PASSWORD),
        ("mysql", "WITH mysql_no_login", "refuses the login"),
    ],
)
def test_a_login_by_a_method_that_is_not_known_here_is_said_to_be_one(engine: str, method: str, said: str) -> None:
    with start_with_plugins(engine) as running, closing(MysqlServer(running)) as server:
        server.execute(f"CREATE USER other@localhost IDENTIFIED {method}")
        with pytest.raises(DatabaseConnectionError, match=said) as raised:
            connect(server, {}, login=Login("other", "a secret"))
        assert not raised.value.transient
        assert "a secret" not in str(raised.value)
