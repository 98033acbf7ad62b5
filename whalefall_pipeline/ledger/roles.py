"""The script that gives a ledger three roles: who owns its tables, the services that sync, and analysts who only read.

For psql, connected to the ledger as a superuser: it makes roles, and hands tables to one of them. It can be run again,
and has to be after an upgrade, for analysts to read what is new.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whalefall_pipeline.ledger.tables import credentials, metadata
from whalefall_pipeline.ledger.version import VERSION_TABLE

VIEWS = (
    *("account_change_log", "account_grant", "account_permission", "change_entries", "change_log"),
    *("current_findings", "current_grants", "current_memberships", "finding_history", "grant_history"),
    *("record_details", "written_digests"),
)
OWNER, SERVICE, ANALYST = "owner", "service", "analyst"
PURPOSES = {
    OWNER: "owns the ledger's tables: whalefall db upgrade",
    SERVICE: "reads and writes their rows: whalefall up, sync and all that registers or changes instances",
    ANALYST: "reads all but the secrets: every other command, and psql",
}
CREATE = (
    "SELECT format('CREATE ROLE %I LOGIN', '{name}')"
    " WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec"
)
ON_DATABASE = "SELECT format('{grant}', current_database()) \\gexec"


class Line(NamedTuple):
    """A statement, and what it is for."""

    statement: str
    purpose: str


def build_roles(prefix: str) -> Iterator[Line]:
    """Build the script; the roles' names are `prefix`, of letters, digits and underscores, and what they are for."""
    names = {kind: f"{prefix}_{kind}" for kind in PURPOSES}
    owner, service, analyst = names.values()
    for kind, name in names.items():
        yield Line(CREATE.format(name=name), f"{PURPOSES[kind]}; set its password with \\password {name}")
    yield from _build_doors(owner, service, analyst)
    tables = [*sorted(metadata.tables), VERSION_TABLE]
    for number, name in enumerate((*tables, *VIEWS)):
        kind = "VIEW" if name in VIEWS else "TABLE"
        yield Line(f"ALTER {kind} {name} OWNER TO {owner};", "" if number else "the owner alone changes tables")
    written = ", ".join(sorted(metadata.tables))
    yield Line(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {written} TO {service};", "the services write rows")
    yield Line(f"GRANT SELECT ON {VERSION_TABLE}, {', '.join(VIEWS)} TO {service};", "")
    later = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT"
    yield Line(f"{later} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {service};", "and those of tables to come")
    read = [*(name for name in tables if name != credentials.name), *VIEWS]
    yield Line(f"GRANT SELECT ON {', '.join(read)} TO {analyst};", "analysts read all of it")
    shown = ", ".join(column.name for column in credentials.columns if column is not credentials.c.secret)
    yield Line(f"GRANT SELECT ({shown}) ON {credentials.name} TO {analyst};", "but no secret, encrypted or not")


def _build_doors(owner: str, service: str, analyst: str) -> Sequence[Line]:
    everybody = ", ".join((owner, service, analyst))
    return [
        Line(ON_DATABASE.format(grant="REVOKE ALL ON DATABASE %I FROM PUBLIC"), "nobody else comes in"),
        Line(ON_DATABASE.format(grant=f"GRANT CONNECT ON DATABASE %I TO {everybody}"), ""),
        Line("REVOKE ALL ON SCHEMA public FROM PUBLIC;", "nobody else makes a table, or finds one"),
        Line(f"GRANT USAGE, CREATE ON SCHEMA public TO {owner};", ""),
        Line(f"GRANT USAGE ON SCHEMA public TO {service}, {analyst};", ""),
    ]
