"""The words of `tls` on Oracle's driver, against a listener with each certificate.

The listener then refuses: that it was asked is that the handshake was done.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.adapters.oracle.connecting import LOGIN, PATIENT, fail_to_connect
from tests.servers.certificates import Certificate, write_authority, write_certificate
from tests.servers.oracle_listener import listen, to_refusal
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance

ASKED = "the listener knows no such service"
UNTRUSTED, OTHER = "the certificate is not trusted", "another host"
VERIFYING = {"required": {}, "verify-ca": {"tls_ca": "{ca}"}, "verify-full": {"tls_ca": "{ca}"}}


def to_context(shown: Certificate, authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.certificate, shown.key)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    return context


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("right", {"required": ASKED, "verify-ca": ASKED, "verify-full": ASKED}),
        ("another-name", {"required": ASKED, "verify-ca": ASKED, "verify-full": OTHER}),
        ("self-signed", {"required": ASKED, "verify-ca": UNTRUSTED, "verify-full": UNTRUSTED}),
        ("expired", {"required": ASKED, "verify-ca": UNTRUSTED, "verify-full": UNTRUSTED}),
    ],
)
def test_each_word_takes_the_certificates_that_it_names(tmp_path: Path, kind: str, expected: Mapping[str, str]) -> None:
    shown = write_certificate(tmp_path, kind, write_authority(tmp_path))
    for word, options in VERIFYING.items():
        given = {name: value.format(ca=tmp_path / "ca.pem") for name, value in options.items()}
        with listen(to_refusal(12514), tls=to_context(shown)) as listener:
            error = fail_to_connect(listener.port, {"tls": word, **given}, host="localhost")
        assert expected[word] in str(error), word


def test_without_tls_nothing_but_a_plain_port_is_spoken_to(tmp_path: Path) -> None:
    with listen(to_refusal(12514)) as listener:
        assert ASKED in str(fail_to_connect(listener.port, {"tls": "disabled"}))
    with listen(b"no TLS here at all") as listener:
        assert "no TLS" in str(fail_to_connect(listener.port, {"tls": "required"}))


def test_a_certificate_of_our_own_is_shown(tmp_path: Path) -> None:
    authority = write_authority(tmp_path)
    shown = write_certificate(tmp_path, "right", authority)
    ours = write_certificate(tmp_path, "another-name", authority)
    options = {"tls": "verify-full", "tls_ca": str(tmp_path / "ca.pem")}
    own = {"tls_cert": str(ours.certificate), "tls_key": str(ours.key)}
    context = to_context(shown, tmp_path / "ca.pem")
    with listen(to_refusal(12514), tls=context) as listener:
        assert ASKED in str(fail_to_connect(listener.port, options | own, host="localhost"))
    with listen(to_refusal(12514), tls=context) as listener:
        assert ASKED not in str(fail_to_connect(listener.port, options, host="localhost"))


def test_a_file_that_is_no_certificate_is_the_instances_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("tls_ca", "tls_cert"):
        instance = Instance(
            1, "oracle", "oracle", "127.0.0.1", 1, "S", options={"tls": "verify-ca", name: str(tmp_path / "empty.pem")}
        )
        with (
            pytest.raises(InvalidInstanceError, match=r"empty\.pem can't be read as PEM"),
            OracleAdapter().open(instance, LOGIN, PATIENT, Deadline(60)),
        ):
            raise AssertionError("there is no server to connect to")
