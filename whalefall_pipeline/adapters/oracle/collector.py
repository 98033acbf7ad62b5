"""The script that makes an account to collect with: READ on each view that is asked, and no role. Pure.

READ (12.1.0.2 and later) shows what SELECT shows, and locks no rows. Source: Oracle's SQL Language Reference, "GRANT",
"CREATE USER", "ALTER USER" (container_data_clause).
"""

from collections.abc import Iterator, Mapping

from whalefall_pipeline.adapters.engine import Opening, Product
from whalefall_pipeline.adapters.oracle.catalog import WITH_LATER_VIEWS, list_views
from whalefall_pipeline.adapters.oracle.names import UnsafeNameError, quote
from whalefall_pipeline.core.errors import InvalidInstanceError

OF_ROOT = ("C##", "c##")
"""How a common user's name begins: what is asked is then the root, and all containers below it."""
ROOT_ONLY = frozenset({"containers", "container_data"})
OPENS: Mapping[str, str] = {
    "containers": "pluggable databases, and which are open",
    "container_data": "which containers the login may see",
    "users": "users with their state",
    "roles": "roles",
    "password_file": "SYSDBA and the like",
    "role_grants": "who has which role",
    "system_privileges": "system privileges",
    "object_privileges": "privileges on objects",
    "column_privileges": "privileges on columns",
    "schema_privileges": "privileges on schemas",
    "proxies": "who may log in for whom",
    "quotas": "quotas on tablespaces",
    "definers": "stored code that runs with its owner's rights",
    "profiles": "limits of passwords and sessions",
    "parameters": "what the instance is set to",
    "later_columns": "whether there are read-only users; else the version is taken for it",
    "identity": "the database's identity, by which another one under the same name is noticed",
}
OPTIONAL = frozenset({"later_columns", "identity"})
NO_AUTHENTICATION = (18,)


def build_collector(login: str, product: Product) -> list[Opening]:
    """See `Adapter.build_collector`; run by SYS, in the pluggable database or, for a common user, in the root."""
    is_root = login.startswith(OF_ROOT)
    try:
        name = quote(login.upper())
    except UnsafeNameError as error:
        raise InvalidInstanceError(f"{login!r} is no name of a user: {error}") from None
    where = " CONTAINER=ALL" if is_root else ""
    lines = [
        _create(name, where, product),
        Opening(f"GRANT CREATE SESSION TO {name}{where};", "the database itself"),
        *_grant_views(name, where, product, is_root=is_root),
    ]
    if is_root:
        shown = f"ALTER USER {name} SET CONTAINER_DATA=ALL CONTAINER=CURRENT;"
        lines.append(Opening(shown, "all containers in the CDB_ views, DBA_PDBS and the V$ views"))
    return lines


def _create(name: str, where: str, product: Product) -> Opening:
    if product.is_before(*NO_AUTHENTICATION):
        asked = "nothing yet; SQL*Plus asks for its password"
        return Opening(f'CREATE USER {name} IDENTIFIED BY "&password"{where};', asked)
    later = f"nothing yet; it can't log in until you run: ALTER USER {name} IDENTIFIED BY ..."
    return Opening(f"CREATE USER {name} NO AUTHENTICATION{where};", later)


def _grant_views(name: str, where: str, product: Product, *, is_root: bool) -> Iterator[Opening]:
    shown: set[str] = set()
    for statement, opens in OPENS.items():
        if statement in ROOT_ONLY and not is_root:
            continue
        if statement == "schema_privileges" and product.is_before(WITH_LATER_VIEWS):
            continue
        for view in list_views(statement, is_root=is_root):
            if view not in shown:
                grant = f"GRANT READ ON SYS.{view} TO {name}{where};"
                yield Opening(grant, f"{view}: {opens}", is_optional=statement in OPTIONAL)
            shown.add(view)
