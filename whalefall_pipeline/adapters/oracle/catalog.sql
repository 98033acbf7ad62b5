-- What is asked of one container: a pluggable database, or a database that is no container database (Oracle 12.2+).
-- Sources: Oracle Database Reference, the page of each view. `con_id` and `common` lead each row as in catalog_root.sql.

-- name: read_only (one point in time for all that follows; V$ views excepted)
SET TRANSACTION READ ONLY;

-- name: session (CON_ID is 0 without containers, 1 in the root; CON_NAME is then the database's name)
SELECT SYS_CONTEXT('USERENV', 'CON_ID') AS con_id, SYS_CONTEXT('USERENV', 'CON_NAME') AS con_name,
       SYS_CONTEXT('USERENV', 'SESSION_USER') AS session_user
FROM dual;

-- name: identity (a pluggable database has a GUID of its own, which it keeps wherever it is plugged in)
SELECT d.dbid, p.guid
FROM sys.v_$database d
LEFT JOIN sys.v_$pdbs p ON p.con_id = CAST(SYS_CONTEXT('USERENV', 'CON_ID') AS NUMBER);

-- name: parameters (what the instance is set to that bears on its accounts; O7_DICTIONARY_ACCESSIBILITY is in capitals)
SELECT p.name, p.value
FROM sys.v_$parameter p
WHERE LOWER(p.name) IN (
    'common_user_prefix', 'identity_provider_type', 'ldap_directory_access', 'o7_dictionary_accessibility',
    'os_authent_prefix', 'os_roles', 'remote_login_passwordfile', 'remote_os_authent', 'remote_os_roles',
    'sec_case_sensitive_logon', 'sec_max_failed_login_attempts', 'sql92_security');

-- name: later_columns (what only later versions have, here 23ai)
SELECT c.table_name
FROM sys.dba_tab_columns c
WHERE c.owner = 'SYS'
  AND ((c.table_name = 'DBA_SCHEMA_PRIVS' AND c.column_name = 'GRANTEE')
    OR (c.table_name = 'DBA_USERS' AND c.column_name = 'READ_ONLY'));

-- name: users
SELECT 0 AS con_id, u.common, u.username, u.account_status, u.authentication_type, u.external_name, u.profile,
       u.default_tablespace, u.temporary_tablespace, u.created, u.lock_date, u.expiry_date, u.password_versions,
       u.editions_enabled, u.proxy_only_connect, u.oracle_maintained, u.inherited
FROM sys.dba_users u;

-- name: read_only_users (23ai)
SELECT 0 AS con_id, u.common, u.username
FROM sys.dba_users u
WHERE u.read_only = 'YES';

-- name: roles
SELECT 0 AS con_id, r.common, r.role, r.authentication_type, r.oracle_maintained, r.inherited
FROM sys.dba_roles r;

-- name: password_file
SELECT 0 AS con_id, f.common, f.username, f.account_status, f.authentication_type,
       f.sysdba, f.sysoper, f.sysasm, f.sysbackup, f.sysdg, f.syskm
FROM sys.v_$pwfile_users f;

-- name: role_grants
SELECT 0 AS con_id, p.common, p.grantee, p.granted_role, p.admin_option, p.delegate_option, p.default_role
FROM sys.dba_role_privs p;

-- name: system_privileges
SELECT 0 AS con_id, p.common, p.grantee, p.privilege, p.admin_option
FROM sys.dba_sys_privs p;

-- name: object_privileges
SELECT 0 AS con_id, p.common, p.grantee, p.owner, p.table_name, p.type, p.privilege, p.grantable, p.hierarchy
FROM sys.dba_tab_privs p;

-- name: column_privileges
SELECT 0 AS con_id, p.common, p.grantee, p.owner, p.table_name, p.column_name, p.privilege, p.grantable
FROM sys.dba_col_privs p;

-- name: schema_privileges (23ai)
SELECT 0 AS con_id, p.common, p.grantee, p.schema, p.privilege, p.admin_option
FROM sys.dba_schema_privs p;

-- name: proxies (without those for enterprise users, PROXY_AUTHORITY = 'DIRECTORY': they name no proxy)
SELECT 0 AS con_id, 'NO' AS common, p.proxy, p.client, p.authentication, p.authorization_constraint, p.role
FROM sys.dba_proxies p
WHERE p.proxy IS NOT NULL;

-- name: quotas (limits only: the bytes in use change by themselves; -1 is unlimited, 0 what a revoked quota leaves)
SELECT 0 AS con_id, 'NO' AS common, q.username, q.tablespace_name, q.max_bytes
FROM sys.dba_ts_quotas q
WHERE q.dropped = 'NO' AND q.max_bytes <> 0;

-- name: definers (stored code that runs with its owner's rights, of users that Oracle did not make; no text is read)
SELECT DISTINCT 0 AS con_id, 'NO' AS common, p.owner, p.object_name, p.object_type
FROM sys.dba_procedures p
WHERE p.authid = 'DEFINER'
  AND p.object_type IN ('FUNCTION', 'PACKAGE', 'PROCEDURE', 'TYPE')
  AND EXISTS (SELECT 1 FROM sys.dba_users u WHERE u.username = p.owner AND u.oracle_maintained = 'N');

-- name: profiles (limits on passwords and failed logins; DEFAULT is the limit of the profile DEFAULT)
SELECT 0 AS con_id, p.common, p.profile, p.resource_name, p.limit AS limit_value
FROM sys.dba_profiles p
WHERE p.resource_type = 'PASSWORD';
