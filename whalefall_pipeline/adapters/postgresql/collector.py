"""The script that makes a login to collect with: CONNECT on each database is all that it needs. Pure."""

from whalefall_pipeline.adapters.engine import Opening
from whalefall_pipeline.adapters.postgresql.names import quote, quote_value

CONNECT = "SELECT pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', datname, {name}) FROM pg_catalog.pg_database"


def build_collector(login: str) -> list[Opening]:
    """See `Adapter.build_collector`; for psql. Whom a password is asked of: a role without one is refused."""
    name = quote(login)
    connect = CONNECT.format(name=quote_value(login))
    return [
        Opening(
            f"CREATE ROLE {name} LOGIN;",
            "pg_roles, pg_auth_members, pg_database and all that databases share, which every login may read; set its"
            " password with \\password",
        ),
        Opening(
            f"{connect} WHERE datallowconn \\gexec",
            "each database's own catalogs; PUBLIC has it where nobody took it away; once more for new databases",
        ),
        Opening(
            f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {name};",
            "the cluster's identity, in the database that is connected to first; PUBLIC has it too",
            is_optional=True,
        ),
    ]
