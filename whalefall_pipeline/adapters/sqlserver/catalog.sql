-- What the SQL Server adapter asks, for SQL Server 2016 and later. Each statement pastes into a client.
-- {database} stands for the name of a database, quoted with brackets: only names from that database's own views.
-- (OBJECT_NAME and the like would look the id up in the current database, and name something else.)

-- name: server
-- One row: the version, and whether this login sees every principal and every database, or only some.
-- SQL Server 2022 splits VIEW ANY DEFINITION: the security half is enough. An unknown permission's name gives NULL.
SELECT
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,
    CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION'), 0) AS sees_definitions,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY SECURITY DEFINITION'), 0) AS sees_security_definitions,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DATABASE'), 0) AS sees_databases;

-- name: databases
-- One row per database. HAS_PERMS_BY_NAME gives NULL for one that is offline or refuses this login.
SELECT
    d.name AS name,
    d.state_desc AS state,
    d.owner_sid AS owner_sid,
    COALESCE(HAS_DBACCESS(d.name), 0) AS has_access,
    COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(d.name), 'DATABASE', 'VIEW DEFINITION'), 0) AS sees_definitions,
    COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(d.name), 'DATABASE', 'VIEW SECURITY DEFINITION'), 0)
        AS sees_security_definitions
FROM sys.databases AS d;

-- name: server_principals
-- One row per login and server role. The source of a mapped login is a certificate or asymmetric key of master.
SELECT
    p.principal_id AS principal_id,
    p.name AS name,
    p.type AS type,
    p.type_desc AS type_desc,
    p.sid AS sid,
    p.is_disabled AS is_disabled,
    p.is_fixed_role AS is_fixed_role,
    p.default_database_name AS default_database,
    p.default_language_name AS default_language,
    l.is_policy_checked AS is_policy_checked,
    l.is_expiration_checked AS is_expiration_checked,
    CAST(LOGINPROPERTY(p.name, 'IsLocked') AS int) AS is_locked_out,
    CAST(LOGINPROPERTY(p.name, 'IsExpired') AS int) AS is_expired,
    CAST(LOGINPROPERTY(p.name, 'IsMustChange') AS int) AS is_must_change,
    COALESCE(c.name, k.name) AS mapped_to
FROM sys.server_principals AS p
LEFT JOIN sys.sql_logins AS l ON l.principal_id = p.principal_id
LEFT JOIN master.sys.certificates AS c ON p.type = 'C' AND c.sid = p.sid
LEFT JOIN master.sys.asymmetric_keys AS k ON p.type = 'K' AND k.sid = p.sid;

-- name: server_role_members
-- One row per member of a server role. Nobody is listed as a member of public; everybody is.
SELECT m.role_principal_id AS role_id, m.member_principal_id AS member_id
FROM sys.server_role_members AS m;

-- name: server_permissions
-- One row per grantee, permission and securable of the server.
SELECT
    p.class AS class,
    p.class_desc AS class_desc,
    p.major_id AS major_id,
    p.minor_id AS minor_id,
    p.grantee_principal_id AS grantee_id,
    p.permission_name AS permission,
    p.state AS state,
    n.type AS kind,
    CAST(NULL AS nvarchar(128)) AS schema_name,
    COALESCE(n.name, e.name, g.name COLLATE Latin1_General_100_BIN2) AS name,
    CAST(NULL AS nvarchar(128)) AS column_name
FROM sys.server_permissions AS p
LEFT JOIN sys.server_principals AS n ON p.class = 101 AND n.principal_id = p.major_id
LEFT JOIN sys.endpoints AS e ON p.class = 105 AND e.endpoint_id = p.major_id
LEFT JOIN sys.availability_replicas AS r ON p.class = 108 AND r.replica_metadata_id = p.major_id
LEFT JOIN sys.availability_groups AS g ON g.group_id = r.group_id;

-- name: server_owners
-- One row per securable of the server that has an owner: server roles and endpoints.
SELECT
    101 AS class,
    r.owning_principal_id AS owner_id,
    r.type COLLATE Latin1_General_100_BIN2 AS kind,
    CAST(NULL AS nvarchar(128)) AS schema_name,
    r.name COLLATE Latin1_General_100_BIN2 AS name
FROM sys.server_principals AS r
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public' AND r.owning_principal_id IS NOT NULL
UNION ALL
SELECT 105, e.principal_id, NULL, NULL, e.name COLLATE Latin1_General_100_BIN2
FROM sys.endpoints AS e
WHERE e.principal_id IS NOT NULL;

-- name: database_principals
-- One row per user and role of a database. The source of a mapped user is a certificate or key of the same database.
SELECT
    p.principal_id AS principal_id,
    p.name AS name,
    p.type AS type,
    p.type_desc AS type_desc,
    p.sid AS sid,
    p.is_fixed_role AS is_fixed_role,
    p.default_schema_name AS default_schema,
    p.authentication_type_desc AS authentication_type,
    COALESCE(c.name, k.name) AS mapped_to
FROM {database}.sys.database_principals AS p
LEFT JOIN {database}.sys.certificates AS c ON p.type = 'C' AND c.sid = p.sid
LEFT JOIN {database}.sys.asymmetric_keys AS k ON p.type = 'K' AND k.sid = p.sid;

-- name: database_role_members
-- One row per member of a database role. Nobody is listed as a member of public; everybody is.
SELECT m.role_principal_id AS role_id, m.member_principal_id AS member_id
FROM {database}.sys.database_role_members AS m;

-- name: database_permissions
-- One row per grantee, permission and securable of a database. The names of Service Broker objects have a binary
-- collation and all others the database's own, so the union forces one.
SELECT
    p.class AS class,
    p.class_desc AS class_desc,
    p.major_id AS major_id,
    p.minor_id AS minor_id,
    p.grantee_principal_id AS grantee_id,
    p.permission_name AS permission,
    p.state AS state,
    COALESCE(o.type COLLATE Latin1_General_100_BIN2, n.kind) AS kind,
    s.name AS schema_name,
    COALESCE(o.name COLLATE Latin1_General_100_BIN2, t.name, x.name, n.name) AS name,
    c.name AS column_name
FROM {database}.sys.database_permissions AS p
LEFT JOIN {database}.sys.all_objects AS o ON p.class = 1 AND o.object_id = p.major_id
LEFT JOIN {database}.sys.all_columns AS c
    ON p.class = 1 AND p.minor_id > 0 AND c.object_id = p.major_id AND c.column_id = p.minor_id
LEFT JOIN {database}.sys.types AS t ON p.class = 6 AND t.user_type_id = p.major_id
LEFT JOIN {database}.sys.xml_schema_collections AS x ON p.class = 10 AND x.xml_collection_id = p.major_id
LEFT JOIN {database}.sys.schemas AS s
    ON s.schema_id = CASE p.class
        WHEN 1 THEN o.schema_id WHEN 6 THEN t.schema_id WHEN 10 THEN x.schema_id
    END
LEFT JOIN (
    SELECT 3 AS class, schema_id AS id, NULL AS kind, name COLLATE Latin1_General_100_BIN2 AS name
    FROM {database}.sys.schemas
    UNION ALL
    SELECT 4, principal_id, type COLLATE Latin1_General_100_BIN2, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.database_principals
    UNION ALL
    SELECT 5, assembly_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.assemblies
    UNION ALL
    SELECT 15, message_type_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_message_types
    UNION ALL
    SELECT 16, service_contract_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_contracts
    UNION ALL
    SELECT 17, service_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.services
    UNION ALL
    SELECT 18, remote_service_binding_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.remote_service_bindings
    UNION ALL
    SELECT 19, route_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.routes
    UNION ALL
    SELECT 23, fulltext_catalog_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.fulltext_catalogs
    UNION ALL
    SELECT 24, symmetric_key_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.symmetric_keys
    UNION ALL
    SELECT 25, certificate_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.certificates
    UNION ALL
    SELECT 26, asymmetric_key_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.asymmetric_keys
    UNION ALL
    SELECT 29, stoplist_id, NULL, name COLLATE Latin1_General_100_BIN2 FROM {database}.sys.fulltext_stoplists
    UNION ALL
    SELECT 31, property_list_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.registered_search_property_lists
    UNION ALL
    SELECT 32, credential_id, NULL, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.database_scoped_credentials
) AS n ON n.class = p.class AND n.id = p.major_id;

-- name: database_owners
-- One row per schema, role, type, assembly, certificate, key and full-text catalog of a database with its owner, and
-- per object that another than its schema's owner owns.
SELECT
    3 AS class,
    s.principal_id AS owner_id,
    NULL AS kind,
    CAST(NULL AS nvarchar(128)) AS schema_name,
    s.name COLLATE Latin1_General_100_BIN2 AS name
FROM {database}.sys.schemas AS s
UNION ALL
SELECT 4, r.owning_principal_id, r.type COLLATE Latin1_General_100_BIN2, NULL, r.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.database_principals AS r
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public'
UNION ALL
SELECT
    1,
    o.principal_id,
    o.type COLLATE Latin1_General_100_BIN2,
    s.name COLLATE Latin1_General_100_BIN2,
    o.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.objects AS o
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.principal_id IS NOT NULL
UNION ALL
SELECT 6, t.principal_id, NULL, s.name COLLATE Latin1_General_100_BIN2, t.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.types AS t
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_user_defined = 1 AND t.principal_id IS NOT NULL
UNION ALL
SELECT 5, a.principal_id, NULL, NULL, a.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.assemblies AS a
WHERE a.is_user_defined = 1
UNION ALL
SELECT 23, f.principal_id, NULL, NULL, f.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.fulltext_catalogs AS f
UNION ALL
SELECT 24, y.principal_id, NULL, NULL, y.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.symmetric_keys AS y
UNION ALL
SELECT 25, c.principal_id, NULL, NULL, c.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.certificates AS c
UNION ALL
SELECT 26, k.principal_id, NULL, NULL, k.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.asymmetric_keys AS k;
