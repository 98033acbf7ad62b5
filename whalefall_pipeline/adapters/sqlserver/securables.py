"""What permissions are held on: the classes of both permission views as scopes, and their keyword after `ON`.

Sources: sys.server_permissions, sys.database_permissions and sys.objects (Microsoft Learn, catalog views), GRANT
(Transact-SQL); for external models, whose class has no documented number, "CREATE EXTERNAL MODEL" (SQL Server 2025). A
class that is not listed here is kept, as scope `other` under the catalog's own words.
"""

from typing import NamedTuple

from whalefall_pipeline.core.model import SERVER

DATABASE = "database"
ROLE = "role"
DATABASE_ROLE = "database_role"
LOGIN = "login"
DATABASE_USER = "database_user"
COLUMN = "column"
OTHER = "other"

OWNER = "OWNER"
"""Ownership, kept like a privilege: the owner holds every permission on what it owns, and no view lists them."""

EXECUTE_AS = "EXECUTE AS"
"""Of an account on a module: whoever runs the module has the account's rights there. A permission of nobody."""

MAPPED = "MAPPED"
"""Of a login on a database user: the two have one SID, and what the user holds in that database is the login's."""


class Path(NamedTuple):
    """How far a scope's name path goes, for the category that it stands in."""

    category: str
    levels: tuple[str, ...]
    keyword: str = ""


_IN_SERVER = ("object",)
_IN_DATABASE = ("database", "object")
_IN_SCHEMA = ("database", "schema", "object")

SCOPES: dict[str, Path] = {
    SERVER: Path("sqlserver_server_permissions", ()),
    LOGIN: Path("sqlserver_login_permissions", _IN_SERVER, "LOGIN"),
    "server_role": Path("sqlserver_server_role_permissions", _IN_SERVER, "SERVER ROLE"),
    "endpoint": Path("sqlserver_endpoint_permissions", _IN_SERVER, "ENDPOINT"),
    "availability_group": Path("sqlserver_availability_group_permissions", _IN_SERVER, "AVAILABILITY GROUP"),
    ROLE: Path("sqlserver_server_role_memberships", _IN_SERVER),
    DATABASE: Path("sqlserver_database_permissions", ("database",), "DATABASE"),
    "schema": Path("sqlserver_schema_permissions", _IN_DATABASE, "SCHEMA"),
    "table": Path("sqlserver_table_permissions", _IN_SCHEMA, "OBJECT"),
    "view": Path("sqlserver_view_permissions", _IN_SCHEMA, "OBJECT"),
    "routine": Path("sqlserver_routine_permissions", _IN_SCHEMA, "OBJECT"),
    "sequence": Path("sqlserver_sequence_permissions", _IN_SCHEMA, "OBJECT"),
    "synonym": Path("sqlserver_synonym_permissions", _IN_SCHEMA, "OBJECT"),
    "queue": Path("sqlserver_queue_permissions", _IN_SCHEMA, "OBJECT"),
    "object": Path("sqlserver_object_permissions", _IN_SCHEMA, "OBJECT"),
    COLUMN: Path("sqlserver_column_permissions", (*_IN_SCHEMA, "column"), "OBJECT"),
    "type": Path("sqlserver_type_permissions", _IN_SCHEMA, "TYPE"),
    "xml_schema_collection": Path("sqlserver_xml_schema_collection_permissions", _IN_SCHEMA, "XML SCHEMA COLLECTION"),
    DATABASE_USER: Path("sqlserver_user_permissions", _IN_DATABASE, "USER"),
    "role_definition": Path("sqlserver_database_role_permissions", _IN_DATABASE, "ROLE"),
    "application_role": Path("sqlserver_application_role_permissions", _IN_DATABASE, "APPLICATION ROLE"),
    DATABASE_ROLE: Path("sqlserver_database_role_memberships", _IN_DATABASE),
    "assembly": Path("sqlserver_assembly_permissions", _IN_DATABASE, "ASSEMBLY"),
    "message_type": Path("sqlserver_message_type_permissions", _IN_DATABASE, "MESSAGE TYPE"),
    "contract": Path("sqlserver_contract_permissions", _IN_DATABASE, "CONTRACT"),
    "service": Path("sqlserver_service_permissions", _IN_DATABASE, "SERVICE"),
    "remote_service_binding": Path(
        "sqlserver_remote_service_binding_permissions", _IN_DATABASE, "REMOTE SERVICE BINDING"
    ),
    "route": Path("sqlserver_route_permissions", _IN_DATABASE, "ROUTE"),
    "fulltext_catalog": Path("sqlserver_fulltext_catalog_permissions", _IN_DATABASE, "FULLTEXT CATALOG"),
    "symmetric_key": Path("sqlserver_symmetric_key_permissions", _IN_DATABASE, "SYMMETRIC KEY"),
    "certificate": Path("sqlserver_certificate_permissions", _IN_DATABASE, "CERTIFICATE"),
    "asymmetric_key": Path("sqlserver_asymmetric_key_permissions", _IN_DATABASE, "ASYMMETRIC KEY"),
    "fulltext_stoplist": Path("sqlserver_fulltext_stoplist_permissions", _IN_DATABASE, "FULLTEXT STOPLIST"),
    "search_property_list": Path("sqlserver_search_property_list_permissions", _IN_DATABASE, "SEARCH PROPERTY LIST"),
    "database_scoped_credential": Path(
        "sqlserver_database_scoped_credential_permissions", _IN_DATABASE, "DATABASE SCOPED CREDENTIAL"
    ),
    "external_language": Path("sqlserver_external_language_permissions", _IN_DATABASE, "EXTERNAL LANGUAGE"),
    "external_model": Path("sqlserver_external_model_permissions", _IN_DATABASE, "EXTERNAL MODEL"),
    "server_trigger": Path("sqlserver_server_trigger_modules", _IN_SERVER),
    "database_trigger": Path("sqlserver_database_trigger_modules", _IN_DATABASE),
    OTHER: Path("sqlserver_other_permissions", _IN_DATABASE),
}

WITHOUT_AUTHORIZATION = frozenset({"database_scoped_credential", "external_language", "external_model"})
"""What has an owner that ALTER AUTHORIZATION can't change (Microsoft Learn, "ALTER AUTHORIZATION")."""

EXTERNAL_LANGUAGE_CLASS = 34
EXTERNAL_MODEL = "EXTERNAL_MODEL"
"""How `class_desc` calls an external model."""
TRIGGER_CLASS = -1
"""How this project's own statement marks a trigger of the server or a database, which no permission is held on."""

CLASSES: dict[int, str] = {
    0: DATABASE,
    3: "schema",
    5: "assembly",
    6: "type",
    10: "xml_schema_collection",
    15: "message_type",
    16: "contract",
    17: "service",
    18: "remote_service_binding",
    19: "route",
    23: "fulltext_catalog",
    24: "symmetric_key",
    25: "certificate",
    26: "asymmetric_key",
    29: "fulltext_stoplist",
    31: "search_property_list",
    32: "database_scoped_credential",
    EXTERNAL_LANGUAGE_CLASS: "external_language",
    100: SERVER,
    105: "endpoint",
    108: "availability_group",
}
"""Classes that are one scope each; 1 (object or column), 4 and 101 (principals) depend on what is named."""

OBJECT_TYPES: dict[str, str] = {
    **dict.fromkeys(("U", "S", "IT", "ET", "TT"), "table"),
    "V": "view",
    **dict.fromkeys(("P", "PC", "X", "RF", "FN", "FS", "IF", "FT", "TF", "AF"), "routine"),
    "SO": "sequence",
    "SN": "synonym",
    "SQ": "queue",
}
"""`sys.all_objects.type` to scope; any other is an `object`."""

PRINCIPAL_TYPES: dict[int, dict[str, str]] = {
    4: {"R": "role_definition", "A": "application_role"},
    101: {"R": "server_role"},
}
"""Class and principal type to scope; any other is a `database_user` or a `login`."""


def to_scope(permission_class: int, kind: str, *, column: bool = False, in_database: bool = True) -> str:
    """Return the scope of a permission; `kind` is the type of the object or principal that it names."""
    if permission_class == TRIGGER_CLASS:
        return "database_trigger" if in_database else "server_trigger"
    if permission_class == 1:
        return COLUMN if column else OBJECT_TYPES.get(kind, "object")
    if permission_class in PRINCIPAL_TYPES:
        return PRINCIPAL_TYPES[permission_class].get(kind, DATABASE_USER if permission_class == 4 else LOGIN)
    return CLASSES.get(permission_class, OTHER)
