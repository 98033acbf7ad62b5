"""One connection: a line of JSON each way."""

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.engines.toy_adapter.errors import to_error, to_refusal
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.model import Instance, Login


class Connection:
    """An open connection, whose login was taken."""

    def __init__(self, opened: socket.socket, deadline: Deadline, limits: Limits) -> None:
        self._socket, self._deadline, self._limits = opened, deadline, limits
        self._lines = opened.makefile("rw", encoding="utf-8")

    def query(self, question: object) -> Any:
        """Send a question and return its answer. Raise DatabaseConnectionError when the connection is lost."""
        with self._deadline.aborting(self._abort):
            try:
                self._lines.write(json.dumps(question) + "\n")
                self._lines.flush()
                return json.loads(self._lines.readline())
            except (OSError, ValueError) as error:
                raise to_error(error) from None

    def _abort(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def connect(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[tuple[Connection, str]]:
    """Yield a connection and the server's version. Raise DatabaseConnectionError where there is none, or no login."""
    deadline.check()
    seconds = min(limits.connect_seconds, deadline.remaining)
    try:
        opened = socket.create_connection((instance.host, instance.port), timeout=seconds)
    except OSError as error:
        raise to_error(error) from None
    with opened:
        connection = Connection(opened, deadline, limits)
        answer = connection.query({"user": login.username, "password": login.password})
        if "version" not in answer:
            raise to_refusal(answer["refused"])
        opened.settimeout(limits.statement_seconds)
        yield connection, answer["version"]
