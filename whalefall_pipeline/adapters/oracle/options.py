"""What an instance says of the way to its server, checked and put into one value. Pure.

Options of an instance (all optional, all text). Where to, one of:

- `service_name`: the service to ask the listener for; without it the instance's database name is taken.
- `sid`: a SID instead of a service.
- `connect_descriptor`: a whole `(DESCRIPTION=…)`: address lists, failover, load balance. One of its addresses has to be
  the instance's host and port.
- `tns_alias`: a name of `tnsnames.ora` in the folder `config_dir`, where the same holds for what it stands for.

How, beside the first two (a descriptor says all of it but the files itself), in the words of every engine:

- `tls`: `disabled` (default), `required` (nobody is verified), `verify-ca` or `verify-full`. There is no `preferred`: a
  port of Oracle's speaks TLS or it does not.
- `tls_ca`, and with it `tls_cert` and `tls_key`: PEM files, the authorities to trust, our own certificate, and its key.

Or in the driver's (a descriptor says the first four itself):

- `protocol`: `tcp` (default) or `tcps`, that is TLS. The following need `tcps`:
- `ssl_server_dn_match`: `on` (default) or `off`, whether the certificate has to be the host's.
- `ssl_server_cert_dn`: the distinguished name that the certificate has to have, instead of the host's name.
- `wallet_location`: folder with an `ewallet.pem` (trusted authorities, and a client certificate if there is one).
  A wallet with a password is not supported: an option is no place for a secret.
- `ssl_ca_file`: PEM file with the authorities to trust, instead of the machine's own.

As whom:

- `login`: `password` (default), or `token`: the credential's secret is an OAuth 2.0 access token (Microsoft Entra ID),
  which needs `tcps` and a certificate of the right host. Other ways than these two need Oracle's client libraries
  ("thick mode", python-oracledb's User Guide, appendix "Differences between Thin and Thick Modes"), which this adapter
  does without; a token of OCI IAM comes with a private key, and is not supported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from whalefall_pipeline.adapters import tls
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Security

TLS_OPTIONS = ("ssl_ca_file", "ssl_server_cert_dn", "ssl_server_dn_match", "wallet_location")
IN_DESCRIPTOR = ("protocol", "service_name", "sid", "ssl_server_cert_dn", "ssl_server_dn_match", "wallet_location")
"""What a connect descriptor says itself."""
OURS = ("tls", *tls.OPTIONS[1:])
WORDS: Mapping[str, Mapping[str, str]] = {
    "disabled": {"protocol": "tcp"},
    "required": {"protocol": "tcps", "ssl_server_dn_match": "off"},
    "verify-ca": {"protocol": "tcps", "ssl_server_dn_match": "off"},
    "verify-full": {"protocol": "tcps", "ssl_server_dn_match": "on"},
}
"""The words of `tls` as the driver's options."""
INSTEAD_OF_TLS = ("protocol", "ssl_server_dn_match", "ssl_server_cert_dn", "ssl_ca_file", "wallet_location")
NO_PREFERRED = "tls=preferred: a port of Oracle's speaks TLS or it does not: set required or verify-full, or disabled"
KNOWN_OPTIONS = (
    *OURS,
    "config_dir",
    "connect_descriptor",
    "login",
    "protocol",
    "service_name",
    "sid",
    "tns_alias",
    *TLS_OPTIONS,
)
CHOICES = {
    "tls": tuple(WORDS),
    "protocol": ("tcp", "tcps"),
    "ssl_server_dn_match": ("on", "off"),
    "login": ("password", "token"),
}
"""The values of options that take few."""
THICK_ONLY = {
    "certificate": "users that are identified by the certificate of a wallet",
    "external": "users that are identified externally",
    "kerberos": "Kerberos",
    "os": "users that are identified by the operating system",
    "radius": "RADIUS",
    "wallet": "a password store in a wallet",
}
"""Ways to log in that the driver's thin mode does not have."""
_UNSAFE = re.compile(r"[()=\"'\\\s\x00-\x1f]")
_UNSAFE_IN_DN = re.compile(r"[()\"\x00-\x1f]")
_ALIAS = re.compile(r"[\w.$-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect and as whom; exactly one of `service_name`, `sid`, `descriptor` and `alias` is set."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    service_name: str | None = None
    sid: str | None = None
    descriptor: str | None = None
    alias: str | None = None
    config_dir: str | None = None
    protocol: str = "tcp"
    ssl_ca_file: str | None = None
    wallet_location: str | None = None
    ssl_server_dn_match: bool = True
    ssl_server_cert_dn: str | None = None
    is_token: bool = False
    tls: str = ""
    tls_cert: str | None = None
    tls_key: str | None = None

    @property
    def security(self) -> Security:
        """Whether the connection is encrypted and the server's certificate verified, as far as the options say it."""
        is_encrypted = self.protocol == "tcps"
        is_verified = tls.is_verified(self.tls) if self.tls else self.ssl_server_dn_match
        return Security(is_encrypted, is_encrypted and is_verified)

    def __str__(self) -> str:
        where = self.service_name or (self.sid and f"SID {self.sid}") or (self.alias and f"alias {self.alias}")
        return f"{self.host}:{self.port} ({where or 'connect descriptor'})"


def to_endpoint(instance: Instance, login: Login, default_options: Mapping[str, str]) -> Endpoint:
    """Check an instance's options and join them with its login. Raises InvalidInstanceError."""
    own = instance.options
    given = {**_drop_default_place(default_options, own), **own}
    check_options(given)
    options = _translate_tls(given)
    is_described = "connect_descriptor" in options or "tns_alias" in options
    _check_together(options, is_described=is_described)
    service_name = None if options.get("sid") or is_described else options.get("service_name") or instance.database
    if not (service_name or options.get("sid") or is_described):
        raise InvalidInstanceError("no service: set the instance's database or its option service_name (or sid)")
    for name, value in (("host", instance.host), ("service", service_name or ""), ("sid", options.get("sid", ""))):
        if _UNSAFE.search(value):
            raise InvalidInstanceError(f"{name} {value!r} has a character that no name on Oracle's network has")
    return Endpoint(
        host=instance.host,
        port=instance.port,
        username=login.username,
        password=login.password,
        service_name=service_name,
        sid=options.get("sid"),
        descriptor=options.get("connect_descriptor"),
        alias=options.get("tns_alias"),
        config_dir=options.get("config_dir"),
        protocol=options.get("protocol", "tcp"),
        ssl_ca_file=options.get("ssl_ca_file"),
        wallet_location=options.get("wallet_location"),
        ssl_server_dn_match=options.get("ssl_server_dn_match", "on") == "on",
        ssl_server_cert_dn=options.get("ssl_server_cert_dn"),
        is_token=options.get("login") == "token",
        tls=options.get("tls", ""),
        tls_cert=options.get("tls_cert"),
        tls_key=options.get("tls_key"),
    )


def _drop_default_place(defaults: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return a deployment's options without those that the instance's own descriptor or alias takes the place of."""
    is_described = "connect_descriptor" in own or "tns_alias" in own
    dropped = {*IN_DESCRIPTOR, "tls"} if is_described else set[str]()
    if "tls" in own:
        dropped |= set(INSTEAD_OF_TLS)
    elif any(name in own for name in INSTEAD_OF_TLS):
        dropped |= set(OURS)
    return {name: value for name, value in defaults.items() if name not in dropped}


def _translate_tls(options: Mapping[str, str]) -> dict[str, str]:
    """Return options with the word of `tls` as the driver's own. Raise InvalidInstanceError where both are there."""
    if "tls" not in options:
        idle = [name for name in OURS if name in options]
        if idle and not ("connect_descriptor" in options or "tns_alias" in options):
            raise InvalidInstanceError(f"{', '.join(idle)} has no effect without tls")
        return {**options, **_to_authorities(options)}
    doubled = [name for name in (*INSTEAD_OF_TLS, "connect_descriptor", "tns_alias") if name in options]
    if doubled:
        raise InvalidInstanceError(f"options tls and {doubled[0]} say the same thing: set one of them")
    return {**options, **WORDS[options["tls"]], **_to_authorities(options)}


def _to_authorities(options: Mapping[str, str]) -> dict[str, str]:
    return {"ssl_ca_file": options["tls_ca"]} if "tls_ca" in options else {}


def _check_together(options: Mapping[str, str], *, is_described: bool) -> None:
    places = [name for name in ("service_name", "sid", "connect_descriptor", "tns_alias") if options.get(name)]
    if len(places) > 1:
        raise InvalidInstanceError(f"{' and '.join(places)} are set: an Oracle instance is reached by one of them")
    doubled = [name for name in IN_DESCRIPTOR if is_described and name in options]
    if doubled:
        raise InvalidInstanceError(f"{', '.join(doubled)}: {places[0]} says that itself")
    if ("tns_alias" in options) != ("config_dir" in options):
        raise InvalidInstanceError("tns_alias and config_dir, the folder of its tnsnames.ora, need each other")
    idle = [name for name in TLS_OPTIONS if name in options and "tls" not in options]
    if idle and options.get("protocol") != "tcps" and not is_described:
        raise InvalidInstanceError(f"{', '.join(idle)} has no effect without protocol=tcps")
    is_verified = options.get("protocol") == "tcps" and options.get("ssl_server_dn_match") != "off"
    if options.get("login") == "token" and not (is_described or is_verified):
        raise InvalidInstanceError("login=token needs protocol=tcps, and a certificate that is the host's")


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option, or a value of one, that is not known; each is looked at by itself."""
    unknown = sorted(options.keys() - set(KNOWN_OPTIONS))
    if unknown:
        known = ", ".join(sorted(KNOWN_OPTIONS))
        raise InvalidInstanceError(f"unknown option {', '.join(unknown)} for an Oracle instance; known are: {known}")
    way = options.get("login", "")
    if way in THICK_ONLY:
        raise InvalidInstanceError(
            f"login={way}: {THICK_ONLY[way]} need Oracle's client libraries, which are not used here; "
            "use login=password with an account of its own, or login=token"
        )
    if options.get("tls") == "preferred":
        raise InvalidInstanceError(NO_PREFERRED)
    if "tls_key" in options and "tls_cert" not in options:
        raise InvalidInstanceError("option tls_key needs tls_cert, the certificate that it belongs to")
    for name, choices in CHOICES.items():
        if name in options and options[name] not in choices:
            raise InvalidInstanceError(f"option {name} is {options[name]!r}; it is one of: {', '.join(choices)}")
    if "connect_descriptor" in options and not options["connect_descriptor"].lstrip().startswith("("):
        raise InvalidInstanceError("connect_descriptor is no (DESCRIPTION=…); for a name of tnsnames.ora set tns_alias")
    if "tns_alias" in options and not _ALIAS.fullmatch(options["tns_alias"]):
        raise InvalidInstanceError("tns_alias is no name as tnsnames.ora has them")
    if _UNSAFE_IN_DN.search(options.get("ssl_server_cert_dn", "")):
        raise InvalidInstanceError("ssl_server_cert_dn has a character that a connect descriptor can't hold")
