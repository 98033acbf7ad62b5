"""Certificates for servers under test: the right one, and each way in which one is wrong."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NAMED = ("127.0.0.1", "localhost")
OTHER = ("192.0.2.1", "db.example")
KINDS = ("right", "another-name", "self-signed", "expired")
"""What each is: of this machine, by the authority; of another one; signed by itself; of the day before yesterday."""


class Certificate(NamedTuple):
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


def write_authority(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Write `ca.pem`, the certificate of an authority, and return its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "ca.pem", _sign("an authority", key, key, is_authority=True).public_bytes(Encoding.PEM))
    return key


def write_certificate(folder: Path, kind: str, authority: ec.EllipticCurvePrivateKey) -> Certificate:
    """Write a certificate of a kind, and its key, which only the owner of the folder may read."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _sign(
        "a server",
        key,
        key if kind == "self-signed" else authority,
        names=OTHER if kind == "another-name" else NAMED,
        age=timedelta(days=3) if kind == "expired" else timedelta(days=1),
    )
    files = Certificate(folder / f"{kind}.pem", folder / f"{kind}.key")
    _write(files.certificate, made.public_bytes(Encoding.PEM))
    _write(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.key.chmod(0o600)
    return files


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
    names: tuple[str, str] = NAMED,
    age: timedelta = timedelta(days=1),
) -> x509.Certificate:
    issuer = name if key is by else "an authority"
    begin = datetime.now(UTC) - age
    made = x509.CertificateBuilder(_to_name(issuer), _to_name(name), key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(begin).not_valid_after(begin + timedelta(days=2))
    made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if not is_authority:
        address, host = names
        alternatives = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address)), x509.DNSName(host)])
        made = made.add_extension(alternatives, critical=False)
    return made.sign(by, SHA256())


def _to_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
