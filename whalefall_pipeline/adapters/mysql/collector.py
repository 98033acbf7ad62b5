"""The script that makes a login to collect with: SELECT on each of the grant tables that are read. Pure."""

from collections.abc import Mapping, Sequence

from whalefall_pipeline.adapters.engine import Opening, Product
from whalefall_pipeline.adapters.mysql.names import Flavour, quote_account, to_address
from whalefall_pipeline.core.errors import InvalidInstanceError

RANDOM = (8, 0, 18)
"""The version of MySQL that has random passwords."""
SHOW_ROUTINE = (8, 0, 20)
TABLES: Mapping[Flavour, Mapping[str, str]] = {
    "mysql": {
        "user": "accounts with their state, privileges on the server, partial revokes; password hashes are in it",
        "global_grants": "dynamic privileges",
        "db": "privileges on databases",
        "tables_priv": "privileges on tables",
        "columns_priv": "privileges on columns",
        "procs_priv": "privileges on routines",
        "proxies_priv": "who may log in for whom",
        "role_edges": "roles, and who has them",
        "default_roles": "which roles are on after a login",
    },
    "mariadb": {
        "global_priv": "accounts with their state, privileges on the server; password hashes are in it",
        "db": "privileges on databases",
        "tables_priv": "privileges on tables",
        "columns_priv": "privileges on columns",
        "procs_priv": "privileges on routines",
        "proxies_priv": "who may log in for whom",
        "roles_mapping": "roles, and who has them",
    },
}
DEFINERS = "as whom views, routines, triggers and events run"


def build_collector(login: str, product: Product) -> list[Opening]:
    """See `Adapter.build_collector`; a login without a host (`name@host`) is for any."""
    flavour: Flavour = "mariadb" if product.name == "mariadb" else "mysql"
    user, host = to_address(login if "@" in login else f"{login}@%")
    if not user or not host:
        raise InvalidInstanceError(f"{login!r} is no account to log in with; write name or name@host")
    account = quote_account(f"{user}@{host}", flavour)
    tables = [
        Opening(f"GRANT SELECT ON mysql.{table} TO {account};", f"mysql.{table}: {opens}")
        for table, opens in TABLES[flavour].items()
    ]
    definers = [
        Opening(statement, opens, is_optional=True) for statement, opens in _build_definers(account, flavour, product)
    ]
    return [_create(account, flavour, product), *tables, *definers]


def _create(account: str, flavour: Flavour, product: Product) -> Opening:
    if flavour == "mysql" and not product.is_before(*RANDOM):
        opens = "the server itself; the password is printed, and known to nobody else"
        return Opening(f"CREATE USER {account} IDENTIFIED BY RANDOM PASSWORD;", opens)
    opens = f"the server itself, once you run: ALTER USER {account} IDENTIFIED BY '...' ACCOUNT UNLOCK"
    return Opening(f"CREATE USER {account} ACCOUNT LOCK;", opens)


def _build_definers(account: str, flavour: Flavour, product: Product) -> Sequence[tuple[str, str]]:
    """Return what shows definers; TRIGGER and EVENT also let the login make such objects."""
    if flavour == "mariadb":
        return [
            (f"GRANT SHOW VIEW, TRIGGER ON *.* TO {account};", f"{DEFINERS}; TRIGGER lets it make triggers too"),
            (f"GRANT SELECT ON mysql.proc TO {account};", "mysql.proc: as whom routines run"),
            (f"GRANT SELECT ON mysql.event TO {account};", "mysql.event: as whom events run"),
        ]
    routines = "SELECT" if product.is_before(*SHOW_ROUTINE) else "SHOW_ROUTINE"
    opens = f"{DEFINERS}; TRIGGER and EVENT let it make such objects too"
    return [(f"GRANT SHOW VIEW, TRIGGER, EVENT, {routines} ON *.* TO {account};", opens)]
