"""PyMySQL's connection, bounded: what a server may send is counted, and a password goes only to who may have it.

The driver holds an answer whole, whatever its size, and gives the password itself to any server that asks for it: over
`mysql_clear_password` and `dialog`, and by the methods of SHA-256 to whoever sends a key of its own.
"""

import ssl
from collections.abc import Callable
from io import BufferedReader
from typing import Any

import pymysql._auth  # pyright: ignore[reportPrivateUsage] - the driver's methods, which are guarded here
from pymysql import connections, err
from pymysql.constants import CR
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from whalefall_pipeline.adapters.answers import AnswerTooLargeError
from whalefall_pipeline.adapters.mysql.errors import PasswordAskedError
from whalefall_pipeline.adapters.mysql.options import Transport
from whalefall_pipeline.core.model import Instance, Login, Security

PACKET_BYTES, COLUMN_BYTES = 128, 2048
"""What Python takes for a row, and for a column's description, beside their text: a row may be a few bytes long."""
WHOLE_PACKET = 0xFFFFFF
FULL_EXCHANGE = b"\1\4"
"""The server's word, in caching_sha2_password, that it wants the password itself."""


Connection: Any = connections.Connection
methods: Any = pymysql._auth  # pyright: ignore[reportPrivateUsage] # noqa: SLF001
"""Both are untyped, and what is needed of them is private."""


class Guard:
    """One method of authentication that would send the password: as the driver does it, where that is allowed."""

    def __init__(self, connection: "BoundedConnection") -> None:
        self.connection = connection


class CachingSha2(Guard):
    """`caching_sha2_password`: a hash, unless the server says that it does not know it yet."""

    def authenticate(self, packet: Any) -> Any:
        """Answer one packet of the exchange, and return the next."""
        connection = self.connection
        if packet.is_auth_switch_request():
            connection.salt = packet.read_all().removesuffix(b"\0")
            return connection.exchange(methods.scramble_caching_sha2(connection.password, connection.salt))
        if packet.get_all_data()[:2] == FULL_EXCHANGE:
            connection.check_may_send("caching_sha2_password")
        return methods.caching_sha2_password_auth(connection, packet)


class Sha256(Guard):
    """`sha256_password`: always the password itself."""

    def authenticate(self, packet: Any) -> Any:
        """See `CachingSha2.authenticate`."""
        self.connection.check_may_send("sha256_password")
        return methods.sha256_password_auth(self.connection, packet)


class Clear(Guard):
    """`mysql_clear_password`, as LDAP and PAM want it."""

    def authenticate(self, packet: Any) -> Any:
        """See `CachingSha2.authenticate`."""
        self.connection.check_may_send("mysql_clear_password")
        return self.connection.send_password()


class Dialog(Guard):
    """`dialog`, MariaDB's PAM: the first question is answered with the password, whatever its words; no second one."""

    def authenticate(self, packet: Any) -> Any:
        """See `CachingSha2.authenticate`."""
        self.connection.check_may_send("dialog")
        return self.connection.send_password()


class Refused(Guard):
    """A method that the driver does not have, or that nobody should use any more."""

    def authenticate(self, packet: Any) -> Any:
        """Raise the driver's error of a method that is not there."""
        raise err.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "not supported")


GUARDS: dict[str, Callable[["BoundedConnection"], Guard]] = {
    "caching_sha2_password": CachingSha2,
    "sha256_password": Sha256,
    "mysql_clear_password": Clear,
    "dialog": Dialog,
    "mysql_old_password": Refused,
}


class BoundedConnection(Connection):
    """A connection that is not opened yet; `seconds` bounds each wait for the server."""

    _rfile: BufferedReader
    _result: Any
    _secure: bool
    _next_seq_id: int
    _auth_plugin_name: str
    _allowed: int = 0
    encoding: str
    salt: bytes
    ctx: ssl.SSLContext

    password: bytes

    def __init__(self, transport: Transport, instance: Instance, login: Login, seconds: float) -> None:
        self._transport = transport
        is_preferred = transport.mode == "preferred"
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            host=instance.host,
            port=instance.port,
            user=login.username.encode(),
            password=login.password.encode(),
            database=None,
            charset="utf8mb4",
            autocommit=True,
            read_timeout=seconds,
            write_timeout=seconds,
            ssl=None if is_preferred else transport.context,  # without one, TLS is taken where the server offers it
            ssl_disabled=transport.context is None,
            program_name="whalefall",
            auth_plugin_map=GUARDS,
            defer_connect=True,
        )

    def _create_ssl_ctx(self, sslp: object) -> ssl.SSLContext | None:
        """Return our own context: the driver would make one more, with all of the system's authorities."""
        return self._transport.context

    @property
    def has_certificate(self) -> bool:
        """Whether the server is shown a certificate of ours."""
        return self._transport.has_certificate

    @property
    def security(self) -> Security:
        """Whether TLS is in use, or was when the connection ended, and whether the certificate was verified."""
        encrypted = self._secure
        return Security(encrypted, encrypted and self._transport.is_verified)

    @property
    def warnings(self) -> int:
        """How many warnings the server has of the last statement, as of a text that it cut."""
        return self._result.warning_count if self._result else 0

    def allow(self, limit: int) -> None:
        """Let the server send so many bytes from now on."""
        self._allowed = limit

    def check_may_send(self, method: str) -> None:
        """Raise PasswordAskedError unless the password itself may be sent on this connection."""
        if not self._transport.may_send_password:
            raise PasswordAskedError(method)

    def exchange(self, answer: bytes) -> Any:
        """Send an answer of a login, and return the server's next packet."""
        self.write_packet(answer)
        packet = self._read_packet()
        packet.check_error()
        return packet

    def send_password(self) -> Any:
        """Send the password itself, and return the server's next packet.

        A second question raises the driver's error of a method that is missing: nothing here could answer it.
        """
        packet = self.exchange(self.password + b"\0")
        if not packet.is_ok_packet():
            raise err.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "a second question")
        return packet

    def _get_server_information(self) -> None:
        super()._get_server_information()  # pyright: ignore[reportUnknownMemberType]
        if self._auth_plugin_name == "sha256_password" and not self._transport.may_send_password:
            self._auth_plugin_name = "mysql_native_password"  # so that the server has to ask, which the guard hears

    def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        """Read a packet, as the driver does, but no more than is allowed."""
        parts: list[bytes] = []
        self._allowed -= COLUMN_BYTES if packet_type is FieldDescriptorPacket else PACKET_BYTES
        while True:
            low, middle, high, number = self._read_exactly(4)
            size = low | middle << 8 | high << 16
            self._allowed -= size
            if self._allowed < 0:
                raise AnswerTooLargeError
            if number != self._next_seq_id:
                self._refuse_number(number)
            self._next_seq_id = number + 1 & 255
            parts.append(self._read_exactly(size))
            if size < WHOLE_PACKET:
                break
        packet = packet_type(parts[0] if len(parts) == 1 else b"".join(parts), self.encoding)
        if packet.is_error_packet():
            packet.raise_for_error()
        return packet

    def _read_exactly(self, size: int) -> bytes:
        try:
            found = self._rfile.read(size)
        except OSError as error:
            raise err.OperationalError(CR.CR_SERVER_LOST, f"the connection was lost ({error})") from None
        if len(found) < size:
            raise err.OperationalError(CR.CR_SERVER_LOST, "the connection was lost")
        return found

    def _refuse_number(self, number: int) -> None:
        if number == 0:  # MariaDB's last word when it shuts down
            raise err.OperationalError(CR.CR_SERVER_LOST, "the connection was lost")
        raise err.InternalError("a packet has the wrong number")
