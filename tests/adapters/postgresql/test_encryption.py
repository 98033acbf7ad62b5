"""What is said of a connection's encryption is true: TLS with each certificate, TLS that is stripped, and Kerberos."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engines.postgresql import PostgresqlEngine, start
from tests.servers.certificates import KINDS, write_authority, write_certificate
from tests.servers.kerberos import REALM, Realm, start_realm
from tests.servers.ports import HOST
from tests.servers.unprivileged import hand_over, make_folder
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Login, Security

ENCRYPTED = Security(encrypted=True, verified=False)
VERIFIED = Security(encrypted=True, verified=True)
PLAIN = Security(encrypted=False, verified=False)
REFUSED = None


def read_security(
    engine: PostgresqlEngine, options: dict[str, str], *, port: int = 0, login: Login | None = None
) -> Security | None:
    """Return what a reading says of its connections; REFUSED where there is none."""
    instance = replace(engine.instance, host=HOST, port=port or engine.instance.port, options=options)
    try:
        with engine.adapter.open(instance, login or engine.login, Limits(), Deadline(60)) as session:
            session.read_accounts()
            session.read_grants()
            return session.security
    except DatabaseConnectionError as error:
        if error.transient:
            raise
        return REFUSED


@dataclass
class Secured:
    """A server with TLS, whose certificate can be changed."""

    engine: PostgresqlEngine
    folder: Path

    def show(self, kind: str) -> None:
        """Have the server show another certificate to whoever connects from now on."""
        for name, suffix in (("ssl_cert_file", "pem"), ("ssl_key_file", "key")):
            self.engine.execute(f"ALTER SYSTEM SET {name} = '{self.folder}/{kind}.{suffix}';")
        self.engine.running.restart()  # so that nobody borrows it later: its administrator's connection is gone


@pytest.fixture(scope="module")
def secured() -> Generator[Secured]:
    """Of version 14, whose build knows TLS; not all that tests have do."""
    folder = make_folder("tls")
    authority = write_authority(folder)
    for kind in KINDS:
        write_certificate(folder, kind, authority)
    hand_over(folder)
    folder.chmod(0o755)
    with start(14) as engine:
        engine.reset()
        engine.prepare()
        engine.execute("ALTER SYSTEM SET ssl = on;")
        yield Secured(engine, folder)


@pytest.mark.parametrize(
    ("kind", "required", "verify_ca", "verify_full"),
    [
        ("right", ENCRYPTED, VERIFIED, VERIFIED),
        ("another-name", ENCRYPTED, VERIFIED, REFUSED),
        ("self-signed", ENCRYPTED, REFUSED, REFUSED),
        ("expired", ENCRYPTED, REFUSED, REFUSED),
    ],
)
def test_each_word_takes_the_certificates_that_it_names(
    secured: Secured, kind: str, required: Security, verify_ca: Security | None, verify_full: Security | None
) -> None:
    secured.show(kind)
    authority = {"tls_ca": str(secured.folder / "ca.pem")}
    found = {
        "disabled": read_security(secured.engine, {"tls": "disabled"}),
        "default": read_security(secured.engine, {}),
        "required": read_security(secured.engine, {"tls": "required"}),
        "verify-ca": read_security(secured.engine, {"tls": "verify-ca", **authority}),
        "verify-full": read_security(secured.engine, {"tls": "verify-full", **authority}),
    }
    assert found == {
        "disabled": PLAIN,
        "default": ENCRYPTED,
        "required": required,
        "verify-ca": verify_ca,
        "verify-full": verify_full,
    }


@contextmanager
def open_stripper(port: int) -> Generator[int]:
    """Yield the port of somebody in the middle who says that there is no TLS, and passes all else on as it is."""
    listener = socket.create_server((HOST, 0))

    def strip(client: socket.socket) -> None:
        server = socket.create_connection((HOST, port))
        with client, server, suppress(OSError):
            first = client.recv(8)
            if first[4:] == b"\x04\xd2\x16\x2f":  # SSLRequest
                client.sendall(b"N")
            else:
                server.sendall(first)
            back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
            back.start()
            pass_on(client, server)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=strip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield int(listener.getsockname()[1])


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(65536):
            sink.sendall(said)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_tls_that_is_stripped_is_said_or_refused(secured: Secured) -> None:
    secured.show("right")
    authority = {"tls_ca": str(secured.folder / "ca.pem")}
    with open_stripper(secured.engine.running.port) as port:
        assert read_security(secured.engine, {}, port=port) == PLAIN
        assert read_security(secured.engine, {"tls": "required"}, port=port) is REFUSED
        assert read_security(secured.engine, {"tls": "verify-full", **authority}, port=port) is REFUSED
    assert read_security(secured.engine, {"tls": "verify-full", **authority}) == VERIFIED


def test_a_certificate_of_our_own_is_shown(secured: Secured) -> None:
    secured.show("right")
    rules = secured.engine.running.folder / "pg_hba.conf"
    usual = rules.read_text()
    asked = f"hostssl all {secured.engine.login.username} all scram-sha-256 clientcert=verify-ca\n"
    rules.write_text(f"{asked}{usual}")
    secured.engine.execute(f"ALTER SYSTEM SET ssl_ca_file = '{secured.folder}/ca.pem';")
    secured.engine.running.restart()
    server = {"tls": "verify-full", "tls_ca": str(secured.folder / "ca.pem")}
    found = {
        kind: read_security(secured.engine, {**server, "tls_cert": str(files[0]), "tls_key": str(files[1])})
        for kind in KINDS
        if (files := [secured.folder / f"{kind}.{suffix}" for suffix in ("pem", "key")])
    }
    assert found == {"right": VERIFIED, "another-name": VERIFIED, "self-signed": REFUSED, "expired": REFUSED}
    assert read_security(secured.engine, server) is REFUSED
    rules.write_text(usual)
    secured.engine.execute("SELECT pg_reload_conf();")


@pytest.fixture
def realm(monkeypatch: pytest.MonkeyPatch) -> Generator[Realm]:
    with start_realm() as realm:
        for name, value in realm.variables.items():
            monkeypatch.setenv(name, value)
        yield realm


def test_kerberos_encrypts_and_verifies(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", str(realm.make_key("collector")))
    service = realm.make_key(f"postgres/{HOST}")
    login = Login("collector", "is not used")
    with start(15) as engine:
        engine.reset()
        engine.execute(
            f"ALTER SYSTEM SET krb_server_keyfile = '{service}';", "CREATE ROLE collector LOGIN;", database="postgres"
        )
        rules = engine.running.folder / "pg_hba.conf"
        usual = rules.read_text()
        only = f"hostgssenc all collector all gss include_realm=0 krb_realm={REALM}\n"
        rules.write_text(f"{only}host all collector all reject\n{usual}")
        try:
            engine.execute("SELECT pg_reload_conf();", database="postgres")
            assert read_security(engine, {"gssencmode": "prefer"}, login=login) == VERIFIED
            assert read_security(engine, {"gssencmode": "disable"}, login=login) is REFUSED
        finally:
            rules.write_text(usual)
            engine.execute("ALTER SYSTEM RESET krb_server_keyfile;", "SELECT pg_reload_conf();", database="postgres")
