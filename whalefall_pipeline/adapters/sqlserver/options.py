"""An instance's options as the driver's keywords. Pure."""

from collections.abc import Mapping

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login

_YES_NO = ("yes", "no")
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "encrypt": ("Encrypt", ("yes", "no", "mandatory", "optional", "strict")),
    "trust_server_certificate": ("TrustServerCertificate", _YES_NO),
    "hostname_in_certificate": ("HostnameInCertificate", ()),
    "server_certificate": ("ServerCertificate", ()),
    "application_intent": ("ApplicationIntent", ("ReadOnly", "ReadWrite")),
    "multi_subnet_failover": ("MultiSubnetFailover", _YES_NO),
}
"""An instance's options: the driver's keyword and, where they are few, the values that it takes."""


def build_keywords(instance: Instance, login: Login, defaults: Mapping[str, str]) -> dict[str, str]:
    """Build the driver's connection keywords: TLS that is verified, unless an option says otherwise.

    Raises InvalidInstanceError as `translate_options` does.
    """
    return {
        "Server": f"{instance.host},{instance.port}",
        "Database": instance.database or "master",
        "UID": login.username,
        "PWD": login.password,
        "Encrypt": "yes",
        "ConnectRetryCount": "0",
        **translate_options({**defaults, **instance.options}),
    }


def translate_options(options: Mapping[str, str]) -> dict[str, str]:
    """Give options under the driver's keywords.

    Raises InvalidInstanceError for an option, or a value of one, that is not known; the message names the known ones.
    """
    keywords: dict[str, str] = {}
    for name, value in options.items():
        if name not in OPTIONS:
            raise InvalidInstanceError(f"unknown option {name!r}; SQL Server takes {', '.join(sorted(OPTIONS))}")
        keyword, values = OPTIONS[name]
        if values and value not in values:
            raise InvalidInstanceError(f"option {name} is {value!r}, and must be one of {', '.join(values)}")
        keywords[keyword] = value
    return keywords
