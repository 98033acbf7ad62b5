"""What a driver's error means: vendors' texts, and those that both drivers were seen to give."""

import pytest

from whalefall_pipeline.adapters.sqlserver.errors import (
    MAX_TEXT,
    TIMEOUT,
    TRANSIENT,
    Endpoint,
    is_by_server,
    to_connection_error,
    to_failure,
    to_line,
)
from whalefall_pipeline.core.model import Seen

SERVER = "[Microsoft][SQL Server]"
TARGET = Endpoint("db.example:1433", "Hush!Hush")

REFUSED = {
    18452: "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
    18456: "Login failed for user 'wf'.",
    18451: "Login failed for user 'wf'. Only administrators may connect at this time.",
    18461: "Login failed for user 'wf'. Reason: Server is in single user mode. Only one administrator can "
    "connect at this "
    "time.",
    18462: 'The login failed for user "wf". The password change failed. The password for the user is too recent '
    "to change.",
    18463: 'The login failed for user "wf". The password change failed. The password cannot be used at this time.',
    18464: "Login failed for user 'wf'. Reason: Password change failed. The password does not meet operating "
    "system policy "
    "requirements because it is too short.",
    18468: 'The login failed for user "wf". The password change failed. An unexpected error occurred during password '
    "validation.",
    18470: "Login failed for user 'wf'. Reason: The account is disabled.",
    18471: 'The login failed for user "wf". The password change failed. The user does not have permission to '
    "change the "
    "password.",
    18486: "Login failed for user 'wf' because the account is currently locked out. The system administrator "
    "can unlock it.",
    18487: "Login failed for user 'wf'. Reason: The password of the account has expired.",
    18488: "Login failed for user 'wf'. Reason: The password of the account must be changed.",
    4060: 'Cannot open database "Shop" requested by the login. The login failed.',
    4064: "Cannot open user default database. Login failed.",
    17892: "Logon failed for login 'wf' due to trigger execution.",
    17835: "Encryption is required to connect to this server but the client library does not support encryption; the "
    "connection has been closed. Please upgrade your client library.",
    40532: 'Cannot open server "s" requested by the login. The login failed.',
    40615: "Cannot open server 's' requested by the login. Client with IP address '192.0.2.1' is not allowed to "
    "access the "
    "server.",
    40914: "Cannot open server 's' requested by the login. Client is not allowed to access the server.",
    0: "Fehler bei der Anmeldung für den Benutzer 'wf'.",
}
BUSY = {
    921: "Database 'Shop' has not been recovered yet. Wait and try again.",
    922: "Database 'Shop' is being recovered. Waiting until recovery is finished.",
    983: "Unable to access availability database 'Shop' because the database replica is not in the PRIMARY or "
    "SECONDARY "
    "role. Connections to an availability database is permitted only when the database replica is in the PRIMARY or "
    "SECONDARY role. Try the operation again later.",
    4221: "Login to read-secondary failed due to long wait on 'HADR_DATABASE_WAIT_FOR_TRANSITION_TO_VERSIONING'.",
    6005: "SHUTDOWN is in progress.",
    10928: "Resource ID: 1. The sessions limit for the database is 90 and has been reached.",
    10929: "Resource ID: 1. The sessions minimum guarantee is 4, maximum limit is 90 and the current usage for the "
    "database is 90. However, the server is currently too busy to support requests greater than 4 for this database.",
    17142: "SQL Server service has been paused. No new connections will be allowed.",
    17148: "SQL Server is terminating because of a system shutdown.",
    17187: "SQL Server is not ready to accept new client connections. Wait a few minutes before trying again.",
    17188: "SQL Server cannot accept new connections, because it is shutting down. The connection has been closed.",
    17189: "SQL Server failed with error code 0xc0000000 to spawn a thread to process a new login or connection.",
    17191: "Cannot accept a new connection because the session has been terminated.",
    17197: "Login failed due to timeout; the connection has been closed. This error may indicate heavy server load.",
    17198: "Connection failed because the endpoint could not be found.",
    17803: "There was a memory allocation failure during connection establishment.",
    17809: "Could not connect because the maximum number of '10' user connections has already been reached.",
    17810: "Could not connect because the maximum number of '1' dedicated administrator connections already exists.",
    17829: "A network error occurred while establishing a connection; the connection has been closed.",
    17830: "Network error code 0x2746 occurred while establishing a connection; the connection has been closed.",
    17899: "Login timer expired for the client connection.",
    18401: "Login failed for user 'wf'. Reason: Server is in script upgrade mode. Only administrator can "
    "connect at this "
    "time.",
    18458: "Login failed. The number of simultaneous users already equals the 5 registered licenses for this server.",
    18459: "Login failed. The workstation licensing limit for SQL Server access has already been reached.",
    18460: "Login failed. The number of simultaneous users has already reached the limit of 5 licenses for this "
    "'x' server.",
    40197: "The service has encountered an error processing your request. Please try again. Error code 40166.",
    40501: "The service is currently busy. Retry the request after 10 seconds.",
    40613: "Database 'Shop' on server 's' is not currently available. Please retry the connection later.",
    49918: "Cannot process request. Not enough resources to process request. The service is currently busy.",
    49919: "Cannot process create or update request. Too many create or update operations in progress for "
    "subscription.",
    49920: "Cannot process request. Too many operations in progress for subscription.",
}


@pytest.mark.parametrize("number", REFUSED)
def test_a_refused_login_is_final(number: int) -> None:
    error = to_connection_error("Invalid authorization specification", SERVER + REFUSED[number], TARGET)
    assert not error.transient
    assert "credential" in str(error)


@pytest.mark.parametrize("number", TRANSIENT)
def test_a_busy_server_may_be_tried_again_and_blames_no_credential(number: int) -> None:
    error = to_connection_error("Server rejected the connection", SERVER + BUSY[number], TARGET)
    assert error.transient
    assert "credential" not in str(error)


TLS = {
    "rust untrusted": (
        "[Microsoft]TLS handshake failed while connecting to 'db': error:0A000086:SSL routines:"
        "tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889: "
        "(self-signed certificate). Certificate SANs: (unavailable)",
        "trust_server_certificate=yes",
        False,
    ),
    "odbc untrusted": (
        "[Microsoft]SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed certificate]",
        "trust_server_certificate=yes",
        False,
    ),
    "rust other name": (
        "[Microsoft]TLS handshake failed while connecting to '127.0.0.1': error:0A000086:SSL routines:"
        "tls_post_process_server_certificate:certificate verify failed:x:1889: (IP address mismatch).",
        "hostname_in_certificate",
        False,
    ),
    "odbc other name": (
        "[Microsoft]SSL Provider: [error:0A000086:SSL routines::certificate verify failed:subject name does not match "
        "host name]",
        "hostname_in_certificate",
        False,
    ),
    "expired": (
        "[Microsoft]SSL Provider: [error:0A000086:SSL routines::certificate verify failed:certificate has expired]",
        "expired",
        False,
    ),
    "odbc TLS 1.0": (
        "[Microsoft]SSL Provider: [error:0A00014D:SSL routines::legacy sigalg disallowed or unsupported]",
        "enable TLS 1.2",
        False,
    ),
    "old protocol": (
        "[Microsoft]SSL Provider: [error:0A000102:SSL routines::unsupported protocol]",
        "enable TLS 1.2",
        False,
    ),
    "rust TLS 1.0": (
        "[Microsoft]TLS handshake failed while connecting to '127.0.0.1': unexpected EOF. Certificate SANs: "
        "(unavailable)",
        "TLS 1.2",
        True,
    ),
}


@pytest.mark.parametrize("name", TLS)
@pytest.mark.parametrize("trusts_any", [False, True])
def test_each_failure_of_tls_gets_the_advice_that_fits(name: str, trusts_any: bool) -> None:
    text, advice, transient = TLS[name]
    error = to_connection_error(
        "Client unable to establish connection", text, TARGET._replace(trusts_any_certificate=trusts_any)
    )
    assert error.transient is transient
    if trusts_any:
        assert "trust_server_certificate" not in str(error)
    else:
        assert advice in str(error)
        assert ("trust_server_certificate" in str(error)) is ("untrusted" in name)


@pytest.mark.parametrize(
    ("text", "transient"),
    [
        ("[Microsoft]IO error: Connection refused (os error 111)", True),
        ("[Microsoft]TCP Provider: Error code 0x2749", True),
        ("[Microsoft]SQL Server Network Interfaces: Error Locating Server/Instance Specified [xFFFFFFFF].", True),
        ("[Microsoft]Security error: GSSAPI error: No Kerberos credentials available.", False),
        ("[Microsoft]SSPI Provider: No credentials were supplied.", False),
        ("Failed to load the driver or one of its libraries.", False),
    ],
)
def test_what_never_reached_a_server(text: str, transient: bool) -> None:
    assert to_connection_error("Client unable to establish connection", text, TARGET).transient is transient


STATEMENTS = {
    "Lock request time out period exceeded.": Seen.TIMED_OUT,
    "Transaction (Process ID 71) was deadlocked on lock resources with another process and has been chosen as the "
    "deadlock victim. Rerun the transaction.": Seen.TIMED_OUT,
    "The SELECT permission was denied on the object 'x', database 'y', schema 'sys'.": Seen.DENIED,
    'The server principal "wf" is not able to access the database "y" under the current security context.': Seen.DENIED,
    "The user does not have permission to perform this action.": Seen.DENIED,
    "Database 'y' is already open and can only have one user at a time.": Seen.UNREACHABLE,
    "Database 'y' cannot be opened. It is in the middle of a restore.": Seen.UNREACHABLE,
    "Database 'y' cannot be opened because it is offline.": Seen.UNREACHABLE,
    "The target database, 'y', is participating in an availability group and is currently not accessible.": (
        Seen.UNREACHABLE
    ),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_failed_statement_says_why_in_a_line_that_stays_the_same(text: str) -> None:
    observation = to_failure("Syntax error or access violation", SERVER + text, TARGET, 60)
    assert observation.status is STATEMENTS[text]
    assert "71" not in observation.reason


def test_a_statement_that_the_driver_gave_up_is_timed_out() -> None:
    assert is_by_server(TIMEOUT, "")
    assert to_failure(TIMEOUT, "", TARGET, 2.5) == (Seen.TIMED_OUT, "no answer within 2.5 s")


def test_a_server_s_text_is_shown_without_the_secret_and_without_what_moves_a_cursor() -> None:
    line = to_line(f"{SERVER}\x1b]0;title\x07 Hush!Hush \u202e{'x' * 5000}\r\nnext", TARGET)
    assert "Hush" not in line
    assert line.startswith(r"\x1b]0;title\x07 *** \u202exxx")
    assert len(line) == MAX_TEXT + 3


def test_a_text_is_one_line_without_the_secret_and_as_it_is_where_there_is_none() -> None:
    text = f"{SERVER}Login failed\n for Hush!Hush\x1b"
    assert to_line(text, TARGET) == r"Login failed for ***\x1b"
    assert to_line(text, TARGET._replace(secret="")) == r"Login failed for Hush!Hush\x1b"
