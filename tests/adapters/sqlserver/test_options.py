"""What an instance's options and host become for the driver, and what is refused with its reason."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from whalefall_pipeline.adapters.sqlserver.options import (
    AUTHENTICATIONS,
    REFUSED_AUTHENTICATIONS,
    build_keywords,
    find_instance_name,
    find_security,
    translate_options,
)
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Security

INSTANCE = Instance(1, "x", "sqlserver", "db.example", 1433)
LOGIN = Login("wf", "Hush!Hush")


@pytest.mark.parametrize(
    ("host", "port", "address", "name"),
    [
        ("db", 1433, "db,1433", ""),
        ("db", 1500, "db,1500", ""),
        (r"db\Sales", 1433, r"db\Sales", "SALES"),
        (r"db\Sales", 1500, "db,1500", "SALES"),
        ("::1", 1433, "::1,1433", ""),
    ],
)
def test_a_named_instance_is_asked_for_by_name_unless_a_port_is_given(
    host: str, port: int, address: str, name: str
) -> None:
    """Beside a port the driver ignores the name: so it is left out there, and compared afterwards."""
    instance = replace(INSTANCE, host=host, port=port)
    assert build_keywords(instance, LOGIN, {})["Server"] == address
    assert find_instance_name(instance) == name


@pytest.mark.parametrize(
    "host",
    ["tcp:db", "np:\\\\db\\pipe", "admin:db", "lpc:db", "db,1500", "db;UID=x", "a b", "db\\", "\\x", "a\\b\\c", "{db}"],
)
def test_a_host_that_says_more_than_a_name_is_refused(host: str) -> None:
    with pytest.raises(InvalidInstanceError):
        build_keywords(replace(INSTANCE, host=host), LOGIN, {})


@pytest.mark.parametrize(
    ("authentication", "username", "expected"),
    [
        ("sql", "wf", {"UID": "wf", "PWD": "Hush!Hush"}),
        ("kerberos", "CORP\\svc", {"Trusted_Connection": "yes"}),
        ("entra-managed-identity", "system", {"Authentication": "ActiveDirectoryMSI"}),
        ("entra-managed-identity", "id", {"Authentication": "ActiveDirectoryMSI", "UID": "id"}),
        (
            "entra-service-principal",
            "app",
            {"Authentication": "ActiveDirectoryServicePrincipal", "UID": "app", "PWD": "Hush!Hush"},
        ),
        ("entra-default", "any", {"Authentication": "ActiveDirectoryDefault"}),
    ],
)
def test_each_way_to_log_in_sends_only_what_it_needs(
    authentication: str, username: str, expected: dict[str, str]
) -> None:
    instance = replace(INSTANCE, options={"authentication": authentication})
    keywords = build_keywords(instance, Login(username, LOGIN.password), {})
    sent = {name: keywords[name] for name in ("UID", "PWD", "Authentication", "Trusted_Connection") if name in keywords}
    assert sent == expected


@pytest.mark.parametrize("authentication", [*REFUSED_AUTHENTICATIONS, "no-such-thing"])
def test_a_way_to_log_in_that_the_driver_or_nobody_can_is_refused_with_the_reason(authentication: str) -> None:
    reason = REFUSED_AUTHENTICATIONS.get(authentication, ", ".join(AUTHENTICATIONS))
    with pytest.raises(InvalidInstanceError) as raised:
        translate_options({"authentication": authentication})
    assert reason in str(raised.value)


def test_a_windows_password_is_never_sent() -> None:
    with pytest.raises(InvalidInstanceError, match="kerberos"):
        build_keywords(INSTANCE, Login("CORP\\svc", "Hush!Hush"), {})


@pytest.mark.parametrize(
    ("options", "security"),
    [
        ({}, Security(encrypted=True, verified=True)),
        ({"trust_server_certificate": "yes"}, Security(encrypted=True, verified=False)),
        ({"encrypt": "strict", "trust_server_certificate": "yes"}, Security(encrypted=True, verified=True)),
        ({"encrypt": "no"}, Security(None, verified=False)),
        ({"encrypt": "optional"}, Security(None, verified=False)),
    ],
)
def test_what_is_known_of_the_connection_s_security(options: dict[str, str], security: Security) -> None:
    assert find_security(build_keywords(replace(INSTANCE, options=options), LOGIN, {})) == security


def test_a_certificate_that_never_ends_or_is_not_there_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "pipe", "no regular file"),
        ("/dev/zero", "no regular file"),
        (tmp_path / "no", "can't"),
    ):
        with pytest.raises(InvalidInstanceError, match=f"server_certificate.*{why}"):
            build_keywords(INSTANCE, LOGIN, {"server_certificate": str(path)})


SENDING = {"allow_cleartext_password": "yes"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tls": "verify-full"}, Security(encrypted=True, verified=True)),
        ({"tls": "required", **SENDING}, Security(encrypted=True, verified=False)),
        ({"tls": "preferred", **SENDING}, Security(encrypted=True, verified=False)),
        ({"tls": "disabled", **SENDING}, Security(None, verified=False)),
        ({"tls": "required", "authentication": "kerberos"}, Security(encrypted=True, verified=False)),
        ({}, Security(encrypted=True, verified=True)),
        ({"trust_server_certificate": "yes"}, Security(encrypted=True, verified=False)),
    ],
)
def test_the_words_of_tls_are_the_driver_s(options: dict[str, str], expected: Security) -> None:
    assert find_security(build_keywords(replace(INSTANCE, options=options), LOGIN, {})) == expected


@pytest.mark.parametrize("word", ["disabled", "preferred", "required"])
@pytest.mark.parametrize("authentication", ["sql", "entra-service-principal", "entra-default"])
def test_no_secret_goes_to_whoever_answers_unless_the_instance_says_so(word: str, authentication: str) -> None:
    instance = replace(INSTANCE, options={"tls": word, "authentication": authentication})
    with pytest.raises(InvalidInstanceError, match=r"verifies nobody.*allow_cleartext_password to yes"):
        build_keywords(instance, LOGIN, {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tls": "on"}, "must be one of disabled, preferred, required, verify-full"),
        ({"tls": "verify-ca"}, "the driver compares the name too: set verify-full"),
        ({"tls": "required", "encrypt": "yes"}, "options tls and encrypt say the same thing"),
        ({"tls": "required", "trust_server_certificate": "no"}, "options tls and trust_server_certificate"),
        ({"tls": "verify-full", "tls_ca": "ca.pem"}, "the driver trusts the system's authorities"),
        ({"tls_cert": "a.pem"}, "SQL Server asks no client for a certificate"),
        ({"allow_cleartext_password": "maybe"}, "must be one of yes, no"),
    ],
)
def test_what_no_connection_can_be_made_with_is_said(options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        translate_options(options)


def test_an_instance_s_own_way_to_name_tls_takes_the_place_of_the_deployment_s() -> None:
    own = replace(INSTANCE, options={"tls": "verify-full"})
    assert build_keywords(own, LOGIN, {"encrypt": "no"})["Encrypt"] == "yes"
    own = replace(INSTANCE, options={"encrypt": "strict"})
    assert build_keywords(own, LOGIN, {"tls": "disabled", **SENDING})["Encrypt"] == "strict"
