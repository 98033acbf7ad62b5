"""Which of Oracle's privileges give another one: ANY privileges, READ, what reaches the dictionary. Pure.

Sources: Database Security Guide, "Configuring Privilege and Role Authorization" ("Managing System Privileges",
"Restricting System Privileges by Securing the Data Dictionary", "READ and SELECT Object Privileges", "Schema
Privileges"); SQL Language Reference, "GRANT" (tables of system and object privileges); Database Reference,
"O7_DICTIONARY_ACCESSIBILITY".
"""

from collections.abc import Mapping

from whalefall_pipeline.core.model import Attributes, Securable

SYS = "SYS"
DICTIONARY = "SELECT ANY DICTIONARY"
NOT_IN_DICTIONARY = frozenset({"CDB_LOCAL_ADMINAUTH$", "DEFAULT_PWD$", "ENC$", "LINK$", "USER$", "USER_HISTORY$"})
"""Tables of SYS with secrets, which SELECT ANY DICTIONARY does not show."""

_TABLE = {
    "ALTER": ("ALTER ANY TABLE",),
    "DELETE": ("DELETE ANY TABLE",),
    "FLASHBACK": ("FLASHBACK ANY TABLE",),
    "INDEX": ("CREATE ANY INDEX",),
    "INSERT": ("INSERT ANY TABLE",),
    "READ": ("READ ANY TABLE", "SELECT ANY TABLE"),
    "REFERENCES": (),
    "SELECT": ("SELECT ANY TABLE",),
    "UPDATE": ("UPDATE ANY TABLE",),
}
_VIEW = {
    "DELETE": ("DELETE ANY TABLE",),
    "INSERT": ("INSERT ANY TABLE",),
    "MERGE VIEW": ("MERGE ANY VIEW",),
    "READ": ("READ ANY TABLE", "SELECT ANY TABLE"),
    "REFERENCES": (),
    "SELECT": ("SELECT ANY TABLE",),
    "UNDER": ("UNDER ANY VIEW",),
    "UPDATE": ("UPDATE ANY TABLE",),
}
_ROUTINE = {"DEBUG": ("DEBUG ANY PROCEDURE",), "EXECUTE": ("EXECUTE ANY PROCEDURE",)}
ANY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "table": _TABLE,
    "view": _VIEW,
    "materialized_view": _TABLE,
    "column": {"INSERT": ("INSERT ANY TABLE",), "REFERENCES": (), "UPDATE": ("UPDATE ANY TABLE",)},
    "sequence": {"ALTER": ("ALTER ANY SEQUENCE",), "SELECT": ("SELECT ANY SEQUENCE",)},
    "procedure": _ROUTINE,
    "function": _ROUTINE,
    "package": _ROUTINE,
    "type": {"EXECUTE": ("EXECUTE ANY TYPE",), "UNDER": ("UNDER ANY TYPE",)},
    "library": {"EXECUTE": ("EXECUTE ANY LIBRARY",)},
    "operator": {"EXECUTE": ("EXECUTE ANY OPERATOR",)},
    "indextype": {"EXECUTE": ("EXECUTE ANY INDEXTYPE",)},
    "job_class": {"EXECUTE": ("EXECUTE ANY CLASS",)},
    "program": {"EXECUTE": ("EXECUTE ANY PROGRAM",)},
    "directory": {"EXECUTE": (), "READ": (), "WRITE": ()},
    "edition": {"USE": ()},
    "user": {"INHERIT PRIVILEGES": ("INHERIT ANY PRIVILEGES",)},
}
"""Scope to its object privileges, each with the system privileges that give it in any schema."""

SYSTEM = (
    "ADMINISTER DATABASE TRIGGER", "ALTER ANY PROCEDURE", "ALTER ANY TABLE", "ALTER DATABASE", "ALTER SESSION",
    "ALTER SYSTEM", "ALTER USER", "AUDIT ANY", "BECOME USER", "CREATE ANY DIRECTORY", "CREATE ANY INDEX",
    "CREATE ANY JOB", "CREATE ANY PROCEDURE", "CREATE ANY TABLE", "CREATE ANY TRIGGER", "CREATE ANY VIEW",
    "CREATE DATABASE LINK", "CREATE EXTERNAL JOB", "CREATE LIBRARY", "CREATE PROCEDURE", "CREATE ROLE",
    "CREATE SEQUENCE", "CREATE SESSION", "CREATE TABLE", "CREATE TRIGGER", "CREATE USER", "CREATE VIEW",
    "DELETE ANY TABLE", "DROP ANY TABLE", "DROP USER", "EXECUTE ANY PROCEDURE", "EXEMPT ACCESS POLICY",
    "GRANT ANY OBJECT PRIVILEGE", "GRANT ANY PRIVILEGE", "GRANT ANY ROLE", "INSERT ANY TABLE", "READ ANY TABLE",
    "RESTRICTED SESSION", "SELECT ANY DICTIONARY", "SELECT ANY SEQUENCE", "SELECT ANY TABLE", "SET CONTAINER",
    "UNLIMITED TABLESPACE", "UPDATE ANY TABLE",
)  # fmt: skip
"""System privileges that are offered as questions; any other can be asked about as well."""


def reaches_sys(attributes: Attributes) -> bool:
    """Whether ANY privileges hold on the schema SYS too; a parameter that is gone from 19c on."""
    values = {name.upper(): value for name, value in attributes.items()}
    return str(values.get("O7_DICTIONARY_ACCESSIBILITY", "")).upper() == "TRUE"


def find_any(privilege: str, securable: Securable, attributes: Attributes) -> frozenset[str]:
    """Return the system privileges that give an object privilege on a securable; none does on directories."""
    found = frozenset(ANY.get(securable.scope, {}).get(privilege, ()))
    if securable.schema != SYS or reaches_sys(attributes):
        return found
    is_shown = securable.scope in ("table", "view") and securable.object not in NOT_IN_DICTIONARY
    return frozenset({DICTIONARY}) if is_shown and privilege in ("READ", "SELECT") else frozenset()


def find_same(privilege: str) -> frozenset[str]:
    """Return the privileges on the same object that give one: whoever may SELECT may READ."""
    return frozenset({privilege, "SELECT"}) if privilege == "READ" else frozenset({privilege})
