-- What a new container database has, cut down to a few of each kind.
-- Oracle Database Security Guide, "Predefined Schema User Accounts" and "Predefined Roles"; Multitenant Administrator's
-- Guide, "Overview of Common Users and Local Users": Oracle's own are common, in each container, and Oracle-maintained.

INSERT INTO base.pdbs (pdb_id, pdb_name, open_mode) VALUES
    (2, 'PDB$SEED', 'READ ONLY'), (3, 'SALESPDB', 'READ WRITE'), (4, 'HRPDB', 'READ WRITE'), (5, 'OLDPDB', 'READ WRITE');

INSERT INTO base.users (con_id, username, account_status, authentication_type, common, oracle_maintained, inherited, default_tablespace)
SELECT c.con_id, u.username, u.status, u.authentication, 'YES', 'Y', CASE c.con_id WHEN 1 THEN 'NO' ELSE 'YES' END, 'SYSTEM'
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('SYS', 'OPEN', 'PASSWORD'), ('SYSTEM', 'OPEN', 'PASSWORD'), ('OUTLN', 'LOCKED', 'NONE'),
             ('DBSNMP', 'EXPIRED & LOCKED', 'PASSWORD')) u (username, status, authentication);

INSERT INTO base.roles (con_id, role, common, oracle_maintained, inherited)
SELECT c.con_id, r.role, 'YES', 'Y', CASE c.con_id WHEN 1 THEN 'NO' ELSE 'YES' END
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('CONNECT'), ('RESOURCE'), ('DBA'), ('SELECT_CATALOG_ROLE'), ('PDB_DBA')) r (role);

INSERT INTO base.role_privs (con_id, grantee, granted_role, admin_option, common, inherited)
SELECT c.con_id, g.grantee, g.role, g.admin, 'YES', CASE c.con_id WHEN 1 THEN 'NO' ELSE 'YES' END
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('SYS', 'DBA', 'YES'), ('SYSTEM', 'DBA', 'NO'), ('DBA', 'SELECT_CATALOG_ROLE', 'YES')) g (grantee, role, admin);

INSERT INTO base.sys_privs (con_id, grantee, privilege, admin_option, common, inherited)
SELECT c.con_id, g.grantee, g.privilege, g.admin, 'YES', CASE c.con_id WHEN 1 THEN 'NO' ELSE 'YES' END
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('CONNECT', 'CREATE SESSION', 'NO'), ('CONNECT', 'SET CONTAINER', 'NO'), ('RESOURCE', 'CREATE TABLE', 'NO'),
             ('DBA', 'GRANT ANY PRIVILEGE', 'YES'), ('DBA', 'CREATE USER', 'YES')) g (grantee, privilege, admin);

INSERT INTO base.tab_privs (con_id, grantee, owner, table_name, grantor, privilege, common, type, inherited)
SELECT c.con_id, 'PUBLIC', 'SYS', g.name, 'SYS', g.privilege, 'YES', g.type, CASE c.con_id WHEN 1 THEN 'NO' ELSE 'YES' END
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('DUAL', 'SELECT', 'TABLE'), ('UTL_FILE', 'EXECUTE', 'PACKAGE')) g (name, privilege, type);

INSERT INTO base.pwfile_users (username, sysdba, sysoper) VALUES ('SYS', 'TRUE', 'TRUE');

INSERT INTO base.profiles (con_id, profile, resource_name, resource_type, "limit")
SELECT c.con_id, 'DEFAULT', p.resource_name, p.resource_type, p.value
FROM (SELECT 1 AS con_id UNION ALL SELECT pdb_id FROM base.pdbs) c,
     (VALUES ('SESSIONS_PER_USER', 'KERNEL', 'UNLIMITED'), ('FAILED_LOGIN_ATTEMPTS', 'PASSWORD', '10'),
             ('PASSWORD_LIFE_TIME', 'PASSWORD', '180'), ('PASSWORD_VERIFY_FUNCTION', 'PASSWORD', 'NULL')
     ) p (resource_name, resource_type, value);

INSERT INTO base.database (dbid, name) VALUES (1234567890, 'FREE');
INSERT INTO base.parameter (name, value) VALUES
    ('remote_login_passwordfile', 'EXCLUSIVE'), ('remote_os_authent', 'FALSE'), ('O7_DICTIONARY_ACCESSIBILITY', 'FALSE'),
    ('sec_case_sensitive_logon', 'TRUE'), ('os_authent_prefix', 'ops$'), ('open_cursors', '300');
UPDATE base.pdbs SET guid = unhex(lpad(hex(pdb_id), 32, 'A'));

INSERT INTO base.dual VALUES ('X');
