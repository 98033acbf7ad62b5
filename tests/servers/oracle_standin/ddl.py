"""Runs an administrator's statements on the stand-in's dictionary, one session after the other."""

import re
from functools import partial

from tests.servers.oracle_standin import accounts, grants
from tests.servers.oracle_standin.tables import ROOT_ID, ROOT_NAME, Tables
from tests.servers.oracle_standin.tokens import OracleError, Words

_OBJECT = re.compile(
    r"CREATE (TABLE|VIEW|SEQUENCE|PROCEDURE|FUNCTION|PACKAGE|TYPE|DIRECTORY) (?:\"([^\"]+)\"\.)?\"([^\"]+)\"", re.ASCII
)

_DROPPED = re.compile(r'DROP (?:PROCEDURE|FUNCTION|PACKAGE|TYPE) "([^"]+)"\."([^"]+)"', re.ASCII)
CODE = ("FUNCTION", "PACKAGE", "PROCEDURE", "TYPE")

STATEMENTS = {
    "CREATE USER": accounts.create_user,
    "ALTER USER": accounts.alter_user,
    "CREATE ROLE": accounts.create_role,
    "DROP USER": partial(accounts.drop_account, role=False),
    "DROP ROLE": partial(accounts.drop_account, role=True),
    "GRANT": grants.grant,
    "REVOKE": grants.revoke,
}


class Administrator:
    """A session of SYSTEM in one container.

    Comments and what SQL*Plus keeps to itself are skipped, of an object that is made the name and type are noted, what
    Oracle would refuse raises OracleError.
    """

    def __init__(self, tables: Tables, container: str) -> None:
        self._tables = tables
        self._con_id = self._find(container)

    def execute(self, statement: str) -> None:
        """Run one statement."""
        if statement.startswith(("--", "SET DEFINE ")):
            return
        statement = statement.removesuffix(";")
        tables, con_id = self._tables, self._con_id
        made = _OBJECT.match(statement)
        if made:
            kind, owner, name = made.groups()
            tables.insert("objects", con_id=con_id, owner=owner or "SYS", object_name=name, object_type=kind)
            if kind in CODE:
                authid = "CURRENT_USER" if "AUTHID CURRENT_USER" in statement else "DEFINER"
                for part in (None, *(["ONE", "TWO"] if kind == "PACKAGE" else [])):
                    tables.insert(
                        "procedures", con_id=con_id, owner=owner, object_name=name, procedure_name=part,
                        object_type=kind, authid=authid,
                    )  # fmt: skip
            return
        dropped = _DROPPED.fullmatch(statement)
        if dropped:
            for table in ("objects", "procedures"):
                tables.delete(table, con_id=con_id, owner=dropped[1], object_name=dropped[2])
            return
        words = Words(statement)
        if words.take("ALTER", "SESSION", "SET", "CONTAINER", "="):
            self._con_id = self._find(words.name())
            return
        for start, run in STATEMENTS.items():
            if words.take(*start.split()):
                run(tables, con_id, words)
                words.end()
                return
        raise OracleError(f"ORA-00900: invalid SQL statement {statement!r}")

    def _find(self, container: str) -> int:
        if container == ROOT_NAME:
            return ROOT_ID
        try:
            return self._tables.pdbs[container]
        except KeyError:
            raise OracleError(f"ORA-65011: pluggable database {container} does not exist") from None
