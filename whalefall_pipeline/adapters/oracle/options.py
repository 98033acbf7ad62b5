"""What an instance says of the way to its server, checked and put into one value. Pure.

Options of an instance (all optional, all text):

- `service_name`: the service to ask the listener for; without it the instance's database name is taken.
- `sid`: a SID instead of a service.
- `protocol`: `tcp` (default) or `tcps`, that is TLS. The following need `tcps`:
- `ssl_ca_file`: PEM file with the authorities to trust, instead of the machine's own.
- `wallet_location`: folder with an `ewallet.pem` (trusted authorities, and a client certificate if there is one).
  A wallet with a password is not supported: an option is no place for a secret.
- `ssl_server_dn_match`: `on` (default) or `off`, whether the certificate has to be the host's.
- `ssl_server_cert_dn`: the distinguished name that the certificate has to have, instead of the host's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login

TLS_OPTIONS = ("ssl_ca_file", "ssl_server_cert_dn", "ssl_server_dn_match", "wallet_location")
KNOWN_OPTIONS = ("protocol", "service_name", "sid", *TLS_OPTIONS)
CHOICES = {"protocol": ("tcp", "tcps"), "ssl_server_dn_match": ("on", "off")}
"""The values of options that take few."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect and as whom; exactly one of `service_name` and `sid` is set."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    service_name: str | None = None
    sid: str | None = None
    protocol: str = "tcp"
    ssl_ca_file: str | None = None
    wallet_location: str | None = None
    ssl_server_dn_match: bool = True
    ssl_server_cert_dn: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port} ({self.service_name or 'SID ' + str(self.sid)})"


def to_target(instance: Instance, login: Login, default_options: Mapping[str, str]) -> Target:
    """Check an instance's options and join them with its login. Raises InvalidInstanceError."""
    options = {**default_options, **instance.options}
    check_options(options)
    idle = [name for name in TLS_OPTIONS if name in options]
    if idle and options.get("protocol") != "tcps":
        raise InvalidInstanceError(f"{', '.join(idle)} has no effect without protocol=tcps")
    service_name, sid = options.get("service_name"), options.get("sid")
    if service_name and sid:
        raise InvalidInstanceError("service_name and sid are both set: an Oracle instance is reached by one of them")
    if not sid:
        service_name = service_name or instance.database
        if not service_name:
            raise InvalidInstanceError("no service: set the instance's database or its option service_name (or sid)")
    return Target(
        host=instance.host,
        port=instance.port,
        username=login.username,
        password=login.password,
        service_name=service_name,
        sid=sid,
        protocol=options.get("protocol", "tcp"),
        ssl_ca_file=options.get("ssl_ca_file"),
        wallet_location=options.get("wallet_location"),
        ssl_server_dn_match=options.get("ssl_server_dn_match", "on") == "on",
        ssl_server_cert_dn=options.get("ssl_server_cert_dn"),
    )


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option, or a value of one, that is not known; each is looked at by itself."""
    unknown = sorted(options.keys() - set(KNOWN_OPTIONS))
    if unknown:
        known = ", ".join(sorted(KNOWN_OPTIONS))
        raise InvalidInstanceError(f"unknown option {', '.join(unknown)} for an Oracle instance; known are: {known}")
    for name, choices in CHOICES.items():
        if name in options and options[name] not in choices:
            raise InvalidInstanceError(f"option {name} is {options[name]!r}; it is one of: {', '.join(choices)}")
