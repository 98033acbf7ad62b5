-- The same rows as catalog.sql, asked of the root of a container database for all its open containers at once.
-- Sources: Oracle Database Reference, "CDB_* Views" and the page of each view. A grant that a container only inherits
-- from the root is left out: it is told once, where it was made. An application PDB inherits from its application root
-- too, and INHERITED is YES for both (`cdcore_privs.sql`): there, what the root itself has commonly is left out.

-- name: containers (closed and restricted ones have no rows in CDB_ views; one that CONTAINER_DATA hides has no accounts)
SELECT p.pdb_id, p.pdb_name, v.open_mode, v.restricted, a.accounts, v.open_time, p.is_proxy_pdb
FROM sys.dba_pdbs p
LEFT JOIN sys.v_$pdbs v ON v.con_id = p.pdb_id
LEFT JOIN (SELECT u.con_id, COUNT(*) AS accounts FROM sys.cdb_users u GROUP BY u.con_id) a ON a.con_id = p.pdb_id
WHERE p.pdb_name <> 'PDB$SEED';

-- name: container_data (what the views of this file show to the login; an attribute that is DEFAULT has no row)
SELECT d.default_attr, d.owner, d.object_name, d.all_containers, d.container_name
FROM sys.dba_container_data d
WHERE d.username = SYS_CONTEXT('USERENV', 'SESSION_USER');

-- name: users
SELECT u.con_id, u.common, u.username, u.account_status, u.authentication_type, u.external_name, u.profile,
       u.default_tablespace, u.temporary_tablespace, u.created, u.lock_date, u.expiry_date, u.password_versions,
       u.editions_enabled, u.proxy_only_connect, u.oracle_maintained, u.inherited
FROM sys.cdb_users u;

-- name: read_only_users (23ai)
SELECT u.con_id, u.common, u.username
FROM sys.cdb_users u
WHERE u.read_only = 'YES';

-- name: roles
SELECT r.con_id, r.common, r.role, r.authentication_type, r.oracle_maintained, r.inherited
FROM sys.cdb_roles r;

-- name: password_file
SELECT f.con_id, f.common, f.username, f.account_status, f.authentication_type,
       f.sysdba, f.sysoper, f.sysasm, f.sysbackup, f.sysdg, f.syskm
FROM sys.v_$pwfile_users f;

-- name: role_grants
SELECT p.con_id, p.common, p.grantee, p.granted_role, p.admin_option, p.delegate_option, p.default_role
FROM sys.cdb_role_privs p
WHERE p.inherited = 'NO'
   OR (p.con_id IN (SELECT a.pdb_id FROM sys.dba_pdbs a WHERE a.application_root_con_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM sys.dba_role_privs r
        WHERE r.common = 'YES' AND r.grantee = p.grantee AND r.granted_role = p.granted_role
          AND r.admin_option = p.admin_option AND r.delegate_option = p.delegate_option));

-- name: system_privileges
SELECT p.con_id, p.common, p.grantee, p.privilege, p.admin_option
FROM sys.cdb_sys_privs p
WHERE p.inherited = 'NO'
   OR (p.con_id IN (SELECT a.pdb_id FROM sys.dba_pdbs a WHERE a.application_root_con_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM sys.dba_sys_privs r
        WHERE r.common = 'YES' AND r.grantee = p.grantee AND r.privilege = p.privilege
          AND r.admin_option = p.admin_option));

-- name: object_privileges
SELECT p.con_id, p.common, p.grantee, p.owner, p.table_name, p.type, p.privilege, p.grantable, p.hierarchy
FROM sys.cdb_tab_privs p
WHERE p.inherited = 'NO'
   OR (p.con_id IN (SELECT a.pdb_id FROM sys.dba_pdbs a WHERE a.application_root_con_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM sys.dba_tab_privs r
        WHERE r.common = 'YES' AND r.grantee = p.grantee AND r.owner = p.owner AND r.table_name = p.table_name
          AND r.grantor = p.grantor AND r.privilege = p.privilege AND r.grantable = p.grantable
          AND r.hierarchy = p.hierarchy));

-- name: column_privileges
SELECT p.con_id, p.common, p.grantee, p.owner, p.table_name, p.column_name, p.privilege, p.grantable
FROM sys.cdb_col_privs p
WHERE p.inherited = 'NO'
   OR (p.con_id IN (SELECT a.pdb_id FROM sys.dba_pdbs a WHERE a.application_root_con_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM sys.dba_col_privs r
        WHERE r.common = 'YES' AND r.grantee = p.grantee AND r.owner = p.owner AND r.table_name = p.table_name
          AND r.column_name = p.column_name AND r.grantor = p.grantor AND r.privilege = p.privilege
          AND r.grantable = p.grantable));

-- name: schema_privileges (23ai)
SELECT p.con_id, p.common, p.grantee, p.schema, p.privilege, p.admin_option
FROM sys.cdb_schema_privs p
WHERE p.inherited = 'NO'
   OR (p.con_id IN (SELECT a.pdb_id FROM sys.dba_pdbs a WHERE a.application_root_con_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM sys.dba_schema_privs r
        WHERE r.common = 'YES' AND r.grantee = p.grantee AND r.schema = p.schema AND r.privilege = p.privilege
          AND r.admin_option = p.admin_option));

-- name: proxies
SELECT p.con_id, 'NO' AS common, p.proxy, p.client, p.authentication, p.authorization_constraint, p.role
FROM sys.cdb_proxies p
WHERE p.proxy IS NOT NULL;

-- name: quotas
SELECT q.con_id, 'NO' AS common, q.username, q.tablespace_name, q.max_bytes
FROM sys.cdb_ts_quotas q
WHERE q.dropped = 'NO' AND q.max_bytes <> 0;

-- name: definers
SELECT DISTINCT p.con_id, 'NO' AS common, p.owner, p.object_name, p.object_type
FROM sys.cdb_procedures p
WHERE p.authid = 'DEFINER'
  AND p.object_type IN ('FUNCTION', 'PACKAGE', 'PROCEDURE', 'TYPE')
  AND EXISTS (
    SELECT 1 FROM sys.cdb_users u WHERE u.con_id = p.con_id AND u.username = p.owner AND u.oracle_maintained = 'N');

-- name: profiles
SELECT p.con_id, p.common, p.profile, p.resource_name, p.limit AS limit_value
FROM sys.cdb_profiles p
WHERE p.resource_type = 'PASSWORD';
