"""CREATE, ALTER and DROP of users and roles on the stand-in's dictionary.

Source: Oracle Database SQL Language Reference, "CREATE USER", "ALTER USER", "CREATE ROLE".
"""

from tests.servers.oracle_standin.tables import ROOT_ID, Line, Tables
from tests.servers.oracle_standin.tokens import OracleError, Words

ADMINISTRATOR = "SYSTEM"
GRANTEE_TABLES = ("role_privs", "sys_privs", "tab_privs", "col_privs")
FIXED_CLAUSES = {
    "IDENTIFIED EXTERNALLY": ("authentication_type", "EXTERNAL"),
    "IDENTIFIED GLOBALLY": ("authentication_type", "GLOBAL"),
    "NO AUTHENTICATION": ("authentication_type", "NONE"),
    "ENABLE EDITIONS": ("editions_enabled", "Y"),
    "PROXY ONLY CONNECT": ("proxy_only_connect", "Y"),
    "CANCEL PROXY ONLY CONNECT": ("proxy_only_connect", "N"),
    "READ ONLY": ("read_only", "YES"),
    "READ WRITE": ("read_only", "NO"),
}
NAMED_CLAUSES = {
    "DEFAULT TABLESPACE": "default_tablespace",
    "TEMPORARY TABLESPACE": "temporary_tablespace",
    "PROFILE": "profile",
}


class Scope:
    """Where a statement runs: the container of the session, and with CONTAINER=ALL all that belong to it as well.

    What an application root grants so is inherited by its application PDBs only (views of `cdcore_privs.sql`).
    """

    def __init__(self, tables: Tables, con_id: int, *, everywhere: bool) -> None:
        members = tables.find_members(con_id)
        if everywhere and not members:
            raise OracleError("ORA-65050: common statements are for a root")
        self.common = "YES" if everywhere else "NO"
        self.rows = [(con_id, "NO"), *((number, "YES") for number in (members if everywhere else ()))]


def read_container(words: Words, *, default: bool = False) -> bool:
    """Read a CONTAINER clause: whether the statement is for all containers."""
    if words.take("CONTAINER", "="):
        return words.next() == "ALL"
    return default


def create_user(tables: Tables, con_id: int, words: Words) -> None:
    name = words.name()
    if tables.exists("users", con_id=con_id, username=name) or tables.exists("roles", con_id=con_id, role=name):
        raise OracleError(f"ORA-01920: user name '{name}' conflicts with another user or role name")
    values: Line = {}
    flags: set[str] = set()
    quotas: dict[str, int] = {}
    everywhere = con_id == ROOT_ID
    while not words.is_done:
        if words.peek("CONTAINER"):
            everywhere = read_container(words)
        else:
            read_user_clause(words, values, flags, quotas)
    if con_id == ROOT_ID and not name.startswith("C##"):
        raise OracleError("ORA-65096: invalid common user or role name")
    scope = Scope(tables, con_id, everywhere=everywhere)
    values["account_status"] = to_status("OPEN", flags)
    for number, inherited in scope.rows:
        tables.insert("users", con_id=number, username=name, common=scope.common, inherited=inherited, **values)
        for tablespace, limit in quotas.items():
            set_quota(tables, number, name, tablespace, limit)
        # SQL Language Reference, "GRANT", INHERIT PRIVILEGES: each new user grants it to PUBLIC
        tables.insert(
            "tab_privs", con_id=number, grantee="PUBLIC", owner="SYS", table_name=name, grantor=name,
            privilege="INHERIT PRIVILEGES", type="USER", common=scope.common, inherited=inherited,
        )  # fmt: skip


def read_user_clause(words: Words, values: Line, flags: set[str], quotas: dict[str, int]) -> None:
    """Read one clause that CREATE USER and ALTER USER share."""
    for clause, (column, value) in FIXED_CLAUSES.items():
        if words.take(*clause.split()):
            values[column] = value
            return
    for clause, column in NAMED_CLAUSES.items():
        if words.take(*clause.split()):
            values[column] = words.name()
            return
    if words.take("IDENTIFIED", "BY"):
        words.next()
        values |= {"authentication_type": "PASSWORD", "password_versions": "11G 12C"}
        flags.add("UNEXPIRE")
    elif words.take("AS"):
        values["external_name"] = words.next().strip("'").replace("''", "'")
    elif words.take("PASSWORD", "EXPIRE"):
        flags.add("EXPIRE")
    elif words.take("ACCOUNT"):
        flags.add(words.next())
    elif words.take("QUOTA"):
        limit = -1 if words.take("UNLIMITED") else int(words.next())
        words.expect("ON")
        quotas[words.name()] = limit
    else:
        raise OracleError(f"ORA-00922: missing or invalid option {words.next()!r}")


def to_status(status: str, flags: set[str]) -> str:
    """Return an ACCOUNT_STATUS after flags: EXPIRE, UNEXPIRE, LOCK, UNLOCK."""
    held = set(status.split(" & ")) - {"OPEN"}
    if "UNEXPIRE" in flags:
        held = {word for word in held if not word.startswith("EXPIRED")}
    if "UNLOCK" in flags:
        held = {word for word in held if not word.startswith("LOCKED")}
    held |= {"EXPIRED"} if "EXPIRE" in flags else set()
    held |= {"LOCKED"} if "LOCK" in flags else set()
    return " & ".join(sorted(held)) or "OPEN"


def set_quota(tables: Tables, con_id: int, username: str, tablespace: str, limit: int) -> None:
    tables.delete("ts_quotas", con_id=con_id, username=username, tablespace_name=tablespace)
    tables.insert("ts_quotas", con_id=con_id, username=username, tablespace_name=tablespace, max_bytes=limit)


def alter_user(tables: Tables, con_id: int, words: Words) -> None:
    name = words.name()
    found = tables.find("users", con_id=con_id, username=name)
    if not found:
        raise OracleError(f"ORA-01918: user '{name}' does not exist")
    if words.take("DEFAULT", "ROLE"):
        _set_default_roles(tables, con_id, name, words)
        return
    if words.take("SET", "CONTAINER_DATA", "="):
        _set_container_data(tables, name, words)
        return
    if words.take("GRANT", "CONNECT", "THROUGH"):
        _grant_proxy(tables, con_id, name, words)
        return
    if words.take("REVOKE", "CONNECT", "THROUGH"):
        if not tables.delete("proxies", con_id=con_id, client=name, proxy=words.name()):
            raise OracleError("ORA-28150: proxy not authorized to connect as client")
        return
    values: Line = {}
    flags: set[str] = set()
    quotas: dict[str, int] = {}
    while not words.is_done:
        read_user_clause(words, values, flags, quotas)
    values["account_status"] = to_status(str(found[0]["account_status"]), flags)
    tables.update("users", values, con_id=con_id, username=name)
    for tablespace, limit in quotas.items():
        set_quota(tables, con_id, name, tablespace, limit)


def _set_container_data(tables: Tables, username: str, words: Words) -> None:
    """Set what the user sees from the root: an attribute that becomes DEFAULT has no row any more."""
    shown: list[str | None] = []
    if words.take("ALL"):
        shown = [None]
    elif not words.take("DEFAULT"):
        words.expect("(")
        shown = [*words.names()]
        words.expect(")")
    owner = view = None
    if words.take("FOR"):
        owner = words.name()
        words.expect(".")
        view = words.name()
    words.expect("CONTAINER", "=", "CURRENT")
    tables.delete("container_data", username=username, owner=owner, object_name=view)
    for name in shown:
        tables.insert(
            "container_data", username=username, default_attr="N" if view else "Y", owner=owner, object_name=view,
            all_containers="N" if name else "Y", container_name=name,
        )  # fmt: skip


def _set_default_roles(tables: Tables, con_id: int, name: str, words: Words) -> None:
    everything, nothing = words.take("ALL"), words.take("NONE")
    roles = [] if everything or nothing else words.names()
    scope = Scope(tables, con_id, everywhere=read_container(words))
    for number, _ in scope.rows:
        tables.update("role_privs", {"default_role": "YES" if everything else "NO"}, con_id=number, grantee=name)
        for role in roles:
            if not tables.exists("role_privs", con_id=number, grantee=name, granted_role=role):
                raise OracleError(f"ORA-01955: DEFAULT ROLE '{role}' not granted to user")
            tables.update("role_privs", {"default_role": "YES"}, con_id=number, grantee=name, granted_role=role)


def _grant_proxy(tables: Tables, con_id: int, client: str, words: Words) -> None:
    proxy = words.name()
    if not tables.exists("users", con_id=con_id, username=proxy):
        raise OracleError(f"ORA-01918: user '{proxy}' does not exist")
    constraint, roles = "PROXY MAY ACTIVATE ALL CLIENT ROLES", [None]
    if words.take("WITH", "NO", "ROLES"):
        constraint = "NO CLIENT ROLES MAY BE ACTIVATED"
    elif words.take("WITH", "ROLE", "ALL", "EXCEPT"):
        constraint, roles = "PROXY MAY NOT ACTIVATE ROLE", words.names()
    elif words.take("WITH", "ROLE"):
        constraint, roles = "PROXY MAY ACTIVATE ROLE", words.names()
    authentication = "YES" if words.take("AUTHENTICATION", "REQUIRED") else "NO"
    tables.delete("proxies", con_id=con_id, client=client, proxy=proxy)
    for role in roles:
        tables.insert(
            "proxies", con_id=con_id, client=client, proxy=proxy, authorization_constraint=constraint, role=role,
            authentication=authentication,
        )  # fmt: skip


def create_role(tables: Tables, con_id: int, words: Words) -> None:
    name = words.name()
    if tables.exists("roles", con_id=con_id, role=name) or tables.exists("users", con_id=con_id, username=name):
        raise OracleError(f"ORA-01921: role name '{name}' conflicts with another user or role name")
    kind = "NONE"
    if words.take("IDENTIFIED", "BY"):
        words.next()
        kind = "PASSWORD"
    elif words.take("IDENTIFIED", "USING"):
        kind = "APPLICATION"
        words.name()
        words.expect(".")
        words.name()
    elif words.take("IDENTIFIED"):
        kind = words.next()[:-2]
    scope = Scope(tables, con_id, everywhere=read_container(words, default=con_id == ROOT_ID))
    for number, inherited in scope.rows:
        tables.insert(
            "roles", con_id=number, role=name, authentication_type=kind, common=scope.common, inherited=inherited
        )
        # SQL Language Reference, "CREATE ROLE": the creator is granted the role with ADMIN OPTION
        tables.insert(
            "role_privs", con_id=number, grantee=ADMINISTRATOR, granted_role=name, admin_option="YES",
            common=scope.common, inherited=inherited,
        )  # fmt: skip


def drop_account(tables: Tables, con_id: int, words: Words, *, role: bool) -> None:
    name = words.name()
    if not role:
        words.take("CASCADE")
    table, column = ("roles", "role") if role else ("users", "username")
    containers = [con_id, *tables.find_members(con_id)]
    if not sum(tables.delete(table, con_id=number, **{column: name}) for number in containers):
        raise OracleError(f"ORA-01918: user '{name}' does not exist" if not role else f"ORA-01919: role '{name}'")
    for number in containers:
        for grants in GRANTEE_TABLES:
            tables.delete(grants, con_id=number, grantee=name)
        tables.delete("role_privs", con_id=number, granted_role=name)
        tables.delete("tab_privs", con_id=number, table_name=name, type="USER")
        tables.delete("ts_quotas", con_id=number, username=name)
        tables.delete("procedures", con_id=number, owner=name)
        for side in ("proxy", "client"):
            tables.delete("proxies", con_id=number, **{side: name})
    tables.delete("pwfile_users", username=name)
