"""How names, values and securables are spelled in SQL, and a database is changed in psql: pure functions."""

import re
from collections.abc import Iterable

from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Securable

KEYWORDS = {
    "database": "DATABASE",
    "tablespace": "TABLESPACE",
    "parameter": "PARAMETER",
    "schema": "SCHEMA",
    "table": "TABLE",
    "column": "TABLE",
    "sequence": "SEQUENCE",
    "routine": "ROUTINE",
    "type": "TYPE",
    "language": "LANGUAGE",
    "foreign_data_wrapper": "FOREIGN DATA WRAPPER",
    "foreign_server": "FOREIGN SERVER",
    "large_object": "LARGE OBJECT",
}
"""Scope to what follows ON in a GRANT."""


def quote(name: str) -> str:
    """Quote an identifier, so that it means itself whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quote_grantee(username: str) -> str:
    """Quote a role's name; PUBLIC is a keyword."""
    return "PUBLIC" if username == PUBLIC else quote(username)


def quote_value(text: str) -> str:
    """Quote a string constant, whatever standard_conforming_strings is."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def to_comment(text: str) -> str:
    """Make a comment of one line, also where a name in it has line breaks."""
    return "-- " + " ".join(text.splitlines())


def to_connect(database: str) -> str:
    r"""Give psql's command to go on in another database; as `pg_dumpall` spells it.

    Raises ValueError when the name has a line break, which psql has no spelling for.
    """
    if "\n" in database or "\r" in database:
        raise ValueError("psql can't connect to a database with a line break in its name")
    if re.fullmatch(r"[\w.]+", database, re.ASCII):
        return f"\\connect {quote(database)}"
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = quote(f"dbname='{value}'")
    return f"\\connect -reuse-previous=on {conninfo}"


def spell(securable: Securable) -> str:
    """Spell the name of what a privilege is held on, for the keyword of its scope; a column's is that of its table."""
    scope, database, schema, name, _ = securable
    if scope == "large_object":
        return str(int(name))
    if scope == "routine":
        proper, arguments = split_routine(name)
        return f"{quote(schema)}.{quote(proper)}{arguments}"
    own = {"database": [database], "schema": [schema], "parameter": name.split(".")}
    parts = own.get(scope) or ([schema, name] if schema else [name])
    return ".".join(map(quote, parts))


def split_routine(name: str) -> tuple[str, str]:
    """Split `total(integer, public."Odd(")` before its argument types, which are quoted as SQL while the name is not.

    So the parenthesis that opens them is the last one outside of double quotes.
    """
    quoted = False
    for at in range(len(name) - 1, -1, -1):
        if name[at] == '"':
            quoted = not quoted
        elif name[at] == "(" and not quoted:
            return name[:at], name[at:]
    raise ValueError(f"a routine without argument types: {name}")


def split_list(value: str) -> Iterable[str]:
    """Give the elements of a setting that is a list of names, unquoted: `"$user", public`."""
    for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^,\s]+)', value):
        yield plain or quoted.replace('""', '"')
