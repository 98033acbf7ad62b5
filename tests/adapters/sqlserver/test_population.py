"""A population that no case was written for: each class of securable, kind of grantee, state and grantor."""

from itertools import product

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE, OBJECTS, SECURABLES
from tests.servers.sqlserver_standin.content import CatalogTables, make_sid
from tests.servers.sqlserver_standin.views import CLASSES
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import SCOPES
from whalefall_pipeline.core.model import Effect, Grant, Securable

STATES: dict[str, tuple[Effect, bool]] = {
    "G": ("grant", False),
    "W": ("grant", True),
    "D": ("deny", False),
    "R": ("revoke", False),
}
"""sys.database_permissions.state; a server has R for columns only, and it is read alike everywhere."""
GRANTORS = (1, 900)
TYPES = {
    "mapped": ("S", "SQL_USER", "INSTANCE"), "contained": ("S", "SQL_USER", "DATABASE"),
    "loginless": ("S", "SQL_USER", "NONE"), "CORP\\ann": ("U", "WINDOWS_USER", "WINDOWS"),
    "CORP\\staff": ("G", "WINDOWS_GROUP", "WINDOWS"), "ext": ("E", "EXTERNAL_USER", "EXTERNAL"),
    "ext group": ("X", "EXTERNAL_GROUPS", "EXTERNAL"), "by cert": ("C", "CERTIFICATE_MAPPED_USER", "NONE"),
    "by key": ("K", "ASYMMETRIC_KEY_MAPPED_USER", "NONE"), "team": ("R", "DATABASE_ROLE", "NONE"),
    "till": ("A", "APPLICATION_ROLE", "NONE"),
}  # fmt: skip
"""Every type of sys.database_principals."""


def add_grantees(engine: SqlserverEngine) -> dict[int, str]:
    """Add a principal of each type, and `public`; return id to username."""
    engine.create_accounts(["mapped login"])
    rows = [
        (name, 1000 + number, type_, described, None, 1 if type_ in "RA" else None,
         make_sid("mapped login" if name == "mapped" else f"sid of {name}"), False, authentication)
        for number, (name, (type_, described, authentication)) in enumerate(TYPES.items())
    ]  # fmt: skip
    engine.standin.tables.insert("database_principals", rows, DATABASE)
    named = {row[1]: to_username(DATABASE, str(row[0])) for row in rows}
    return {**named, 1000: "mapped login", 0: to_username(DATABASE, "public")}


def find_securables(tables: CatalogTables) -> list[tuple[tuple[object, ...], Securable]]:
    """Return what there is of every class, as class, description, major and minor id, with the securable that it is."""

    def find(view: str, column: str, name: str, called: str = "name") -> int:
        ((number,),) = tables.run(f'select {column} from "{DATABASE}".sys.{view} where {called} = ?', [name])
        return int(number)

    found: list[tuple[tuple[object, ...], Securable]] = [((0, "DATABASE", 0, 0), Securable("database", DATABASE))]
    for name, (_, scope, _) in OBJECTS.items():
        number = find("all_objects", "object_id", name)
        found.append(((1, "OBJECT_OR_COLUMN", number, 0), Securable(scope, DATABASE, "dbo", name)))
        column = Securable("column", DATABASE, "dbo", name, "total")
        found.append(((1, "OBJECT_OR_COLUMN", number, 2), column))
    for keyword, scope, name, schema in (
        ("SCHEMA", "schema", "App", ""), ("TYPE", "type", "money_amount", "dbo"),
        ("XML SCHEMA COLLECTION", "xml_schema_collection", "forms", "dbo"), ("USER", "database_user", "contained", ""),
        ("ROLE", "role_definition", "readers", ""), ("APPLICATION ROLE", "application_role", "kiosk", ""),
        *((keyword, scope, f"the {scope}", "") for keyword, (scope, _) in SECURABLES.items()),
    ):  # fmt: skip
        class_, described, view, column_name = CLASSES[keyword]
        number = find(view, column_name, name, "language" if keyword == "EXTERNAL LANGUAGE" else "name")
        found.append(((class_, described, number, 0), Securable(scope, DATABASE, schema, name)))
    return found


def test_all_that_can_be_held_is_read_as_it_stands(engine: SqlserverEngine, readings: Readings) -> None:
    """A permission for each state and grantor, and one from two grantors, which is one; nothing more, nothing less."""
    before = readings.grants()
    securables = find_securables(engine.standin.tables)
    grantees = add_grantees(engine)
    named = readings.grants()
    rows = [
        (*held, grantee, f"{state} OF {grantor // 900}", state)
        for grantor, grantee, (held, _), state in product(GRANTORS, grantees, securables, STATES)
    ]
    rows += [(*held, grantee, "BOTH", state) for grantee, (held, _), state in product(grantees, securables, "GW")]
    engine.standin.tables.insert("database_permissions", rows, DATABASE)

    expected = {
        Grant(username, f"{state} OF {grantor // 900}", securable, option, effect)
        for grantor, username, (_, securable), (state, (effect, option)) in product(
            GRANTORS, grantees.values(), securables, STATES.items()
        )
    }
    expected |= {Grant(username, "BOTH", of, True) for username, (_, of) in product(grantees.values(), securables)}
    of_databases = {scope for scope, path in SCOPES.items() if "database" in path.levels}
    assert {of.scope for _, of in securables} == of_databases - {"database_role", "database_trigger", "other"}
    assert readings.grants() - named == expected
    assert before <= named
