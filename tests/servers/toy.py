"""A server for the tests' toy engine: lines of JSON over TCP; a login, two questions, and a language of statements."""

import json
import re
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
COLLECTOR, PASSWORD = "collector", "plays-well-with-others"
_NAME = r'"(?:[^"\\]|\\.)*"'
_CREATE = re.compile(rf"CREATE (USER|ROLE) ({_NAME})")
_ACCOUNT = re.compile(rf"(LOCK|UNLOCK|DROP) ({_NAME})")
_GRANT = re.compile(rf"(GRANT|REVOKE) (\w+) ON (\w+) ({_NAME}) (?:TO|FROM) ({_NAME})( WITH OPTION)?")
BUILT_IN = "operators"

Key = tuple[str, str, str, str]


@dataclass
class ToyServer:
    """A server that listens: its accounts, each with whether it is a role and locked, and its grants with options."""

    port: int = 0
    accounts: dict[str, dict[str, bool]] = field(default_factory=dict[str, dict[str, bool]])
    grants: dict[Key, bool] = field(default_factory=dict[Key, bool])
    clients: list[socket.socket] = field(default_factory=list[socket.socket])

    def __post_init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget all but the role that every such server has."""
        self.accounts = {BUILT_IN: {"role": True, "locked": False}}
        self.grants = {(BUILT_IN, "server", "", f"OPERATE_{number:02}"): False for number in range(20)}

    def execute(self, statement: str) -> None:
        """Run a statement of an administrator's. Raise ValueError for one that is none."""
        if match := _CREATE.fullmatch(statement):
            self.accounts[json.loads(match[2])] = {"role": match[1] == "ROLE", "locked": False}
        elif match := _ACCOUNT.fullmatch(statement):
            self._change(match[1], json.loads(match[2]))
        elif match := _GRANT.fullmatch(statement):
            key = (json.loads(match[5]), match[3], json.loads(match[4]), match[2])
            if match[1] == "GRANT":
                self.grants[key] = bool(match[6])
            else:
                del self.grants[key]
        else:
            raise ValueError(statement)

    def _change(self, verb: str, name: str) -> None:
        if verb == "DROP":
            del self.accounts[name]
            self.grants = {key: option for key, option in self.grants.items() if name != key[0] and name != key[2]}
        else:
            self.accounts[name]["locked"] = verb == "LOCK"

    def cut(self) -> None:
        """End all connections."""
        for client in self.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def answer(self, client: socket.socket) -> None:
        """Serve one connection."""
        with suppress(OSError), client, client.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                lines.write(json.dumps(self._answer(json.loads(line))) + "\n")
                lines.flush()

    def _answer(self, question: Any) -> Any:
        match question:
            case {"user": user, "password": password}:
                known = (user, password) == (COLLECTOR, PASSWORD)
                return {"version": "Toy 1.0"} if known else {"refused": "unknown user, or wrong password"}
            case "SHOW ACCOUNTS":
                return [{"name": name, **what} for name, what in self.accounts.items()]
            case _:
                names = ("grantee", "scope", "object", "privilege", "option")
                return [dict(zip(names, (*key, option), strict=True)) for key, option in self.grants.items()]


@contextmanager
def start_toy() -> Generator[ToyServer]:
    """Run a fresh server until the block ends."""
    server = ToyServer()
    with socket.create_server((HOST, 0)) as listener:
        server.port = int(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(server, listener), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        server.cut()
        thread.join()


def _accept(server: ToyServer, listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server.clients.append(client)
            threading.Thread(target=server.answer, args=(client,), daemon=True).start()
