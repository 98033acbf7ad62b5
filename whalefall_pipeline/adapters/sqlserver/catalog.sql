-- What the SQL Server adapter asks, for SQL Server 2016 and later. Each statement pastes into a client.
-- {database} stands for the name of a database, quoted with brackets, {name} for the same name as a literal. Such a
-- statement is sent for several databases at once, put together with UNION ALL: so each text has one collation, since
-- databases differ in theirs, and each NULL a type.
-- (OBJECT_NAME and the like would look the id up in the current database, and name something else.)

-- name: session
-- What could hold up, cut or refuse a reading, and what makes it the victim of a deadlock. Sent after each connect.
SET LOCK_TIMEOUT 5000; SET QUERY_GOVERNOR_COST_LIMIT 0; SET ROWCOUNT 0; SET DEADLOCK_PRIORITY LOW;

-- name: server
-- One row, on every edition, Azure's included: what answers, and what this login sees of it. An unknown permission's
-- name gives NULL. Azure SQL Database and its like (EngineEdition) have no catalog of the server.
SELECT
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,
    CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition,
    CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
    CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name,
    CAST(SERVERPROPERTY('InstanceName') AS nvarchar(128)) AS instance_name,
    CAST(SERVERPROPERTY('IsIntegratedSecurityOnly') AS int) AS is_integrated_security_only,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION'), 0) AS sees_definitions,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DATABASE'), 0) AS sees_databases,
    COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), 0) AS sees_state,
    (SELECT COUNT(*) FROM sys.system_objects AS o WHERE o.name = N'external_languages') AS has_external_languages,
    (SELECT COUNT(*) FROM sys.system_objects AS o WHERE o.name = N'external_models') AS has_external_models;

-- name: listener
-- One row where this connection came by an availability group's listener: what stays the same when the group moves.
SELECT l.group_id AS group_id
FROM sys.availability_group_listener_ip_addresses AS i
INNER JOIN sys.availability_group_listeners AS l ON l.listener_id = i.listener_id
WHERE i.ip_address = CAST(CONNECTIONPROPERTY('local_net_address') AS nvarchar(48));

-- name: encryption
-- One row: whether this connection is encrypted. Needs VIEW SERVER STATE.
SELECT c.encrypt_option AS encrypt_option
FROM sys.dm_exec_connections AS c
WHERE c.session_id = @@SPID AND c.parent_connection_id IS NULL;

-- name: server_settings
-- One row per setting of the server that bears on its accounts; sys.configurations is visible to everybody.
SELECT c.name AS name, CAST(c.value_in_use AS int) AS value
FROM sys.configurations AS c
WHERE c.name IN (
    N'Ad Hoc Distributed Queries', N'c2 audit mode', N'clr enabled', N'clr strict security',
    N'common criteria compliance enabled', N'contained database authentication', N'cross db ownership chaining',
    N'default trace enabled', N'external scripts enabled', N'Ole Automation Procedures', N'remote access',
    N'remote admin connections', N'xp_cmdshell'
);

-- name: databases
-- One row per database. sys.databases leaves an offline one out for whoever lacks ALTER ANY DATABASE, while its files
-- are listed for VIEW ANY DEFINITION: such a database has the state UNLISTED, and perhaps no name. (Ids from 32700 on
-- are the engine's own.) HAS_DBACCESS is 0 too where a database has another user alone, or is an unreadable secondary.
SELECT
    d.name AS name,
    d.state_desc AS state,
    d.user_access_desc AS user_access,
    d.owner_sid AS owner_sid,
    CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END AS is_in_group,
    CAST(DATABASEPROPERTYEX(d.name, 'Updateability') AS nvarchar(128)) AS updateability,
    COALESCE(HAS_DBACCESS(d.name), 0) AS has_access,
    d.is_trustworthy_on AS is_trustworthy,
    d.is_db_chaining_on AS is_chaining,
    d.containment_desc AS containment
FROM sys.databases AS d
UNION ALL
SELECT
    DB_NAME(f.database_id),
    N'UNLISTED',
    CAST(NULL AS nvarchar(60)),
    CAST(NULL AS varbinary(85)),
    0,
    CAST(NULL AS nvarchar(128)),
    0,
    CAST(NULL AS bit),
    CAST(NULL AS bit),
    CAST(NULL AS nvarchar(60))
FROM (SELECT DISTINCT m.database_id AS database_id FROM sys.master_files AS m WHERE m.database_id < 32700) AS f
WHERE NOT EXISTS (SELECT 1 FROM sys.databases AS d WHERE d.database_id = f.database_id);

-- name: database_rights
-- One row per database: whether this login sees all of its definitions.
SELECT {name} AS database_name, COALESCE(HAS_PERMS_BY_NAME(QUOTENAME({name}), 'DATABASE', 'VIEW DEFINITION'), 0)
    AS sees_definitions;

-- name: login_token
-- One row per principal of the server that this login is: itself, its server roles, its Windows groups.
SELECT t.principal_id AS principal_id, t.sid AS sid
FROM sys.login_token AS t;

-- name: database_denials
-- One row per principal of a database to whom something is denied that shows definitions; everybody sees its own.
SELECT DISTINCT {name} AS database_name, p.grantee_principal_id AS grantee_id
FROM {database}.sys.database_permissions AS p
WHERE p.state = 'D' AND p.permission_name IN (N'CONTROL', N'VIEW DEFINITION', N'VIEW SECURITY DEFINITION');

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
-- One row per grantee, permission, securable and grantor of the server.
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
-- One row per securable of the server that has an owner, and per trigger of the server that runs as somebody else.
-- Availability groups have an owner too, which only sys.availability_replicas tells, of the local replica.
SELECT
    101 AS class,
    N'OWNER' AS held,
    r.owning_principal_id AS owner_id,
    r.type COLLATE Latin1_General_100_BIN2 AS kind,
    CAST(NULL AS nvarchar(128)) AS schema_name,
    r.name COLLATE Latin1_General_100_BIN2 AS name
FROM sys.server_principals AS r
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public' AND r.owning_principal_id IS NOT NULL
UNION ALL
SELECT
    105,
    N'OWNER',
    e.principal_id,
    CAST(NULL AS nvarchar(128)),
    CAST(NULL AS nvarchar(128)),
    e.name COLLATE Latin1_General_100_BIN2
FROM sys.endpoints AS e
WHERE e.principal_id IS NOT NULL
UNION ALL
SELECT
    -1,
    N'EXECUTE AS',
    m.execute_as_principal_id,
    CAST(NULL AS nvarchar(128)),
    CAST(NULL AS nvarchar(128)),
    t.name COLLATE Latin1_General_100_BIN2
FROM sys.server_sql_modules AS m
INNER JOIN sys.server_triggers AS t ON t.object_id = m.object_id
WHERE m.execute_as_principal_id > 0
UNION ALL
SELECT
    108,
    N'OWNER',
    p.principal_id,
    CAST(NULL AS nvarchar(128)),
    CAST(NULL AS nvarchar(128)),
    g.name COLLATE Latin1_General_100_BIN2
FROM sys.availability_replicas AS a
INNER JOIN sys.availability_groups AS g ON g.group_id = a.group_id
INNER JOIN sys.server_principals AS p ON p.sid = a.owner_sid
WHERE a.owner_sid IS NOT NULL;

-- name: database_principals
-- One row per user and role of a database. The source of a mapped user is a certificate or key of the same database.
SELECT
    {name} AS database_name,
    p.principal_id AS principal_id,
    p.name COLLATE Latin1_General_100_BIN2 AS name,
    p.type COLLATE Latin1_General_100_BIN2 AS type,
    p.type_desc COLLATE Latin1_General_100_BIN2 AS type_desc,
    p.sid AS sid,
    p.is_fixed_role AS is_fixed_role,
    p.default_schema_name COLLATE Latin1_General_100_BIN2 AS default_schema,
    p.authentication_type_desc COLLATE Latin1_General_100_BIN2 AS authentication_type,
    COALESCE(c.name, k.name) COLLATE Latin1_General_100_BIN2 AS mapped_to
FROM {database}.sys.database_principals AS p
LEFT JOIN {database}.sys.certificates AS c ON p.type = 'C' AND c.sid = p.sid
LEFT JOIN {database}.sys.asymmetric_keys AS k ON p.type = 'K' AND k.sid = p.sid;

-- name: database_role_members
-- One row per member of a database role. Nobody is listed as a member of public; everybody is.
SELECT {name} AS database_name, m.role_principal_id AS role_id, m.member_principal_id AS member_id
FROM {database}.sys.database_role_members AS m;

-- name: database_permissions
-- One row per grantee, permission, securable and grantor of a database. External languages and models, which older
-- versions lack the views of, are named by statements of their own.
SELECT
    {name} AS database_name,
    p.class AS class,
    p.class_desc COLLATE Latin1_General_100_BIN2 AS class_desc,
    p.major_id AS major_id,
    p.minor_id AS minor_id,
    p.grantee_principal_id AS grantee_id,
    p.permission_name COLLATE Latin1_General_100_BIN2 AS permission,
    p.state COLLATE Latin1_General_100_BIN2 AS state,
    COALESCE(o.type COLLATE Latin1_General_100_BIN2, n.kind) AS kind,
    s.name COLLATE Latin1_General_100_BIN2 AS schema_name,
    COALESCE(
        o.name COLLATE Latin1_General_100_BIN2,
        t.name COLLATE Latin1_General_100_BIN2,
        x.name COLLATE Latin1_General_100_BIN2,
        n.name
    ) AS name,
    c.name COLLATE Latin1_General_100_BIN2 AS column_name
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
    SELECT
        4 AS class,
        principal_id AS id,
        type COLLATE Latin1_General_100_BIN2 AS kind,
        name COLLATE Latin1_General_100_BIN2 AS name
    FROM {database}.sys.database_principals
    UNION ALL
    SELECT 3, schema_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.schemas
    UNION ALL
    SELECT 5, assembly_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.assemblies
    UNION ALL
    SELECT 15, message_type_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_message_types
    UNION ALL
    SELECT 16, service_contract_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_contracts
    UNION ALL
    SELECT 17, service_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.services
    UNION ALL
    SELECT 18, remote_service_binding_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.remote_service_bindings
    UNION ALL
    SELECT 19, route_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.routes
    UNION ALL
    SELECT 23, fulltext_catalog_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.fulltext_catalogs
    UNION ALL
    SELECT 24, symmetric_key_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.symmetric_keys
    UNION ALL
    SELECT 25, certificate_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.certificates
    UNION ALL
    SELECT 26, asymmetric_key_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.asymmetric_keys
    UNION ALL
    SELECT 29, stoplist_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.fulltext_stoplists
    UNION ALL
    SELECT 31, property_list_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.registered_search_property_lists
    UNION ALL
    SELECT 32, credential_id, CAST(NULL AS nvarchar(128)), name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.database_scoped_credentials
) AS n ON n.class = p.class AND n.id = p.major_id;

-- name: database_external_languages
-- One row per external language with its owner. SQL Server 2019 and later.
SELECT
    {name} AS database_name,
    l.external_language_id AS id,
    l.principal_id AS owner_id,
    l.language COLLATE Latin1_General_100_BIN2 AS name
FROM {database}.sys.external_languages AS l;

-- name: database_external_models
-- One row per external model with its owner. SQL Server 2025 and later.
SELECT
    {name} AS database_name,
    m.external_model_id AS id,
    m.principal_id AS owner_id,
    m.name COLLATE Latin1_General_100_BIN2 AS name
FROM {database}.sys.external_models AS m;

-- name: database_owners
-- One row per securable of a database that has an owner of its own: whatever lies in a schema has the schema's owner
-- unless it names one. And one per module that runs as somebody else than its caller: as a user, or (-2) as its owner.
SELECT
    {name} AS database_name,
    4 AS class,
    N'OWNER' AS held,
    r.owning_principal_id AS owner_id,
    r.type COLLATE Latin1_General_100_BIN2 AS kind,
    CAST(NULL AS nvarchar(128)) AS schema_name,
    r.name COLLATE Latin1_General_100_BIN2 AS name
FROM {database}.sys.database_principals AS r
WHERE r.type = 'R' AND r.is_fixed_role = 0 AND r.name <> 'public'
UNION ALL
SELECT
    {name},
    1,
    N'OWNER',
    o.principal_id,
    o.type COLLATE Latin1_General_100_BIN2,
    s.name COLLATE Latin1_General_100_BIN2,
    o.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.objects AS o
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.principal_id IS NOT NULL
UNION ALL
SELECT
    {name},
    1,
    N'EXECUTE AS',
    CASE m.execute_as_principal_id
        WHEN -2 THEN COALESCE(o.principal_id, s.principal_id) ELSE m.execute_as_principal_id
    END,
    o.type COLLATE Latin1_General_100_BIN2,
    s.name COLLATE Latin1_General_100_BIN2,
    o.name COLLATE Latin1_General_100_BIN2
FROM (
    SELECT object_id, execute_as_principal_id FROM {database}.sys.sql_modules
    UNION ALL
    SELECT object_id, execute_as_principal_id FROM {database}.sys.assembly_modules
    UNION ALL
    SELECT object_id, execute_as_principal_id FROM {database}.sys.service_queues
) AS m
INNER JOIN {database}.sys.objects AS o ON o.object_id = m.object_id
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = o.schema_id
WHERE m.execute_as_principal_id IS NOT NULL
UNION ALL
SELECT
    {name},
    -1,
    N'EXECUTE AS',
    m.execute_as_principal_id,
    CAST(NULL AS nvarchar(128)),
    CAST(NULL AS nvarchar(128)),
    g.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.sql_modules AS m
INNER JOIN {database}.sys.triggers AS g ON g.object_id = m.object_id AND g.parent_class = 0
WHERE m.execute_as_principal_id > 0
UNION ALL
SELECT
    {name},
    6,
    N'OWNER',
    t.principal_id,
    CAST(NULL AS nvarchar(128)),
    s.name COLLATE Latin1_General_100_BIN2,
    t.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.types AS t
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_user_defined = 1 AND t.principal_id IS NOT NULL
UNION ALL
SELECT
    {name},
    10,
    N'OWNER',
    x.principal_id,
    CAST(NULL AS nvarchar(128)),
    s.name COLLATE Latin1_General_100_BIN2,
    x.name COLLATE Latin1_General_100_BIN2
FROM {database}.sys.xml_schema_collections AS x
INNER JOIN {database}.sys.schemas AS s ON s.schema_id = x.schema_id
WHERE x.principal_id IS NOT NULL
UNION ALL
SELECT
    {name},
    n.class,
    N'OWNER',
    n.owner_id,
    CAST(NULL AS nvarchar(128)),
    CAST(NULL AS nvarchar(128)),
    n.name
FROM (
    SELECT 3 AS class, principal_id AS owner_id, name COLLATE Latin1_General_100_BIN2 AS name
    FROM {database}.sys.schemas
    UNION ALL
    SELECT 5, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.assemblies
    WHERE is_user_defined = 1
    UNION ALL
    SELECT 15, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_message_types
    UNION ALL
    SELECT 16, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.service_contracts
    UNION ALL
    SELECT 17, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.services
    UNION ALL
    SELECT 18, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.remote_service_bindings
    UNION ALL
    SELECT 19, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.routes
    UNION ALL
    SELECT 23, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.fulltext_catalogs
    UNION ALL
    SELECT 24, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.symmetric_keys
    UNION ALL
    SELECT 25, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.certificates
    UNION ALL
    SELECT 26, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.asymmetric_keys
    UNION ALL
    SELECT 29, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.fulltext_stoplists
    UNION ALL
    SELECT 31, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.registered_search_property_lists
    UNION ALL
    SELECT 32, principal_id, name COLLATE Latin1_General_100_BIN2
    FROM {database}.sys.database_scoped_credentials
) AS n
WHERE n.owner_id IS NOT NULL;
