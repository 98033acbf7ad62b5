"""What the fixed roles allow: no permission view lists it, so it stands here.

Sources: Microsoft Learn, Server-Level Roles and Database-Level Roles (permissions of the fixed roles). Every fixed
server role is an account of the inventory; the fixed database roles, which are the same in each database, are not.
"""

_STATE = ("VIEW SERVER PERFORMANCE STATE", "VIEW SERVER SECURITY STATE", "VIEW SERVER STATE")

FIXED_SERVER_ROLES: dict[str, tuple[str, ...]] = {
    "sysadmin": ("CONTROL SERVER",),
    "securityadmin": ("ALTER ANY LOGIN",),
    "serveradmin": (
        "ALTER ANY ENDPOINT",
        "ALTER RESOURCES",
        "ALTER SERVER STATE",
        "ALTER SETTINGS",
        "SHUTDOWN",
        "VIEW SERVER STATE",
    ),
    "setupadmin": ("ALTER ANY LINKED SERVER",),
    "processadmin": ("ALTER ANY CONNECTION", "ALTER SERVER STATE"),
    "diskadmin": ("ALTER RESOURCES",),
    "dbcreator": ("ALTER ANY DATABASE", "CREATE ANY DATABASE"),
    "bulkadmin": ("ADMINISTER BULK OPERATIONS",),
    "##MS_DatabaseConnector##": ("CONNECT ANY DATABASE",),
    "##MS_DatabaseManager##": ("ALTER ANY DATABASE", "CREATE ANY DATABASE"),
    "##MS_DefinitionReader##": (
        "VIEW ANY DATABASE",
        "VIEW ANY DEFINITION",
        "VIEW ANY PERFORMANCE DEFINITION",
        "VIEW ANY SECURITY DEFINITION",
    ),
    "##MS_LoginManager##": ("ALTER ANY LOGIN", "CREATE LOGIN"),
    "##MS_PerformanceDefinitionReader##": ("VIEW ANY PERFORMANCE DEFINITION",),
    "##MS_SecurityDefinitionReader##": ("VIEW ANY SECURITY DEFINITION",),
    "##MS_ServerPerformanceStateReader##": ("VIEW SERVER PERFORMANCE STATE",),
    "##MS_ServerSecurityStateReader##": ("VIEW SERVER SECURITY STATE",),
    "##MS_ServerStateManager##": ("ALTER SERVER STATE", *_STATE),
    "##MS_ServerStateReader##": _STATE,
}

FIXED_DATABASE_ROLES: dict[str, tuple[str, ...]] = {
    "db_owner": ("CONTROL",),
    "db_securityadmin": ("ALTER ANY APPLICATION ROLE", "ALTER ANY ROLE", "CREATE SCHEMA", "VIEW DEFINITION"),
    "db_accessadmin": ("ALTER ANY USER", "CONNECT WITH GRANT OPTION", "CREATE SCHEMA"),
    "db_backupoperator": ("BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT"),
    "db_ddladmin": (
        "ALTER ANY ASSEMBLY",
        "ALTER ANY ASYMMETRIC KEY",
        "ALTER ANY CERTIFICATE",
        "ALTER ANY CONTRACT",
        "ALTER ANY DATABASE DDL TRIGGER",
        "ALTER ANY DATABASE EVENT NOTIFICATION",
        "ALTER ANY DATASPACE",
        "ALTER ANY FULLTEXT CATALOG",
        "ALTER ANY MESSAGE TYPE",
        "ALTER ANY REMOTE SERVICE BINDING",
        "ALTER ANY ROUTE",
        "ALTER ANY SCHEMA",
        "ALTER ANY SERVICE",
        "ALTER ANY SYMMETRIC KEY",
        "CHECKPOINT",
        "CREATE AGGREGATE",
        "CREATE DEFAULT",
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "CREATE QUEUE",
        "CREATE RULE",
        "CREATE SYNONYM",
        "CREATE TABLE",
        "CREATE TYPE",
        "CREATE VIEW",
        "CREATE XML SCHEMA COLLECTION",
        "REFERENCES",
    ),
    "db_datareader": ("SELECT",),
    "db_datawriter": ("DELETE", "INSERT", "UPDATE"),
    "db_denydatareader": ("DENY SELECT",),
    "db_denydatawriter": ("DENY DELETE", "DENY INSERT", "DENY UPDATE"),
}
