"""The real driver against listeners that refuse, misbehave or never answer; no server is needed, and none is there."""

import base64
import datetime
import gc
import json
import os
import socket
import ssl
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.oracle_listener import SILENCE, listen, to_refusal, to_resend
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncCancelledError
from whalefall_pipeline.core.model import Instance, Login

SECRET = "s3cret-of-the-collector"
LOGIN = Login("whalefall", SECRET)
NO_OPTIONS: Mapping[str, str] = {}
TLS = {"protocol": "tcps"}
PATIENT = Limits(connect_seconds=60, statement_seconds=60)


def fail_to_connect(
    port: int,
    options: Mapping[str, str] = NO_OPTIONS,
    *,
    limits: Limits = PATIENT,
    deadline: Deadline | None = None,
    host: str = "127.0.0.1",
) -> DatabaseConnectionError:
    instance = Instance(1, "oracle", "oracle", host, port, "SALES", options=options)
    with (
        pytest.raises(DatabaseConnectionError) as caught,
        OracleAdapter().open(instance, LOGIN, limits, deadline or Deadline(60)),
    ):
        raise AssertionError("there is no server to connect to")
    error = caught.value
    assert SECRET not in "".join(traceback.format_exception(error))
    assert "\n" not in str(error)
    return error


def find_closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_server_that_sends_too_much_is_cut(tmp_path: Path, is_encrypted: bool) -> None:
    context = make_certificate(tmp_path, "localhost") if is_encrypted else None
    options = TLS | {"ssl_ca_file": str(tmp_path / "ca.pem")} if is_encrypted else NO_OPTIONS
    limits = Limits(connect_seconds=60, answer_bytes=20_000)
    with listen(to_resend(), b"\x7f\xff\0\0\x06\0\0\0" + bytes(60_000), tls=context) as listener:
        error = fail_to_connect(listener.port, options, limits=limits, host="localhost")
    assert str(error).endswith("the server sent more than the limit of 20000 bytes for one answer")
    assert not error.transient


def describe(*ports: int, service: str = "SALES", protocol: str = "tcp", more: str = "") -> str:
    addresses = "".join(f"(ADDRESS=(PROTOCOL={protocol})(HOST=localhost)(PORT={port}))" for port in ports)
    return f"(DESCRIPTION=(ADDRESS_LIST={addresses})(CONNECT_DATA=(SERVICE_NAME={service})){more})"


@pytest.mark.parametrize("is_alias", [False, True], ids=["a connect descriptor", "an alias of tnsnames.ora"])
def test_a_list_of_addresses_is_gone_through(tmp_path: Path, is_alias: bool) -> None:
    with listen(to_refusal(12514)) as listener:
        text = describe(find_closed_port(), listener.port)
        (tmp_path / "tnsnames.ora").write_text(f"SALES.EXAMPLE = {text}\n")
        by_alias = {"tns_alias": "SALES.EXAMPLE", "config_dir": str(tmp_path)}
        error = fail_to_connect(listener.port, by_alias if is_alias else {"connect_descriptor": text}, host="localhost")
        assert listener.arrivals.acquire(timeout=30)
    assert "the listener knows no such service" in str(error)
    assert error.transient


def refuse(port: int, options: Mapping[str, str], login: Login = LOGIN, host: str = "localhost") -> str:
    instance = Instance(1, "oracle", "oracle", host, port, "SALES", options=options)
    with (
        pytest.raises((InvalidInstanceError, DatabaseConnectionError)) as caught,
        OracleAdapter().open(instance, login, PATIENT, Deadline(60)),
    ):
        raise AssertionError("there is no server to connect to")
    assert login.password not in "".join(traceback.format_exception(caught.value))
    assert not getattr(caught.value, "transient", False)
    return str(caught.value)


def test_a_descriptor_goes_nowhere_but_where_the_instance_is() -> None:
    with listen(to_refusal(12514)) as listener:
        said = refuse(1521, {"connect_descriptor": describe(listener.port)})
        assert not listener.arrivals.acquire(blocking=False)
    assert "localhost:1521 is no address of the connect descriptor" in said


@pytest.mark.parametrize(
    ("descriptor", "words"),
    [("(DESCRIPTION=", "DPY-2049"), ("(DESCRIPTION=(ADDRESS=(PROTOCOL=ipc)(KEY=x)))", "DPY-4021"), ("(x=y)", "DPY")],
)
def test_a_descriptor_that_can_not_be_used_is_said(descriptor: str, words: str) -> None:
    assert words in refuse(1521, {"connect_descriptor": descriptor})


def test_an_alias_that_is_not_there_or_a_file_that_never_ends_is_said(tmp_path: Path) -> None:
    options = {"tns_alias": "SALES", "config_dir": str(tmp_path)}
    assert "tnsnames.ora can't be read" in refuse(1521, options)
    os.mkfifo(tmp_path / "tnsnames.ora")
    assert "tnsnames.ora can't be read" in refuse(1521, options)
    (tmp_path / "tnsnames.ora").unlink()
    (tmp_path / "tnsnames.ora").write_text("HR = (DESCRIPTION=)")
    assert "DPY-4000" in refuse(1521, options)


def make_token(seconds: int) -> str:
    """Make an access token that ends in so many seconds; nobody has signed it."""
    body = json.dumps({"exp": int(time.time()) + seconds}).encode()
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", body, b"signature"))


def test_a_token_goes_only_over_tls_to_a_server_that_is_verified(tmp_path: Path) -> None:
    given = {"login": "token"}
    login = Login("", make_token(3600))
    assert "needs protocol=tcps" in refuse(1521, given, login)
    assert "needs protocol=tcps" in refuse(1521, given | TLS | {"ssl_server_dn_match": "off"}, login)
    assert "needs protocol=tcps" in refuse(1521, given | {"connect_descriptor": describe(1521)}, login)
    lax = describe(1521, protocol="tcps", more="(SECURITY=(SSL_SERVER_DN_MATCH=off))")
    assert "needs protocol=tcps" in refuse(1521, given | {"connect_descriptor": lax}, login)
    context = make_certificate(tmp_path, "localhost")
    with listen(to_refusal(12514), tls=context) as listener:
        instance = Instance(
            1, "oracle", "oracle", "localhost", listener.port, "SALES",
            options=given | TLS | {"ssl_ca_file": str(tmp_path / "ca.pem")},
        )  # fmt: skip
        with (
            pytest.raises(DatabaseConnectionError, match="knows no such service"),
            OracleAdapter().open(instance, login, PATIENT, Deadline(60)),
        ):
            raise AssertionError("there is no server to connect to")


def test_a_secret_that_is_no_token_is_said() -> None:
    assert "is no access token" in refuse(1521, {"login": "token"} | TLS, Login("", "no-token-at-all"))


def test_a_closed_port_is_refused_and_worth_another_try() -> None:
    error = fail_to_connect(find_closed_port())
    assert error.transient
    assert "the connection is refused" in str(error)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (12514, "the listener knows no such service"),
        (12505, "the listener knows no such SID"),
        (12520, "the listener refused the connection (ORA-12520)"),
        (12528, "the listener refused the connection (ORA-12528)"),
    ],
)
def test_what_the_listener_refuses_is_said_with_its_code(code: int, words: str) -> None:
    with listen(to_refusal(code)) as listener:
        error = fail_to_connect(listener.port)
    assert words in str(error)
    assert error.transient


def test_the_same_failure_is_told_in_the_same_words() -> None:
    with listen(to_refusal(12514)) as listener:
        assert str(fail_to_connect(listener.port)) == str(fail_to_connect(listener.port))


@pytest.mark.parametrize(
    "answers",
    [(), (b"\0\x20",), (b"HTTP/1.1 400 Bad Request\r\n\r\n",), (to_resend(),), (to_resend(), b"\0\x40\0\0\x02")],
    ids=["at once", "inside a packet's head", "not Oracle", "after a resend", "inside the second packet"],
)
def test_a_cut_in_the_handshake_is_worth_another_try(answers: tuple[bytes, ...]) -> None:
    with listen(*answers) as listener:
        assert fail_to_connect(listener.port).transient


@pytest.mark.parametrize(
    ("protocol", "answers"),
    [("tcp", (SILENCE,)), ("tcps", (SILENCE,)), ("tcp", (to_resend(), SILENCE))],
    ids=["before TNS", "before TLS", "inside TNS"],
)
def test_a_host_that_never_answers_costs_the_connect_limit(protocol: str, answers: tuple[bytes, ...]) -> None:
    with listen(*answers) as listener:
        error = fail_to_connect(listener.port, {"protocol": protocol}, limits=Limits(connect_seconds=0.2))
    assert str(error).endswith("no connection within 0.2 s")
    assert error.transient


@pytest.mark.parametrize("protocol", ["tcp", "tcps"])
def test_a_host_that_never_answers_costs_no_more_than_the_deadline(protocol: str) -> None:
    with listen(SILENCE) as listener:
        error = fail_to_connect(listener.port, {"protocol": protocol}, deadline=Deadline(0.2))
    assert str(error) == "no answer within the deadline of 0.2 s"
    assert error.transient


def test_a_cancelled_session_ends_the_handshake() -> None:
    deadline = Deadline(60)
    with listen(SILENCE) as listener:

        def cancel_on_arrival() -> None:
            listener.arrivals.acquire()
            deadline.cancel()

        canceller = threading.Thread(target=cancel_on_arrival)
        canceller.start()
        instance = Instance(1, "oracle", "oracle", "127.0.0.1", listener.port, "SALES")
        with pytest.raises(SyncCancelledError), OracleAdapter().open(instance, LOGIN, PATIENT, deadline):
            raise AssertionError("there is no server to connect to")
        canceller.join()


def test_a_failed_connection_leaves_no_socket_behind() -> None:
    gc.collect()  # what other tests left
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with listen(SILENCE) as listener:
            fail_to_connect(listener.port, limits=Limits(connect_seconds=0.1))
        with listen(to_refusal(12514)) as listener:
            fail_to_connect(listener.port)
        gc.collect()
    assert [str(item.message) for item in caught if item.category is ResourceWarning] == []


def make_certificate(folder: Path, host: str) -> ssl.SSLContext:
    """Write `ca.pem`, and give the server's side of a certificate that it vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_a_certificate_that_nobody_vouches_for_is_not_worth_another_try(tmp_path: Path) -> None:
    with listen(to_refusal(12514), tls=make_certificate(tmp_path, "localhost")) as listener:
        error = fail_to_connect(listener.port, TLS, host="localhost")
    assert not error.transient
    assert "the certificate is not trusted" in str(error)


def test_a_certificate_of_another_host_is_not_worth_another_try(tmp_path: Path) -> None:
    with listen(to_refusal(12514), tls=make_certificate(tmp_path, "db.example")) as listener:
        error = fail_to_connect(listener.port, TLS | {"ssl_ca_file": str(tmp_path / "ca.pem")}, host="localhost")
    assert not error.transient
    assert "another host" in str(error)


@pytest.mark.parametrize(
    "options",
    [
        {"ssl_ca_file": "{folder}/ca.pem"},
        {"wallet_location": "{folder}"},
        {"ssl_ca_file": "{folder}/ca.pem", "ssl_server_cert_dn": "CN=localhost"},
    ],
    ids=["by a file of authorities", "by a wallet", "by its distinguished name"],
)
def test_a_trusted_server_is_asked_over_tls(tmp_path: Path, options: Mapping[str, str]) -> None:
    given = {name: value.replace("{folder}", str(tmp_path)) for name, value in options.items()}
    context = make_certificate(tmp_path, "localhost")
    (tmp_path / "ewallet.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
    with listen(to_refusal(12514), tls=context) as listener:
        error = fail_to_connect(listener.port, TLS | given, host="localhost")
    assert "the listener knows no such service" in str(error)


def test_a_port_without_tls_is_said() -> None:
    with listen(b"no TLS here at all") as listener:
        error = fail_to_connect(listener.port, TLS)
    assert "no TLS" in str(error)
    assert not error.transient


def test_a_missing_file_of_authorities_is_the_instances_fault(tmp_path: Path) -> None:
    instance = Instance(
        1, "oracle", "oracle", "127.0.0.1", 1, "SALES",
        options={"protocol": "tcps", "ssl_ca_file": str(tmp_path / "none.pem")},
    )  # fmt: skip
    with (
        pytest.raises(InvalidInstanceError, match=r"none\.pem can't be read"),
        OracleAdapter().open(instance, LOGIN, PATIENT, Deadline(60)),
    ):
        raise AssertionError("there is no server to connect to")


def test_a_missing_wallet_is_not_worth_another_try(tmp_path: Path) -> None:
    with listen(to_refusal(12514)) as listener:
        error = fail_to_connect(listener.port, TLS | {"wallet_location": str(tmp_path)})
    assert "no ewallet.pem" in str(error)
    assert not error.transient
