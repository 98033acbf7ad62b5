"""An instance's options as the driver's keywords, and its host as the address that it connects to. Pure."""

import re
from collections.abc import Mapping

from whalefall_pipeline.adapters import tls
from whalefall_pipeline.adapters.tls import check_file
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login, Security

DEFAULT_PORT = 1433
DEFAULT_INSTANCE = "MSSQLSERVER"
SYSTEM_ASSIGNED = "system"

_YES_NO = ("yes", "no")
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "encrypt": ("Encrypt", ("yes", "no", "mandatory", "optional", "strict")),
    "trust_server_certificate": ("TrustServerCertificate", _YES_NO),
    "hostname_in_certificate": ("HostnameInCertificate", ()),
    "server_certificate": ("ServerCertificate", ()),
    "server_spn": ("ServerSPN", ()),
    "application_intent": ("ApplicationIntent", ("ReadOnly", "ReadWrite")),
    "multi_subnet_failover": ("MultiSubnetFailover", _YES_NO),
}
"""An instance's options: the driver's keyword and, where they are few, the values that it takes."""

TLS_WORDS: dict[str, dict[str, str]] = {
    "disabled": {"Encrypt": "no"},
    "preferred": {"Encrypt": "yes", "TrustServerCertificate": "yes"},
    "required": {"Encrypt": "yes", "TrustServerCertificate": "yes"},
    "verify-full": {"Encrypt": "yes", "TrustServerCertificate": "no"},
}
"""The words of `tls`, which every engine has, in the driver's keywords.

The driver has no TLS that is taken where it is offered. Every SQL Server offers it, by a certificate that it makes
itself if it has no other (Microsoft Learn, "Configure SQL Server Database Engine for encrypting connections"), so that
`preferred` is `required` here.
"""
INSTEAD_OF_TLS = ("encrypt", "trust_server_certificate")
NOT_OF_TLS = {
    "tls_ca": "the driver trusts the system's authorities: add yours there, or name the server's own certificate by"
    " server_certificate",
    "tls_cert": "SQL Server asks no client for a certificate",
    "tls_key": "SQL Server asks no client for a certificate",
}
"""What goes with `tls` on other engines, and why it can't here."""
VERIFY_CA = "tls=verify-ca: the driver compares the name too: set verify-full, and hostname_in_certificate if need be"

RELAY = "relay"
"""The option `relay=no` connects without the relay: a field, and the login, may then be of any size."""
_AZURE = (".database.windows.net", ".database.usgovcloudapi.net", ".database.chinacloudapi.cn")

AUTHENTICATION = "authentication"
AUTHENTICATIONS: dict[str, dict[str, str]] = {
    "sql": {},
    "kerberos": {"Trusted_Connection": "yes"},
    "entra-managed-identity": {"Authentication": "ActiveDirectoryMSI"},
    "entra-service-principal": {"Authentication": "ActiveDirectoryServicePrincipal"},
    "entra-default": {"Authentication": "ActiveDirectoryDefault"},
}
"""How the collector logs in, and the driver's keywords for it.

- `sql`: a SQL login with its password, the default.
- `kerberos`: as the operating system's user, with the ticket that it holds (`kinit`, a keytab); the credential's name
  and password are not sent.
- `entra-managed-identity`: the name is the client id of a user-assigned identity, or `system`; no password is sent.
- `entra-service-principal`: the name is the application's client id, the password its secret.
- `entra-default`: whatever Azure's own chain of credentials finds on the machine.
"""

REFUSED_AUTHENTICATIONS: dict[str, str] = {
    "windows": "the driver takes no Windows name with a password (NTLM): use kerberos, with a ticket",
    "entra-interactive": "somebody would have to sit in front of it",
    "entra-device-code": "somebody would have to sit in front of it",
    "entra-password": "Microsoft has deprecated it, since it can't ask for a second factor",
}
"""Ways to log in that are asked for and can't be offered, with the reason."""

_PROTOCOL = re.compile(r"^(tcp|np|lpc|via|admin):", re.IGNORECASE)
_NOT_IN_HOST = re.compile(r"[,;={}\s]")


def build_keywords(instance: Instance, login: Login, defaults: Mapping[str, str]) -> dict[str, str]:
    """Build the driver's connection keywords: TLS that is verified, unless an option says otherwise.

    Raises InvalidInstanceError as `translate_options` does, for a host or name that can't be meant, and for a
    certificate's file that is none.
    """
    options = _join(defaults, instance.options)
    _check_cleartext(options)
    if path := options.get("server_certificate"):
        check_file("server_certificate", path)
    return {
        "Server": to_address(instance),
        "Database": instance.database or "master",
        "Encrypt": "yes",
        "ConnectRetryCount": "0",
        **translate_options(options),
        **_build_login(options.get(AUTHENTICATION, "sql"), login),
    }


def _join(defaults: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Join a deployment's options with an instance's own, whose way to name TLS takes the place of the other one."""
    theirs = INSTEAD_OF_TLS if "tls" in own else ("tls",) if any(name in own for name in INSTEAD_OF_TLS) else ()
    return {**{name: value for name, value in defaults.items() if name not in theirs}, **own}


def _check_cleartext(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError where a word of `tls` would have a secret sent to whoever answers.

    A SQL login's password is sent itself, and so are tokens: TDS has no exchange of hashes. The driver's own options
    `encrypt=no` and `trust_server_certificate=yes` are the instance's consent.
    """
    word = options.get("tls", "verify-full")
    kerberos = options.get(AUTHENTICATION) == "kerberos"
    if not (tls.is_verified(word) or kerberos or options.get(tls.ALLOW_CLEARTEXT) == "yes"):
        raise InvalidInstanceError(
            f"tls={word} verifies nobody, and the login's password itself is sent: set tls to verify-full, or, to send"
            f" it all the same, {tls.ALLOW_CLEARTEXT} to yes"
        )


def to_address(instance: Instance) -> str:
    r"""Return the address as the driver takes it: `host,port`, or `host\instance` where a port is not given.

    The driver ignores an instance's name beside a port and connects to whatever listens there; without a port it asks
    SQL Server Browser (UDP 1434). So the default port is not sent with a name, and `find_instance_name` is compared
    with what the server says. Source: Microsoft Learn, "SQL Server Browser service", "Connection string keywords".
    """
    if _PROTOCOL.match(instance.host) or _NOT_IN_HOST.search(instance.host):
        raise InvalidInstanceError(r"the host is a name or an address, or name\instance: no protocol, no port in it")
    if find_instance_name(instance) and instance.port == DEFAULT_PORT:
        return instance.host
    return f"{instance.host.partition(chr(92))[0]},{instance.port}"


def find_instance_name(instance: Instance) -> str:
    r"""Return the instance that `host\instance` names, in capitals; empty: none is named."""
    host, backslash, name = instance.host.partition("\\")
    if backslash and not (host and name and "\\" not in name):
        raise InvalidInstanceError(r"a named instance is written host\instance")
    return name.upper()


def is_relayed(instance: Instance, defaults: Mapping[str, str]) -> bool:
    """Whether to connect through a relay: not where the server's name says more than where it is.

    - Kerberos: the driver makes the service's name from the server's, unless `server_spn` has it.
    - `application_intent=ReadOnly`: an availability group's listener sends the driver on to another server.
    - Azure's gateway finds the server by the name that the driver sends (error 40532 without).
    """
    options = {**defaults, **instance.options}
    host = instance.host.partition("\\")[0].lower().rstrip(".")
    needs_name = options.get(AUTHENTICATION) == "kerberos" and "server_spn" not in options
    is_sent_on = options.get("application_intent") == "ReadOnly"
    return options.get(RELAY, "yes") == "yes" and not (needs_name or is_sent_on or host.endswith(_AZURE))


def _build_login(authentication: str, login: Login) -> dict[str, str]:
    keywords = dict(AUTHENTICATIONS[authentication])
    if authentication == "sql" and "\\" in login.username:
        raise InvalidInstanceError(
            r"no SQL login has a name with \ in it, and the driver takes no Windows password: "
            "set the option authentication=kerberos, which uses the ticket of whom this runs as"
        )
    if authentication in ("sql", "entra-service-principal"):
        return {**keywords, "UID": login.username, "PWD": login.password}
    if authentication == "entra-managed-identity" and login.username != SYSTEM_ASSIGNED:
        return {**keywords, "UID": login.username}
    return keywords


def translate_options(options: Mapping[str, str]) -> dict[str, str]:
    """Return options under the driver's keywords.

    Raises InvalidInstanceError for an option, or a value of one, that is not known; the message names the known ones.
    """
    keywords: dict[str, str] = {}
    for name, value in options.items():
        if name == AUTHENTICATION:
            _check_authentication(value)
            continue
        if name == RELAY:
            _check_word(RELAY, value, _YES_NO)
            continue
        if name == tls.ALLOW_CLEARTEXT:
            _check_word(name, value, _YES_NO)
            continue
        if name == "tls":
            keywords |= _translate_tls(value, options)
            continue
        if name in NOT_OF_TLS:
            raise InvalidInstanceError(f"option {name}: {NOT_OF_TLS[name]}")
        if name not in OPTIONS:
            known = ", ".join(sorted({*OPTIONS, AUTHENTICATION, RELAY, "tls", tls.ALLOW_CLEARTEXT}))
            raise InvalidInstanceError(f"unknown option {name!r}; SQL Server takes {known}")
        keyword, values = OPTIONS[name]
        if values:
            _check_word(name, value, values)
        keywords[keyword] = value
    return keywords


def _translate_tls(word: str, options: Mapping[str, str]) -> dict[str, str]:
    doubled = [name for name in INSTEAD_OF_TLS if name in options]
    if doubled:
        raise InvalidInstanceError(f"options tls and {doubled[0]} say the same thing: set one of them")
    if word == "verify-ca":
        raise InvalidInstanceError(VERIFY_CA)
    _check_word("tls", word, tuple(TLS_WORDS))
    return TLS_WORDS[word]


def _check_word(name: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise InvalidInstanceError(f"option {name} is {value!r}, and must be one of {', '.join(words)}")


def _check_authentication(value: str) -> None:
    if value in REFUSED_AUTHENTICATIONS:
        raise InvalidInstanceError(f"authentication={value} can't be used: {REFUSED_AUTHENTICATIONS[value]}")
    if value not in AUTHENTICATIONS:
        known = ", ".join(AUTHENTICATIONS)
        raise InvalidInstanceError(f"option {AUTHENTICATION} is {value!r}, and must be one of {known}")


def find_security(keywords: Mapping[str, str]) -> Security:
    """Return what the driver was told, and does not connect without; None where the server decides (`encrypt=no`).

    Source: Microsoft Learn, "Connection encryption" of the ODBC driver: with `strict` a certificate is always verified.
    """
    encrypt = keywords.get("Encrypt", "yes")
    if encrypt in ("no", "optional"):
        return Security(None, verified=False)
    trusts_any = keywords.get("TrustServerCertificate") == "yes" and encrypt != "strict"
    return Security(encrypted=True, verified=not trusts_any)
