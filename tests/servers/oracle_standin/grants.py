"""GRANT and REVOKE on the stand-in's dictionary. Source: Oracle Database SQL Language Reference, "GRANT", "REVOKE"."""

from tests.servers.oracle_standin.accounts import ADMINISTRATOR, Scope, read_container
from tests.servers.oracle_standin.tables import Line, Tables
from tests.servers.oracle_standin.tokens import OracleError, Words

PASSWORD_FILE = ("SYSDBA", "SYSOPER", "SYSASM", "SYSBACKUP", "SYSDG", "SYSKM")
WITHOUT_SCHEMA = ("DIRECTORY", "EDITION", "USER")
TWO_WORDS = (("MINING", "MODEL"), ("JAVA", "SOURCE"), ("JAVA", "RESOURCE"))


class Item:
    """One thing that is granted: a privilege with its columns, or a role."""

    def __init__(self, words: Words) -> None:
        self.is_quoted = words.is_quoted()
        self.name = words.name() if self.is_quoted else words.phrase("ON", "TO", "FROM")
        self.columns: list[str] = []
        if words.take("("):
            self.columns = words.names()
            words.expect(")")


class On:
    """What it is granted on: an object with its type, or a schema."""

    def __init__(self, tables: Tables, con_id: int, words: Words) -> None:
        self.owner, self.kind = "SYS", ""
        if words.take("SCHEMA"):
            self.kind, self.name = "SCHEMA", words.name()
            return
        for word in WITHOUT_SCHEMA:
            if words.take(word):
                self.kind, self.name = word, words.name()
                return
        for pair in TWO_WORDS:
            if words.take(*pair):
                self.kind = " ".join(pair)
        if words.take("SQL", "TRANSLATION", "PROFILE"):
            self.kind = "SQL TRANSLATION PROFILE"
        self.owner = words.name()
        words.expect(".")
        self.name = words.name()
        found = tables.find("objects", con_id=con_id, owner=self.owner, object_name=self.name)
        if not found or self.kind not in ("", found[0]["object_type"]):
            raise OracleError(f"ORA-00942: {self.owner}.{self.name} does not exist")
        self.kind = str(found[0]["object_type"])


def grant(tables: Tables, con_id: int, words: Words) -> None:
    items, on = _read_items(tables, con_id, words)
    words.expect("TO")
    grantees = words.names()
    hierarchy = words.take("WITH", "HIERARCHY", "OPTION")
    admin = words.take("WITH", "ADMIN", "OPTION") or words.take("WITH", "GRANT", "OPTION")
    delegate = words.take("WITH", "DELEGATE", "OPTION")
    scope = Scope(tables, con_id, everywhere=read_container(words))
    for item in items:
        for grantee in grantees:
            if item.name in PASSWORD_FILE:
                _set_password_file(tables, item.name, "TRUE", _file_row(con_id, grantee, scope))
                continue
            _check_grantee(tables, con_id, grantee)
            for number, inherited in scope.rows:
                _add(
                    tables, item, on, con_id=number, grantee=grantee, common=scope.common, inherited=inherited,
                    admin=_yes(admin), hierarchy=_yes(hierarchy), delegate=_yes(delegate),
                )  # fmt: skip


def revoke(tables: Tables, con_id: int, words: Words) -> None:
    items, on = _read_items(tables, con_id, words)
    words.expect("FROM")
    grantees = words.names()
    scope = Scope(tables, con_id, everywhere=read_container(words))
    for item in items:
        for grantee in grantees:
            if item.name in PASSWORD_FILE:
                _set_password_file(tables, item.name, "FALSE", _file_row(con_id, grantee, scope))
            elif not sum([_remove(tables, item, on, number, grantee) for number, _ in scope.rows]):
                raise OracleError(f"ORA-01927: cannot REVOKE {item.name}, which was not granted to {grantee}")


def _read_items(tables: Tables, con_id: int, words: Words) -> tuple[list[Item], On | None]:
    items = [Item(words)]
    while words.take(","):
        items.append(Item(words))
    return items, On(tables, con_id, words) if words.take("ON") else None


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _check_grantee(tables: Tables, con_id: int, name: str) -> None:
    is_user = tables.exists("users", con_id=con_id, username=name)
    if name != "PUBLIC" and not is_user and not tables.exists("roles", con_id=con_id, role=name):
        raise OracleError(f"ORA-01917: user or role '{name}' does not exist")


def _add(
    tables: Tables, item: Item, on: On | None, *, con_id: int, grantee: str, common: str, inherited: str,
    admin: str, hierarchy: str, delegate: str,
) -> None:  # fmt: skip
    shared: Line = {"con_id": con_id, "grantee": grantee, "common": common, "inherited": inherited}
    if on is None:
        if tables.exists("roles", con_id=con_id, role=item.name):
            key: Line = {"granted_role": item.name, "con_id": con_id, "grantee": grantee}
            tables.delete("role_privs", **key)
            tables.insert("role_privs", **{**shared, **key}, admin_option=admin, delegate_option=delegate)
        elif item.is_quoted:
            raise OracleError(f"ORA-01919: role '{item.name}' does not exist")
        else:
            tables.delete("sys_privs", con_id=con_id, grantee=grantee, privilege=item.name)
            tables.insert("sys_privs", **shared, privilege=item.name, admin_option=admin)
    elif on.kind == "SCHEMA":
        tables.delete("schema_privs", con_id=con_id, grantee=grantee, schema=on.name, privilege=item.name)
        tables.insert("schema_privs", **shared, schema=on.name, privilege=item.name, admin_option=admin)
    else:
        where: Line = {"owner": on.owner, "table_name": on.name, "privilege": item.name}
        if item.columns:
            for column in item.columns:
                tables.insert(
                    "col_privs", **shared, **where, column_name=column, grantor=ADMINISTRATOR, grantable=admin
                )
            return
        tables.delete("tab_privs", con_id=con_id, grantee=grantee, grantor=ADMINISTRATOR, **where)
        tables.insert(
            "tab_privs", **shared, **where, type=on.kind, grantor=ADMINISTRATOR, grantable=admin, hierarchy=hierarchy
        )


def _remove(tables: Tables, item: Item, on: On | None, con_id: int, grantee: str) -> int:
    if on is None:
        where: Line = {"con_id": con_id, "grantee": grantee}
        return tables.delete("role_privs", **where, granted_role=item.name) + tables.delete(
            "sys_privs", **where, privilege=item.name
        )
    if on.kind == "SCHEMA":
        return tables.delete("schema_privs", con_id=con_id, grantee=grantee, schema=on.name, privilege=item.name)
    if item.columns:
        raise OracleError("ORA-01750: UPDATE/REFERENCES may only be REVOKEd from the whole table, not by column")
    where = {
        "con_id": con_id,
        "grantee": grantee,
        "owner": on.owner,
        "table_name": on.name,
        "privilege": item.name,
    }
    return tables.delete("tab_privs", **where) + tables.delete("col_privs", **where)


def _file_row(con_id: int, username: str, scope: Scope) -> Line:
    """V$PWFILE_USERS: a commonly granted privilege pertains to the whole database, CON_ID 0."""
    return {"username": username, "common": scope.common, "con_id": 0 if scope.common == "YES" else con_id}


def _set_password_file(tables: Tables, privilege: str, value: str, row: Line) -> None:
    if not tables.exists("pwfile_users", **row):
        tables.insert("pwfile_users", **row)
    tables.update("pwfile_users", {privilege.lower(): value}, **row)
    if row["username"] != "SYS":
        nothing = {name.lower(): "FALSE" for name in PASSWORD_FILE}
        tables.delete("pwfile_users", **row, **nothing)
