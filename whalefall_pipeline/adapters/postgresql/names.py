"""How names, values and securables are spelled in SQL, and a database is changed in psql: pure functions.

No name leaves its quotes, none begins a line, and what a terminal or an editor would not show stands as an escape: so
neither psql's commands nor its variables can come of a name.
"""

import re
from collections.abc import Callable, Iterable

from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Securable
from whalefall_pipeline.core.text import is_visible, make_visible

COMMENT = "-- "
NAME_BYTES = 63
"""The longest name; a longer one is cut by the server, and may then be another's."""

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

_ARGUMENTS = re.compile(r'\((?:[a-z0-9_ ,.\[\]]|"(?:[^"]|"")*")*\)')
_OPERATOR = re.compile(r"([-+*/<>=~!@#%^&|`?]+)(\(.*\))", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def quote(name: str) -> str:
    """Quote an identifier, so that it means itself whatever it holds."""
    doubled = name.replace('"', '""')
    if is_visible(name):
        return f'"{doubled}"'
    return 'U&"' + _escape(doubled.replace("\\", "\\\\"), "\\{:04X}", "\\+{:06X}") + '"'


def quote_grantee(username: str) -> str:
    """Quote a role's name; PUBLIC is a keyword."""
    return "PUBLIC" if username == PUBLIC else quote(username)


def quote_value(text: str) -> str:
    """Quote a string constant, whatever standard_conforming_strings is."""
    doubled = text.replace("'", "''")
    if "\\" not in text and is_visible(text):
        return f"'{doubled}'"
    return "E'" + _escape(doubled.replace("\\", "\\\\"), "\\u{:04X}", "\\U{:08X}") + "'"


def _escape(text: str, short: str, long: str) -> str:
    """Put escapes of these forms in the place of all characters that can't be seen."""
    if is_visible(text):
        return text
    codes = ((char, ord(char)) for char in text)
    return "".join(
        char if is_visible(char) else (short if code < 0x10000 else long).format(code) for char, code in codes
    )


def to_comment(text: str) -> str:
    """Make a comment of one line, whatever a name in it holds."""
    return COMMENT + make_visible(" ".join(text.splitlines()))


def to_connect(database: str) -> str:
    r"""Return psql's command to go on in another database; as `pg_dumpall` spells it.

    Raises ValueError when the name has a line break, which psql has no spelling for, or what no terminal shows.
    """
    if not is_visible(database):
        raise ValueError("psql has no way to name a database with a line break or invisible characters in its name")
    if re.fullmatch(r"[\w.]+", database, re.ASCII):
        return f"\\connect {quote(database)}"
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = quote(f"dbname='{value}'")
    return f"\\connect -reuse-previous=on {conninfo}"


def to_sql(securable: Securable) -> str:
    """Return the name in SQL of what a privilege is held on, after its scope's keyword; a column's is its table's.

    Raises ValueError when it is none that a catalog gives: one that was cut, as they once were.
    """
    scope, database, schema, name, column = securable
    special = _SPECIAL.get(scope)
    if special:
        return special(schema, name, column)
    own = {"database": [database], "schema": [schema], "parameter": name.split(".")}
    parts = own.get(scope) or ([schema, name] if schema else [name])
    return ".".join(map(quote, parts))


def _to_large_object(_schema: str, name: str, _column: str) -> str:
    return str(int(name))


def _to_routine(schema: str, name: str, _column: str) -> str:
    proper, arguments = split_routine(name)
    return f"{quote(schema)}.{quote(proper)}{requote(arguments)}"


def _to_operator(schema: str, name: str, _column: str) -> str:
    found = _OPERATOR.fullmatch(name.replace("NONE", "none"))
    if not found:
        raise ValueError("not the name of an operator")
    return f"{quote(schema)}.{found[1]}{requote(found[2])}"


def _to_method_member(schema: str, name: str, method: str) -> str:
    return f"{quote(schema)}.{quote(name)} USING {quote(method)}"


_SPECIAL: dict[str, Callable[[str, str, str], str]] = {
    "large_object": _to_large_object,
    "routine": _to_routine,
    "operator": _to_operator,
    "operator_class": _to_method_member,
    "operator_family": _to_method_member,
}


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
    raise ValueError("a routine without argument types")


def requote(arguments: str) -> str:
    """Quote the names in a list of types as all others are; raises ValueError when it is no such list."""
    if not _ARGUMENTS.fullmatch(arguments):
        raise ValueError("not a list of types")
    return _QUOTED.sub(lambda found: quote(found[1].replace('""', '"')), arguments)


def split_list(value: str) -> Iterable[str]:
    """Yield the elements of a setting that is a list of names, unquoted: `"$user", public`."""
    for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^,\s]+)', value):
        yield plain or quoted.replace('""', '"')
