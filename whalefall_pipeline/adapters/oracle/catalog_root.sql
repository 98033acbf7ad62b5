-- The same rows as catalog.sql, asked of the root of a container database for all its open containers at once.
-- Sources: Oracle Database Reference, "CDB_* Views" and the page of each view. A grant that a container only inherits
-- from its root is left out: it is told once, where it was made.

-- name: containers (closed and restricted ones have no rows in CDB_ views; one that CONTAINER_DATA hides has no accounts)
SELECT p.pdb_id, p.pdb_name, v.open_mode, v.restricted, a.accounts, v.open_time
FROM sys.dba_pdbs p
LEFT JOIN sys.v_$pdbs v ON v.con_id = p.pdb_id
LEFT JOIN (SELECT u.con_id, COUNT(*) AS accounts FROM sys.cdb_users u GROUP BY u.con_id) a ON a.con_id = p.pdb_id
WHERE p.pdb_name <> 'PDB$SEED';

-- name: users
SELECT u.con_id, u.common, u.username, u.account_status, u.authentication_type, u.external_name, u.profile,
       u.default_tablespace, u.temporary_tablespace, u.created, u.lock_date, u.expiry_date, u.password_versions,
       u.editions_enabled, u.proxy_only_connect, u.oracle_maintained
FROM sys.cdb_users u;

-- name: read_only_users (23ai)
SELECT u.con_id, u.common, u.username
FROM sys.cdb_users u
WHERE u.read_only = 'YES';

-- name: roles
SELECT r.con_id, r.common, r.role, r.authentication_type, r.oracle_maintained
FROM sys.cdb_roles r;

-- name: password_file
SELECT f.con_id, f.common, f.username, f.account_status, f.authentication_type,
       f.sysdba, f.sysoper, f.sysasm, f.sysbackup, f.sysdg, f.syskm
FROM sys.v_$pwfile_users f;

-- name: role_grants
SELECT p.con_id, p.common, p.grantee, p.granted_role, p.admin_option, p.delegate_option, p.default_role
FROM sys.cdb_role_privs p
WHERE p.inherited = 'NO';

-- name: system_privileges
SELECT p.con_id, p.common, p.grantee, p.privilege, p.admin_option
FROM sys.cdb_sys_privs p
WHERE p.inherited = 'NO';

-- name: object_privileges
SELECT p.con_id, p.common, p.grantee, p.owner, p.table_name, p.type, p.privilege, p.grantable, p.hierarchy
FROM sys.cdb_tab_privs p
WHERE p.inherited = 'NO';

-- name: column_privileges
SELECT p.con_id, p.common, p.grantee, p.owner, p.table_name, p.column_name, p.privilege, p.grantable
FROM sys.cdb_col_privs p
WHERE p.inherited = 'NO';

-- name: schema_privileges (23ai)
SELECT p.con_id, p.common, p.grantee, p.schema, p.privilege, p.admin_option
FROM sys.cdb_schema_privs p
WHERE p.inherited = 'NO';

-- name: proxies
SELECT p.con_id, 'NO' AS common, p.proxy, p.client, p.authentication, p.authorization_constraint, p.role
FROM sys.cdb_proxies p
WHERE p.proxy IS NOT NULL;

-- name: quotas
SELECT q.con_id, 'NO' AS common, q.username, q.tablespace_name, q.max_bytes
FROM sys.cdb_ts_quotas q
WHERE q.dropped = 'NO' AND q.max_bytes <> 0;
