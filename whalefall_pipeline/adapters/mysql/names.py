"""How accounts and privileges are named, and how names and literals are quoted in SQL. Pure.

An account's username is its user and host parts joined by `@`. A host never holds `@` (both servers refuse it), so
the *last* `@` parts them, whatever the user part holds. A MariaDB role has no host and is known by its name alone,
unless that holds an `@` itself: then the `@` before its empty host is kept (`a@b@`). So no two accounts share a
username, and each can be taken apart again.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Flavour = Literal["mysql", "mariadb"]

PUBLIC = "PUBLIC"
GRANT_OPTION = "GRANT"
USAGE = "USAGE"

SPELLINGS = {
    "CREATE TMP TABLE": "CREATE TEMPORARY TABLES",
    "DELETE VERSIONING ROWS": "DELETE HISTORY",
    "REPL CLIENT": "REPLICATION CLIENT",
    "REPL SLAVE": "REPLICATION SLAVE",
    "SHOW DB": "SHOW DATABASES",
}


class Address(NamedTuple):
    """The two parts of an account's name."""

    user: str
    host: str


def to_username(user: str, host: str, flavour: Flavour) -> str:
    """Join the parts of an account's name as the inventory has them."""
    if flavour == "mariadb" and not host and "@" not in user:
        return user
    return f"{user}@{host}"


def to_address(username: str) -> Address:
    """Take an inventory username apart."""
    user, at, host = username.rpartition("@")
    return Address(user, host) if at else Address(host, "")


def to_privilege(word: str) -> str:
    """Return a privilege in the words of statements; `word` is of a SET, or a `*_priv` column without `_priv`."""
    words = word.replace("_", " ").upper()
    return SPELLINGS.get(words, words)


def quote(name: str) -> str:
    """Quote an identifier."""
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    """Quote a literal, for an SQL mode in which a backslash escapes, as it does unless NO_BACKSLASH_ESCAPES is set."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def quote_account(username: str, flavour: Flavour) -> str:
    """Quote an account or role for statements, its parts as literals."""
    if flavour == "mariadb" and username == PUBLIC:
        return PUBLIC
    user, host = to_address(username)
    if flavour == "mariadb" and not host:
        return quote_text(user)
    return f"{quote_text(user)}@{quote_text(host)}"


def means_database(pattern: str, database: str, *, are_patterns: bool = True) -> bool:
    r"""Return whether the name in a database grant (`sh\_a`, `app%`) means a database.

    Names are patterns as those of LIKE, in which a backslash takes the meaning from the character behind it, unless
    MySQL's `partial_revokes` is on: then they are names as they stand, backslashes too (tried on MySQL 9.7). Case
    counts, as it does to the server where `lower_case_table_names` is 0; elsewhere give both in lower case.
    """
    return bool(_to_expression(pattern).fullmatch(database)) if are_patterns else pattern == database


def find_only_database(pattern: str, *, are_patterns: bool = True) -> str | None:
    """Return the one database that the name in a database grant can mean; None when it may mean several."""
    if not are_patterns:
        return pattern
    parts = _PATTERN_PARTS.findall(pattern)
    return None if any(part in {"%", "_"} for part in parts) else "".join(part[-1] for part in parts)


_PATTERN_PARTS = re.compile(r"\\.|.", re.DOTALL)
_WILDCARDS = {"%": ".*", "_": "."}


@lru_cache(10_000)
def _to_expression(pattern: str) -> re.Pattern[str]:
    parts = (_WILDCARDS.get(part) or re.escape(part[-1]) for part in _PATTERN_PARTS.findall(pattern))
    return re.compile("".join(parts), re.DOTALL)
