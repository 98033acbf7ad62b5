"""The script that makes a login to collect with: three permissions of the server. Pure.

Source, Microsoft Learn: "GRANT Server Permissions", "Metadata Visibility Configuration".
"""

from whalefall_pipeline.adapters.engine import Opening
from whalefall_pipeline.adapters.sqlserver.names import build_dynamic, quote_literal, quote_name
from whalefall_pipeline.adapters.sqlserver.script.accounts import RANDOM_TEXT

OPENS = {
    "VIEW ANY DEFINITION": "sys.server_principals, sys.server_permissions and, in each database, its principals,"
    " permissions and owners: without it the server leaves out rows",
    "VIEW ANY DATABASE": "sys.databases, all of them; public has it where nobody took it away",
    "CONNECT ANY DATABASE": "the catalogs of each database, those to come too",
}
STATE = "VIEW SERVER STATE"
SECURITY_STATE = "sys.dm_exec_connections: whether a connection is encrypted where the server decides it"


def build_collector(login: str) -> list[Opening]:
    """See `Adapter.build_collector`; the password is random, and made by the server."""
    name = quote_name(login)
    create = f"{quote_literal(f'CREATE LOGIN {name} WITH PASSWORD = ')} + {RANDOM_TEXT}"
    changing = f"ALTER LOGIN {name} WITH PASSWORD = N'...'"
    return [
        Opening(build_dynamic(create), f"the server itself; its password is not known: {changing}"),
        *(Opening(f"GRANT {permission} TO {name};", opens) for permission, opens in OPENS.items()),
        Opening(f"GRANT {STATE} TO {name};", SECURITY_STATE, is_optional=True),
    ]
