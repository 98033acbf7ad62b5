"""The T-SQL that changes the mirrored catalog: what the tests and the adapter's scripts use of CREATE, ALTER, GRANT.

Sources, Microsoft Learn (Transact-SQL reference): CREATE LOGIN, CREATE USER, CREATE ROLE, GRANT and its pages per
class, DENY, REVOKE, ALTER AUTHORIZATION. Of note: a new login is granted CONNECT SQL and a new user CONNECT; a
column's REVOKE under a grant on its table is kept as state R; a statement on the whole object ends those on columns.
"""

import re
from collections.abc import Callable
from typing import Any

from tests.servers.sqlserver_standin.content import CatalogTables, make_sid, quote
from tests.servers.sqlserver_standin.views import CLASSES

_NAME = r"\[((?:[^\]]|\]\])*)\]"
_SID = re.compile(r"SID = 0x([0-9A-F]+)")
_OPTION = re.compile(
    rf"(DEFAULT_DATABASE|DEFAULT_LANGUAGE|CHECK_POLICY|CHECK_EXPIRATION|DEFAULT_SCHEMA) = (?:{_NAME}|(\w+))"
)
_LITERAL = r"N'(?:[^']|'')*'"
_EXECUTE = re.compile(rf"EXEC \(({_LITERAL}(?: \+ {_LITERAL})*)\)")
_DYNAMIC = re.compile(r"DECLARE @statement nvarchar\(max\) = (.*); EXEC \(@statement\)", re.DOTALL)
_SECRET = "QUOTENAME(CONVERT(nvarchar(128), CRYPT_GEN_RANDOM(32), 2) + N'aA1!', '''')"
_PART = re.compile(rf"({_LITERAL})|NCHAR\((\d+)\)|({re.escape(_SECRET)})")
_PERMISSION = re.compile(
    rf"(GRANT|DENY|REVOKE) ([A-Z ]+?)(?: ON ([A-Z ]+)::((?:{_NAME}\.)?{_NAME})(?: \({_NAME}\))?)? (?:TO|FROM) {_NAME}"
    r"( WITH GRANT OPTION)?(?: CASCADE)?"
)
_USER_TYPES = {"LOGIN": "SQL_USER", "ROLE": "DATABASE_ROLE"}


class Statements:
    """Runs one statement after the other; USE changes the database."""

    def __init__(self, tables: CatalogTables, database: str = "") -> None:
        self._tables = tables
        self._database = database or "master"

    def run(self, statement: str) -> None:
        """Run a statement; raises ValueError for one that is not known, KeyError for a name that is not there."""
        if statement.startswith("--"):
            return
        statement = evaluate(statement)
        for pattern, do in self._known:
            if match := re.fullmatch(pattern, statement):
                do(match)
                return
        raise ValueError(f"the stand-in does not know: {statement}")

    @property
    def _known(self) -> list[tuple[str, Callable[[re.Match[str]], None]]]:
        return [
            (rf"USE {_NAME}", self._use),
            (rf"CREATE LOGIN {_NAME} (.*)", self._create_login),
            (rf"ALTER LOGIN {_NAME} (DISABLE|ENABLE)", self._switch_login),
            (rf"ALTER LOGIN {_NAME} WITH (.*)", self._alter_login),
            (rf"CREATE SERVER ROLE {_NAME}", self._create_server_role),
            (rf"CREATE (USER|ROLE|APPLICATION ROLE) {_NAME}(.*)", self._create_in_database),
            (rf"ALTER (SERVER ROLE|ROLE) {_NAME} (ADD|DROP) MEMBER {_NAME}", self._change_member),
            (rf"DROP (LOGIN|SERVER ROLE|USER|ROLE|APPLICATION ROLE) {_NAME}", self._drop),
            (
                rf"ALTER AUTHORIZATION ON ([A-Z ]+)::((?:{_NAME}\.)?{_NAME}) TO (?:{_NAME}|SCHEMA OWNER)",
                self._authorize,
            ),
            (_PERMISSION.pattern, self._change_permission),
        ]

    def _use(self, match: re.Match[str]) -> None:
        self._database = _plain(match[1])
        if self._database not in self._tables.databases():
            raise KeyError(self._database)

    def _create_login(self, match: re.Match[str]) -> None:
        name, how = _plain(match[1]), match[2]
        options = _options(how)
        type_, description = next(
            kind
            for words, kind in (
                ("WITH PASSWORD", ("S", "SQL_LOGIN")),
                ("FROM CERTIFICATE", ("C", "CERTIFICATE_MAPPED_LOGIN")),
                ("FROM ASYMMETRIC KEY", ("K", "ASYMMETRIC_KEY_MAPPED_LOGIN")),
                ("FROM WINDOWS", ("U", "WINDOWS_LOGIN")),
                ("FROM EXTERNAL PROVIDER", ("E", "EXTERNAL_LOGIN")),
            )
            if how.startswith(words)
        )
        sid = _SID.search(how)
        number = self._tables.next_number()
        self._tables.insert("server_principals", [(
            name, number, bytes.fromhex(sid[1]) if sid else make_sid(name), type_, description, False,
            options.get("DEFAULT_DATABASE", "master"), options.get("DEFAULT_LANGUAGE", "us_english"), None, False,
        )])  # fmt: skip
        self._tables.insert("server_permissions", [(100, "SERVER", 0, 0, number, "CONNECT SQL", "G")])
        if type_ == "S":
            policy, expiration = options.get("CHECK_POLICY", "ON") == "ON", options.get("CHECK_EXPIRATION") == "ON"
            self._tables.insert("sql_logins", [(number, policy, expiration)])
            self._tables.insert("login_properties", [(name, 0, 0, 0)])

    def _switch_login(self, match: re.Match[str]) -> None:
        number = self._principal(_plain(match[1]), server=True)
        self._update("master", "server_principals", ("is_disabled", match[2] == "DISABLE"), ("principal_id", number))

    def _alter_login(self, match: re.Match[str]) -> None:
        number = self._principal(_plain(match[1]), server=True)
        columns = {
            "DEFAULT_DATABASE": ("server_principals", "default_database_name"),
            "DEFAULT_LANGUAGE": ("server_principals", "default_language_name"),
            "CHECK_POLICY": ("sql_logins", "is_policy_checked"),
            "CHECK_EXPIRATION": ("sql_logins", "is_expiration_checked"),
        }
        for option, value in _options(match[2]).items():
            view, column = columns[option]
            new = value == "ON" if option.startswith("CHECK") else value
            self._update("master", view, (column, new), ("principal_id", number))

    def _create_server_role(self, match: re.Match[str]) -> None:
        number, name = self._tables.next_number(), _plain(match[1])
        row = (name, number, make_sid(name), "R", "SERVER_ROLE", False, None, None, 1, False)
        self._tables.insert("server_principals", [row])

    def _create_in_database(self, match: re.Match[str]) -> None:
        what, name, how = match[1], _plain(match[2]), match[3]
        number, sid = self._tables.next_number(), make_sid(name)
        type_, description, authentication = "S", "SQL_USER", "NONE"
        if what != "USER":
            type_, description = ("R", "DATABASE_ROLE") if what == "ROLE" else ("A", "APPLICATION_ROLE")
        elif login := re.search(rf"FOR LOGIN {_NAME}", how):
            found = self._find("master", "server_principals", "sid, type", "name", _plain(login[1]))
            sid, type_ = found[0]
            windows = type_ in "UG"
            description, authentication = ("WINDOWS_USER", "WINDOWS") if windows else ("SQL_USER", "INSTANCE")
        elif "WITH PASSWORD" in how:
            given = _SID.search(how)
            sid, authentication = bytes.fromhex(given[1]) if given else sid, "DATABASE"
        elif "WITHOUT LOGIN" not in how:
            type_, description, authentication = "U", "WINDOWS_USER", "WINDOWS"
        schema = _options(how).get("DEFAULT_SCHEMA", None if what == "ROLE" else "dbo")
        owner = 1 if what == "ROLE" else None
        row = (name, number, type_, description, schema, owner, sid, False, authentication)
        self._tables.insert("database_principals", [row], self._database)
        if what == "USER":
            connect = (0, "DATABASE", 0, 0, number, "CONNECT", "G")
            self._tables.insert("database_permissions", [connect], self._database)

    def _change_member(self, match: re.Match[str]) -> None:
        server = match[1] == "SERVER ROLE"
        pair = tuple(self._principal(_plain(match[group]), server=server) for group in (2, 4))
        database, view = self._place("role_members", server=server)
        where = "role_principal_id = ? and member_principal_id = ?"
        self._tables.run(f"delete from {quote(database)}.sys.{view} where {where}", pair)
        if match[3] == "ADD":
            self._tables.insert(view, [pair], database)

    def _drop(self, match: re.Match[str]) -> None:
        server = match[1] in ("LOGIN", "SERVER ROLE")
        number = self._principal(_plain(match[2]), server=server)
        for what, columns in (
            ("principals", ("principal_id",)),
            ("permissions", ("grantee_principal_id",)),
            ("role_members", ("role_principal_id", "member_principal_id")),
        ):
            database, view = self._place(what, server=server)
            for column in columns:
                self._tables.run(f"delete from {quote(database)}.sys.{view} where {column} = ?", [number])

    def _authorize(self, match: re.Match[str]) -> None:
        class_, _, view, id_column = CLASSES[match[1]]
        name = _plain(match[4])
        if match[1] == "DATABASE":
            ((sid,),) = self._find("master", "server_principals", "sid", "name", _plain(match[5]))
            self._update("master", "all_databases", ("owner_sid", sid), ("name", name))
            self._update(name, "database_principals", ("sid", sid), ("principal_id", 1))
            return
        owner = self._principal(_plain(match[5]), server=class_ > 100) if match[5] else None
        database = "master" if class_ > 100 else self._database
        column = "owning_principal_id" if class_ in (4, 101) else "principal_id"
        self._update(database, view, (column, owner), (id_column, self._securable(match[1], name)))

    def _change_permission(self, match: re.Match[str]) -> None:
        verb, permission, keyword, column, grantee = match[1], match[2], match[3], match[7], _plain(match[8])
        server = (CLASSES[keyword][0] if keyword else 100 if self._is_server(grantee) else 0) >= 100
        keyword = keyword or ("SERVER" if server else "DATABASE")
        class_, description, view, _ = CLASSES[keyword]
        major = self._securable(keyword, _plain(match[6])) if view else 0
        minor = self._column(major, _plain(column)) if column else 0
        database, target = self._place("permissions", server=server)
        number = self._principal(grantee, server=server)
        same = "class = ? and major_id = ? and grantee_principal_id = ? and permission_name = ?"
        values: list[object] = [class_, major, number, permission]
        exactly = f"{same} and minor_id = {minor}" if minor else same
        self._tables.run(f"delete from {quote(database)}.sys.{target} where {exactly}", values)
        held = self._tables.run(f"select 1 from {quote(database)}.sys.{target} where {same} and minor_id = 0", values)
        state = {"DENY": "D", "REVOKE": "R" if minor and held else ""}.get(verb, "W" if match[9] else "G")
        if state:
            self._tables.insert(target, [(class_, description, major, minor, number, permission, state)], database)

    def _is_server(self, grantee: str) -> bool:
        """A statement without ON is about the server, when it stands in master and the grantee is no user there."""
        return self._database == "master" and not self._find("master", "database_principals", "1", "name", grantee)

    def _place(self, what: str, *, server: bool) -> tuple[str, str]:
        return ("master", f"server_{what}") if server else (self._database, f"database_{what}")

    def _principal(self, name: str, *, server: bool) -> int:
        database, view = self._place("principals", server=server)
        return int(self._one(database, view, "principal_id", name))

    def _securable(self, keyword: str, name: str) -> object:
        class_, _, view, id_column = CLASSES[keyword]
        if keyword == "AVAILABILITY GROUP":
            return self._find("master", "availability_replicas", "replica_metadata_id", "group_id", name)[0][0]
        called = "language" if keyword == "EXTERNAL LANGUAGE" else "name"
        return self._one("master" if class_ > 100 else self._database, view, id_column, name, called)

    def _column(self, major: object, name: str) -> int:
        sql = f"select column_id from {quote(self._database)}.sys.all_columns where object_id = ? and name = ?"
        ((number,),) = self._tables.run(sql, [major, name])
        return int(number)

    def _one(self, database: str, view: str, column: str, name: str, called: str = "name") -> int:
        found = self._find(database, view, column, called, name)
        if not found:
            raise KeyError(f"{database}: no {name} in {view}")
        return int(found[0][0])

    def _find(self, database: str, view: str, columns: str, key: str, value: object) -> list[tuple[Any, ...]]:
        return self._tables.run(f"select {columns} from {quote(database)}.sys.{view} where {key} = ?", [value])

    def _update(self, database: str, view: str, change: tuple[str, object], where: tuple[str, object]) -> None:
        sql = f"update {quote(database)}.sys.{view} set {change[0]} = ? where {where[0]} = ?"
        self._tables.run(sql, [change[1], where[1]])


def evaluate(statement: str) -> str:
    """Return what is run in the end, where a statement is put together and run by EXEC."""
    while match := _EXECUTE.fullmatch(statement) or _DYNAMIC.fullmatch(statement):
        statement = "".join(map(_to_text, _PART.finditer(match[1])))
    return statement


def _to_text(part: re.Match[str]) -> str:
    literal, unit, _ = part.groups()
    if literal:
        return str(literal[2:-1]).replace("''", "'")
    return chr(int(unit)) if unit else "N'a random one'"


def _plain(quoted: str) -> str:
    return quoted.replace("]]", "]")


def _options(text: str) -> dict[str, str]:
    return {name: _plain(quoted) or word for name, quoted, word in _OPTION.findall(text)}
