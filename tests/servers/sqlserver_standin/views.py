"""The mirrored catalog views: their columns (those that the adapter may ask for), under the documentation's names.

Source: Microsoft Learn, "System catalog views": one page per view, as `sys.database_principals (Transact-SQL)`.
"""

SERVER_VIEWS = {
    "server_principals": "name text, principal_id int, sid blob, type text, type_desc text, is_disabled bool, "
    "default_database_name text, default_language_name text, owning_principal_id int, is_fixed_role bool",
    "login_token": "principal_id int, sid blob",
    "sql_logins": "principal_id int, is_policy_checked bool, is_expiration_checked bool",
    "server_role_members": "role_principal_id int, member_principal_id int",
    "server_permissions": "class int, class_desc text, major_id int, minor_id int, grantee_principal_id int, "
    "permission_name text, state text",
    "endpoints": "name text, endpoint_id int, principal_id int",
    "availability_replicas": "replica_metadata_id int, group_id text, owner_sid blob",
    "availability_groups": "group_id text, name text",
    "availability_group_listeners": "group_id text, listener_id text",
    "availability_group_listener_ip_addresses": "listener_id text, ip_address text",
    "server_sql_modules": "object_id int, execute_as_principal_id int",
    "server_triggers": "object_id int, name text",
    "configurations": "name text, value_in_use int",
    "system_objects": "name text",
    "dm_exec_connections": "session_id int, parent_connection_id text, encrypt_option text",
    # What sys.databases and sys.master_files show parts of (see `content`).
    "all_databases": "name text, database_id int, state_desc text, user_access_desc text, owner_sid blob, "
    "replica_id text, updateability text, is_trustworthy_on bool, is_db_chaining_on bool, containment_desc text",
    # What functions answer from: SERVERPROPERTY, LOGINPROPERTY, HAS_DBACCESS and HAS_PERMS_BY_NAME.
    "properties": "name text, value text",
    "login_properties": "name text, is_locked int, is_expired int, is_must_change int",
    "collector_rights": "name text, held int",
}
"""Views that every database shows alike; here they stand in `master` only."""

SHOWN = ("databases", "master_files")
"""Views of the server that show a part of a table."""

_NAMED = "name text, {id} int, principal_id int"
DATABASE_VIEWS = {
    "database_principals": "name text, principal_id int, type text, type_desc text, default_schema_name text, "
    "owning_principal_id int, sid blob, is_fixed_role bool, authentication_type_desc text",
    "database_role_members": "role_principal_id int, member_principal_id int",
    "database_permissions": "class int, class_desc text, major_id int, minor_id int, grantee_principal_id int, "
    "permission_name text, state text",
    "schemas": "name text, schema_id int, principal_id int",
    "all_objects": "name text, object_id int, schema_id int, principal_id int, type text",
    "all_columns": "name text, object_id int, column_id int",
    "types": "name text, user_type_id int, schema_id int, principal_id int, is_user_defined bool",
    "xml_schema_collections": "name text, xml_collection_id int, schema_id int, principal_id int",
    "assemblies": "name text, assembly_id int, principal_id int, is_user_defined bool",
    "certificates": "name text, certificate_id int, principal_id int, sid blob",
    "asymmetric_keys": "name text, asymmetric_key_id int, principal_id int, sid blob",
    "service_message_types": _NAMED.format(id="message_type_id"),
    "service_contracts": _NAMED.format(id="service_contract_id"),
    "services": _NAMED.format(id="service_id"),
    "remote_service_bindings": _NAMED.format(id="remote_service_binding_id"),
    "routes": _NAMED.format(id="route_id"),
    "fulltext_catalogs": _NAMED.format(id="fulltext_catalog_id"),
    "symmetric_keys": _NAMED.format(id="symmetric_key_id"),
    "fulltext_stoplists": _NAMED.format(id="stoplist_id"),
    "registered_search_property_lists": _NAMED.format(id="property_list_id"),
    "database_scoped_credentials": _NAMED.format(id="credential_id"),
    "external_languages": "language text, external_language_id int, principal_id int",
    "external_models": _NAMED.format(id="external_model_id"),
    "sql_modules": "object_id int, execute_as_principal_id int",
    "assembly_modules": "object_id int, execute_as_principal_id int",
    "service_queues": "object_id int, execute_as_principal_id int",
    "triggers": "name text, object_id int, parent_class int",
}

CLASSES = {
    "DATABASE": (0, "DATABASE", "", ""),
    "SCHEMA": (3, "SCHEMA", "schemas", "schema_id"),
    "USER": (4, "DATABASE_PRINCIPAL", "database_principals", "principal_id"),
    "ROLE": (4, "DATABASE_PRINCIPAL", "database_principals", "principal_id"),
    "APPLICATION ROLE": (4, "DATABASE_PRINCIPAL", "database_principals", "principal_id"),
    "OBJECT": (1, "OBJECT_OR_COLUMN", "all_objects", "object_id"),
    "ASSEMBLY": (5, "ASSEMBLY", "assemblies", "assembly_id"),
    "TYPE": (6, "TYPE", "types", "user_type_id"),
    "XML SCHEMA COLLECTION": (10, "XML_SCHEMA_COLLECTION", "xml_schema_collections", "xml_collection_id"),
    "MESSAGE TYPE": (15, "MESSAGE_TYPE", "service_message_types", "message_type_id"),
    "CONTRACT": (16, "SERVICE_CONTRACT", "service_contracts", "service_contract_id"),
    "SERVICE": (17, "SERVICE", "services", "service_id"),
    "REMOTE SERVICE BINDING": (
        18,
        "REMOTE_SERVICE_BINDING",
        "remote_service_bindings",
        "remote_service_binding_id",
    ),
    "ROUTE": (19, "ROUTE", "routes", "route_id"),
    "FULLTEXT CATALOG": (23, "FULLTEXT_CATALOG", "fulltext_catalogs", "fulltext_catalog_id"),
    "SYMMETRIC KEY": (24, "SYMMETRIC_KEYS", "symmetric_keys", "symmetric_key_id"),
    "CERTIFICATE": (25, "CERTIFICATE", "certificates", "certificate_id"),
    "ASYMMETRIC KEY": (26, "ASYMMETRIC_KEY", "asymmetric_keys", "asymmetric_key_id"),
    "FULLTEXT STOPLIST": (29, "FULLTEXT_STOPLIST", "fulltext_stoplists", "stoplist_id"),
    "SEARCH PROPERTY LIST": (
        31,
        "SEARCH_PROPERTY_LIST",
        "registered_search_property_lists",
        "property_list_id",
    ),
    "DATABASE SCOPED CREDENTIAL": (
        32,
        "DATABASE_SCOPED_CREDENTIAL",
        "database_scoped_credentials",
        "credential_id",
    ),
    "EXTERNAL LANGUAGE": (34, "EXTERNAL LANGUAGE", "external_languages", "external_language_id"),
    "EXTERNAL MODEL": (36, "EXTERNAL_MODEL", "external_models", "external_model_id"),
    "SERVER": (100, "SERVER", "", ""),
    "LOGIN": (101, "SERVER_PRINCIPAL", "server_principals", "principal_id"),
    "SERVER ROLE": (101, "SERVER_PRINCIPAL", "server_principals", "principal_id"),
    "ENDPOINT": (105, "ENDPOINT", "endpoints", "endpoint_id"),
    "AVAILABILITY GROUP": (108, "AVAILABILITY GROUP", "availability_groups", "group_id"),
}
"""What stands after ON in GRANT: class and its description (sys.database_permissions, sys.server_permissions), the view
that names it, and its id there. The number of external models is this stand-in's own: no document names it."""
