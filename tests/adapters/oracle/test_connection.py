"""The real driver against listeners that refuse, misbehave or never answer; no server is needed, and none is there."""

import gc
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.adapters.oracle.connecting import (
    LOGIN,
    NO_OPTIONS,
    PATIENT,
    TLS,
    fail_to_connect,
    find_closed_port,
    make_certificate,
)
from tests.servers.oracle_listener import SILENCE, listen, to_refusal, to_resend
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.errors import InvalidInstanceError, SyncCancelledError
from whalefall_pipeline.core.model import Instance


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_server_that_sends_too_much_is_cut(tmp_path: Path, is_encrypted: bool) -> None:
    context = make_certificate(tmp_path, "localhost") if is_encrypted else None
    options = TLS | {"ssl_ca_file": str(tmp_path / "ca.pem")} if is_encrypted else NO_OPTIONS
    limits = Limits(connect_seconds=60, answer_bytes=20_000)
    # It stays open then: of what came before a TLS connection that is cut, Python may hand on nothing.
    with listen(to_resend(), b"\x7f\xff\0\0\x06\0\0\0" + bytes(60_000), SILENCE, tls=context) as listener:
        error = fail_to_connect(listener.port, options, limits=limits, host="localhost")
    assert str(error).endswith("the server sent more than the limit of 20000 bytes for one answer")
    assert not error.transient


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
