"""What a reading asks of one server: each statement once, packed where it can be, with a digest of each answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias, cast

import orjson

from whalefall_pipeline.adapters.mysql.connection import Connection
from whalefall_pipeline.adapters.mysql.errors import DENIED, TIMED_OUT, NotSeenError, StatementError, to_mask
from whalefall_pipeline.adapters.mysql.flavour import CATALOGS, Product
from whalefall_pipeline.adapters.mysql.names import quote
from whalefall_pipeline.adapters.mysql.packed import (
    COLUMNS,
    NotPackedError,
    Packed,
    Shared,
    build_packed,
    share,
    unpack_shared,
)
from whalefall_pipeline.adapters.mysql.rows import Row, to_setting
from whalefall_pipeline.adapters.tally import digest_rows
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Json
from whalefall_pipeline.core.snapshot import to_digest

Answer: TypeAlias = Sequence[Row]
PACKED = CATALOGS["mysql"]["packed"]
IDENTITY = "server_uuid"
SHOWN_AT_MOST = 1024
"""Bytes or characters of a variable that SHOW VARIABLES gives."""
SERVER_CODES = DENIED | TIMED_OUT
"""Errors that a statement has however it is asked."""


class _Braces(dict[str, str]):
    """Stands for a statement's braces: a column that the server does not have, or does not show, is null."""

    def __missing__(self, name: str) -> str:
        return "null"


class Catalog:
    """The statements of one server, and what became of those that were asked."""

    def __init__(self, source: Connection, product: Product) -> None:
        self._source = source
        self._product = product
        self._texts = product.catalog
        self._columns = COLUMNS[product.flavour]
        self._packed: dict[str, Packed] = {}
        self._plain: dict[str, Answer] = {}
        self._digests: dict[str, str] = {}
        self._known: set[str] = set()
        self._lost: DatabaseConnectionError | None = None

    def read(self, name: str) -> Answer:
        """Return the rows of a statement; each is asked once.

        Raises what `Connection.query` does, and NotSeenError where the login is not shown what the statement needs.
        """
        self._fetch_plain(name)
        return self._plain.pop(name)

    def read_shared(self, name: str, own: int = 2) -> Shared:
        """Return the rows of a statement that can be packed: so many columns that are each row's own, and the rest.

        Raises what `read` does.
        """
        if name not in self._plain:
            with suppress(NotPackedError):
                self._fetch_packed(name)
                shared = unpack_shared(self._packed.pop(name), self._columns[name], own)
                self._known.add(name)
                return shared
        return share(self.read(name), own)

    @property
    def digest(self) -> bytes:
        """Return 16 bytes that are equal when, and in practice only when, all rows so far are."""
        return to_digest(*(f"{name} {digest}".encode() for name, digest in sorted(self._digests.items())))

    @property
    def source(self) -> bytes:
        """Return what `is_same` takes, of all that was asked; empty where some of it could not be packed."""
        if not self._columns.keys() <= self._known:
            return b""
        return orjson.dumps({"code": self._code, "digests": self._digests}, option=orjson.OPT_SORT_KEYS)

    def is_same(self, source: bytes) -> bool:
        """Whether all that was asked when this was the `source` has the same answer now.

        Stops at the first answer that differs; what was fetched till then is kept for `read_shared`.
        """
        known = cast("Mapping[str, Any]", json.loads(source))
        if known["code"] != self._code:
            return False
        digests = cast("Mapping[str, str]", known["digests"])
        try:
            return all(self._find_digest(name) == digest for name, digest in digests.items())
        except (StatementError, NotSeenError, NotPackedError):
            return False
        except DatabaseConnectionError as lost:
            self._lost = lost  # of what was not fetched alone: the accounts may be there
            return False

    def _find_digest(self, name: str) -> str:
        if name not in self._digests:
            (self._fetch_packed if name in self._columns else self._fetch_plain)(name)
        return self._digests[name]

    def _fetch_plain(self, name: str) -> None:
        if name not in self._plain:
            self._check_lost()
            rows = self._plain[name] = self._source.query(self.build(name))
            self._digests[name] = digest_rows(rows).hex()

    def _fetch_packed(self, name: str) -> None:
        """Fetch an answer as one text; raises NotPackedError where it has to be fetched row by row."""
        if name in self._packed:
            return
        self._check_lost()
        columns = self._columns[name]
        try:
            packed = self._source.query_packed(build_packed(PACKED, self.build(name), columns), columns)
        except StatementError as error:
            if error.code in SERVER_CODES:
                raise
            raise NotPackedError from None
        self._packed[name], self._digests[name] = packed, packed.digest

    def _check_lost(self) -> None:
        """Raise by what the connection was lost, or ended, while the answers were compared."""
        if self._lost:
            raise self._lost

    def build(self, name: str) -> str:
        """Return the text of a statement, with the columns that this server has and shows.

        Raises NotSeenError where the login is not shown what it needs.
        """
        statement = self._texts[name]
        if name == "databases":
            return statement.format(privileges=", ".join(to_mask("db", self.columns["db"])))
        if name == "accounts" and self._product.flavour == "mysql":
            return self._fill_in(statement)
        return statement

    def _fill_in(self, statement: str) -> str:
        visible = self.columns["user"]
        if not {"User", "Host"} <= set(visible):
            raise NotSeenError("no SELECT on mysql.user")
        masks = [quote(column) for column in visible if column.endswith("_priv")]
        return statement.format_map(
            _Braces({column: quote(column) for column in visible}, privileges=", ".join(masks) or "''")
        )

    @cached_property
    def columns(self) -> Mapping[str, list[str]]:
        """The columns of mysql.user and mysql.db that the login is shown, in the server's order."""
        visible: dict[str, list[str]] = {"user": [], "db": []}
        for table, column in cast("Sequence[tuple[str, str]]", self.read("columns")):
            visible[table].append(column)
        return visible

    def read_settings(self) -> dict[str, Json] | None:
        """Return what the server is set to and what bears on accounts; None when it can't be read."""
        if self.variables is None:
            return None
        settings = {name: value for name, value in self.variables.items() if name != IDENTITY}
        if len(settings.get("mandatory_roles", "").encode()) >= SHOWN_AT_MOST:
            try:
                ((settings["mandatory_roles"],),) = cast("tuple[tuple[str]]", self.read("mandatory_roles"))
            except StatementError:
                return None
            except DatabaseConnectionError:
                if not self._source.is_late:
                    raise
                return None
        return {name: to_setting(value) for name, value in settings.items()}

    @cached_property
    def variables(self) -> Mapping[str, str] | None:
        """The server's variables that are read; None: they can't be."""
        try:
            return dict(cast("Iterable[tuple[str, str]]", self.read("variables")))
        except StatementError:
            return None
        except DatabaseConnectionError:
            if not self._source.is_late:
                raise
            return None

    @property
    def _code(self) -> str:
        """What is asked, and of what: where either is another, all is fetched."""
        texts = orjson.dumps(self._texts, option=orjson.OPT_SORT_KEYS)
        return to_digest(self._product.name.encode(), PACKED.encode(), texts).hex()
