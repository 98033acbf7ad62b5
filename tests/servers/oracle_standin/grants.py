"""GRANT and REVOKE on the stand-in's dictionary. Source: Oracle Database SQL Language Reference, "GRANT", "REVOKE"."""

from tests.servers.oracle_standin.accounts import ADMINISTRATOR, Scope, read_container
from tests.servers.oracle_standin.dictionary import Dictionary
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

    def __init__(self, dictionary: Dictionary, con_id: int, words: Words) -> None:
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
        found = dictionary.run(
            "SELECT object_type FROM base.objects WHERE con_id = ? AND owner = ? AND object_name = ?",
            con_id, self.owner, self.name,
        )  # fmt: skip
        if not found or self.kind not in ("", found[0][0]):
            raise OracleError(f"ORA-00942: {self.owner}.{self.name} does not exist")
        self.kind = found[0][0]


def grant(dictionary: Dictionary, con_id: int, words: Words) -> None:
    items, on = _read_items(dictionary, con_id, words)
    words.expect("TO")
    grantees = words.names()
    hierarchy = words.take("WITH", "HIERARCHY", "OPTION")
    admin = words.take("WITH", "ADMIN", "OPTION") or words.take("WITH", "GRANT", "OPTION")
    delegate = words.take("WITH", "DELEGATE", "OPTION")
    scope = Scope(dictionary, con_id, everywhere=read_container(words))
    for item in items:
        for grantee in grantees:
            if item.name in PASSWORD_FILE:
                _set_password_file(dictionary, item.name, "TRUE", _file_row(con_id, grantee, scope))
                continue
            _check_grantee(dictionary, con_id, grantee)
            for number, inherited in scope.rows:
                _add(
                    dictionary, item, on, con_id=number, grantee=grantee, common=scope.common, inherited=inherited,
                    admin=_yes(admin), hierarchy=_yes(hierarchy), delegate=_yes(delegate),
                )  # fmt: skip


def revoke(dictionary: Dictionary, con_id: int, words: Words) -> None:
    items, on = _read_items(dictionary, con_id, words)
    words.expect("FROM")
    grantees = words.names()
    scope = Scope(dictionary, con_id, everywhere=read_container(words))
    for item in items:
        for grantee in grantees:
            if item.name in PASSWORD_FILE:
                _set_password_file(dictionary, item.name, "FALSE", _file_row(con_id, grantee, scope))
            elif not sum([_remove(dictionary, item, on, number, grantee) for number, _ in scope.rows]):
                raise OracleError(f"ORA-01927: cannot REVOKE {item.name}, which was not granted to {grantee}")


def _read_items(dictionary: Dictionary, con_id: int, words: Words) -> tuple[list[Item], On | None]:
    items = [Item(words)]
    while words.take(","):
        items.append(Item(words))
    return items, On(dictionary, con_id, words) if words.take("ON") else None


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _check_grantee(dictionary: Dictionary, con_id: int, name: str) -> None:
    is_user = dictionary.exists("users", con_id=con_id, username=name)
    if name != "PUBLIC" and not is_user and not dictionary.exists("roles", con_id=con_id, role=name):
        raise OracleError(f"ORA-01917: user or role '{name}' does not exist")


def _add(
    dictionary: Dictionary, item: Item, on: On | None, *, con_id: int, grantee: str, common: str, inherited: str,
    admin: str, hierarchy: str, delegate: str,
) -> None:  # fmt: skip
    shared: dict[str, object] = {"con_id": con_id, "grantee": grantee, "common": common, "inherited": inherited}
    if on is None:
        if dictionary.exists("roles", con_id=con_id, role=item.name):
            key: dict[str, object] = {"granted_role": item.name, "con_id": con_id, "grantee": grantee}
            dictionary.delete("role_privs", **key)
            dictionary.insert("role_privs", **{**shared, **key}, admin_option=admin, delegate_option=delegate)
        elif item.is_quoted:
            raise OracleError(f"ORA-01919: role '{item.name}' does not exist")
        else:
            dictionary.delete("sys_privs", con_id=con_id, grantee=grantee, privilege=item.name)
            dictionary.insert("sys_privs", **shared, privilege=item.name, admin_option=admin)
    elif on.kind == "SCHEMA":
        dictionary.delete("schema_privs", con_id=con_id, grantee=grantee, schema=on.name, privilege=item.name)
        dictionary.insert("schema_privs", **shared, schema=on.name, privilege=item.name, admin_option=admin)
    else:
        where: dict[str, object] = {"owner": on.owner, "table_name": on.name, "privilege": item.name}
        if item.columns:
            for column in item.columns:
                dictionary.insert(
                    "col_privs", **shared, **where, column_name=column, grantor=ADMINISTRATOR, grantable=admin
                )
            return
        dictionary.delete("tab_privs", con_id=con_id, grantee=grantee, grantor=ADMINISTRATOR, **where)
        dictionary.insert(
            "tab_privs", **shared, **where, type=on.kind, grantor=ADMINISTRATOR, grantable=admin, hierarchy=hierarchy
        )


def _remove(dictionary: Dictionary, item: Item, on: On | None, con_id: int, grantee: str) -> int:
    if on is None:
        where: dict[str, object] = {"con_id": con_id, "grantee": grantee}
        return dictionary.delete("role_privs", **where, granted_role=item.name) + dictionary.delete(
            "sys_privs", **where, privilege=item.name
        )
    if on.kind == "SCHEMA":
        return dictionary.delete("schema_privs", con_id=con_id, grantee=grantee, schema=on.name, privilege=item.name)
    if item.columns:
        raise OracleError("ORA-01750: UPDATE/REFERENCES may only be REVOKEd from the whole table, not by column")
    where = {
        "con_id": con_id,
        "grantee": grantee,
        "owner": on.owner,
        "table_name": on.name,
        "privilege": item.name,
    }
    return dictionary.delete("tab_privs", **where) + dictionary.delete("col_privs", **where)


def _file_row(con_id: int, username: str, scope: Scope) -> dict[str, object]:
    """V$PWFILE_USERS: a commonly granted privilege pertains to the whole database, CON_ID 0."""
    return {"username": username, "common": scope.common, "con_id": 0 if scope.common == "YES" else con_id}


def _set_password_file(dictionary: Dictionary, privilege: str, value: str, row: dict[str, object]) -> None:
    if not dictionary.exists("pwfile_users", **row):
        dictionary.insert("pwfile_users", **row)
    dictionary.update("pwfile_users", {privilege.lower(): value}, **row)
    none_left = " AND ".join(f"{name.lower()} = 'FALSE'" for name in PASSWORD_FILE)
    dictionary.run(f"DELETE FROM base.pwfile_users WHERE username <> 'SYS' AND {none_left}")
