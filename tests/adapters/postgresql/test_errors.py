"""What libpq says, as the error that a sync reports."""

import pytest

from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, to_connect_error

AT = 'connection to server at "127.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "reason", "transient"),
    [
        (f"{AT}Connection refused\n\tIs the server running on that host?\n", "Connection refused", True),
        (f"{AT}server closed the connection unexpectedly\n\tThis probably means", "server closed the connection", True),
        (f"{AT}FATAL:  the database system is starting up\n", "the database system is starting up", True),
        (f"{AT}FATAL:  sorry, too many clients already\n", "sorry, too many clients already", True),
        (
            f'{AT}FATAL:  password authentication failed for user "x"\n',
            'password authentication failed for user "x"',
            False,
        ),
        (
            f"{AT}FATAL:  Passwort-Authentifizierung fehlgeschlagen\n",
            "Passwort-Authentifizierung fehlgeschlagen",
            False,
        ),
        (
            f"{AT}FATAL:  no entry, SSL encryption\n{AT}FATAL:  no entry, no encryption\n",
            "no entry, no encryption",
            False,
        ),
        (f"{AT}server does not support SSL, but SSL was required\n", "server does not support SSL", False),
        ('invalid port number: "x"\n', 'invalid port number: "x"', False),
        ("", "no reason given", False),
    ],
)
def test_a_failed_connection_has_its_reason_in_one_line(said: str, reason: str, transient: bool) -> None:
    error = to_connect_error(said)
    assert str(error).startswith(reason)
    assert "\n" not in str(error)
    assert "127.0.0.1" not in str(error)
    assert error.transient is transient


def test_a_full_server_is_there() -> None:
    assert isinstance(to_connect_error("FATAL:  too many connections for database"), DatabaseRefusedError)
    assert not isinstance(to_connect_error("Connection refused"), DatabaseRefusedError)
