"""Connect descriptors, aliases and tokens: where they lead the real driver, and where they must not."""

import base64
import json
import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.adapters.oracle.connecting import (
    LOGIN,
    PATIENT,
    TLS,
    fail_to_connect,
    find_closed_port,
    make_certificate,
)
from tests.servers.oracle_listener import listen, to_refusal
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login


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


def test_a_wallet_that_never_ends_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ewallet.pem")
    assert "ewallet.pem can't be read" in refuse(1521, {"protocol": "tcps", "wallet_location": str(tmp_path)})


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
