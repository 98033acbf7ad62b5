"""A real Oracle server under the shared body of tests, where the environment names one. Never run so far."""

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import oracledb

from whalefall_pipeline.core.model import Instance, Login

COLLECTOR = "WF_COLLECTOR"
PASSWORD = "Collects-0nly"


class RealServer:
    """A pluggable database that is there for tests only; `dsn` has an administrator's login."""

    def __init__(self, dsn: str) -> None:
        self._admin = oracledb.connect(dsn)
        self._drops: list[str] = []
        self.version = self._admin.version
        self.login = Login(COLLECTOR, PASSWORD)
        self.instance = Instance(
            1, "oracle-under-test", "oracle", self._admin.host, self._admin.port, self._admin.service_name
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_all()
        self._admin.close()

    def run(self, statements: Sequence[str], _container: str) -> None:
        """Run statements, and note what they make."""
        for statement in statements:
            if not statement.startswith(("--", "SET DEFINE ")):
                self._execute(statement.removesuffix(";"))
                self._note(statement)

    def forget(self) -> None:
        """Drop all that was made, and make the collector's login again."""
        self._drop_all()
        self._execute(f'CREATE USER {COLLECTOR} IDENTIFIED BY "{PASSWORD}"')
        self._execute(f"GRANT CREATE SESSION, SELECT_CATALOG_ROLE TO {COLLECTOR}")

    def kill(self) -> None:
        """End the collector's sessions."""
        for sid, serial in self._execute(f"SELECT sid, serial# FROM v$session WHERE username = '{COLLECTOR}'"):
            self._execute(f"ALTER SYSTEM KILL SESSION '{sid},{serial}' IMMEDIATE")

    def _execute(self, statement: str) -> list[tuple[Any, ...]]:
        with self._admin.cursor() as opened:
            cursor: Any = opened
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _note(self, statement: str) -> None:
        verb, kind, rest = [*statement.split(" ", 2), "", ""][:3]
        if verb == "CREATE" and kind in ("USER", "ROLE", "DIRECTORY"):
            name = rest.split('"')[1] if rest.startswith('"') else rest.split()[0]
            self._drops.append(f'DROP {kind} "{name}"{" CASCADE" if kind == "USER" else ""}')

    def _drop_all(self) -> None:
        for statement in [*reversed(self._drops), f"DROP USER {COLLECTOR} CASCADE"]:
            with suppress(oracledb.DatabaseError):
                self._execute(statement)
        self._drops.clear()
