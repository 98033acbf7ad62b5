"""Tries to connect to Oracle where no server is, and makes certificates for what listens there."""

import datetime
import socket
import ssl
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError
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
