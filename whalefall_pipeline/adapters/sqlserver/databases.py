"""What can be read of a server and each database before anything there is asked for, and what they are set to. Pure.

Sources, Microsoft Learn: sys.databases, HAS_DBACCESS (0 for a database that another user has alone), DATABASEPROPERTYEX
(Updateability), "Offload read-only workload to a secondary replica".
"""

from collections.abc import Iterable, Mapping, Sequence

from whalefall_pipeline.adapters.sqlserver.errors import Row
from whalefall_pipeline.adapters.sqlserver.options import DEFAULT_INSTANCE
from whalefall_pipeline.adapters.sqlserver.rows import DatabaseRow, ServerRow
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.core.model import Json, Observation, Seen
from whalefall_pipeline.core.text import make_visible

WITHOUT_SERVER: Mapping[int, str] = {
    5: "Azure SQL Database",
    6: "Azure Synapse Analytics",
    11: "Azure Synapse serverless SQL",
    12: "SQL database in Microsoft Fabric",
}
"""`SERVERPROPERTY('EngineEdition')` of what has no catalog of a server with its logins (Microsoft Learn)."""

OBSERVED = Observation(Seen.OBSERVED)
UNLISTED = "UNLISTED"

SEES_FEW_DATABASES = "the login lacks VIEW ANY DATABASE, so the server lists only some databases"
SEES_NO_OFFLINE = (
    "there are offline databases that the server does not name: it lists them for ALTER ANY DATABASE only; "
    "bring them online, or drop them"
)
LACKS_DEFINITION = "the login lacks VIEW DEFINITION there, so the server leaves out rows without saying so"
NO_ACCESS = "the login has no access: CONNECT ANY DATABASE, or a user there, gives it"

_STATES = {
    UNLISTED: "the database is offline: the server does not list it for this login",
    "EMERGENCY": "the database is EMERGENCY: only sysadmin may connect",
}


def check_server(server: ServerRow, instance_name: str) -> None:
    """Raise when what answers is no server with logins, or another instance than the one that was asked for."""
    if server.engine_edition in WITHOUT_SERVER:
        raise InvalidInstanceError(
            f"{WITHOUT_SERVER[server.engine_edition]} has no catalog of a server with its logins, and can't be read: "
            "SQL Server 2016 and later, and Azure SQL Managed Instance, can"
        )
    answering = (server.instance_name or DEFAULT_INSTANCE).upper()
    if instance_name and answering != instance_name:
        message = f"what answers is the instance {make_visible(answering)}, not {make_visible(instance_name)}"
        raise DatabaseConnectionError(f"{message}: check host and port", transient=False)


def observe_list(server: ServerRow, rows: Iterable[DatabaseRow]) -> Observation:
    """Return whether a database that is not listed is really gone."""
    if not server.sees_databases:
        return Observation(Seen.DENIED, SEES_FEW_DATABASES)
    if any(row.name is None for row in rows):
        return Observation(Seen.DENIED, SEES_NO_OFFLINE)
    return OBSERVED


def observe_access(row: DatabaseRow) -> Observation:
    """Return whether a database can be connected to, or which state of it, or which right, is in the way."""
    if row.state != "ONLINE":
        return Observation(Seen.UNREACHABLE, _STATES.get(row.state, f"the database is {row.state}"))
    if row.has_access:
        return OBSERVED
    if row.user_access == "SINGLE_USER":
        return Observation(Seen.UNREACHABLE, "the database is in single-user mode, and another session has it")
    if row.user_access == "RESTRICTED_USER":
        return Observation(Seen.UNREACHABLE, "the database is restricted to db_owner, dbcreator and sysadmin")
    if row.is_in_group and row.updateability == "READ_ONLY":
        why = "the database is a secondary of an availability group that does not let itself be read here"
        return Observation(Seen.UNREACHABLE, f"{why}: read the primary, or set application_intent=ReadOnly")
    return Observation(Seen.DENIED, NO_ACCESS)


def observe_rights(rights: Sequence[Row]) -> Observation:
    """Return whether all of a database's definitions are shown, from the rows of `database_rights`."""
    sees_all = any(sees for (sees,) in rights)
    return OBSERVED if sees_all else Observation(Seen.DENIED, LACKS_DEFINITION)


def build_attributes(
    server: ServerRow, settings: Mapping[str, int], databases: Iterable[DatabaseRow]
) -> dict[str, Json]:
    """Build what the instance is set to, under the server's own names, and which databases open ways to others.

    Lists of databases are in the order of their names; a database whose setting is not shown is left out.
    """
    rows = sorted((row for row in databases if row.name is not None), key=lambda row: row.name or "")
    attributes: dict[str, Json] = dict(sorted(settings.items()))
    attributes["IsIntegratedSecurityOnly"] = server.is_integrated_security_only
    attributes["is_trustworthy_on"] = [row.name for row in rows if row.is_trustworthy]
    attributes["is_db_chaining_on"] = [row.name for row in rows if row.is_chaining]
    attributes["containment"] = [row.name for row in rows if row.containment not in (None, "NONE")]
    return attributes
