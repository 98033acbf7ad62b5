-- Tables behind the stand-in's DBA_ and CDB_ views, with the columns of the Oracle Database Reference (19c; 23ai where
-- said), the page of the same name each. `con_id` is what CDB_ views have beside them.

-- DBA_USERS; PASSWORD is always empty here, so that a statement which asked for it would be seen to ask
CREATE TABLE base.users (
    con_id INTEGER, username VARCHAR, user_id INTEGER, password VARCHAR, account_status VARCHAR DEFAULT 'OPEN',
    lock_date TIMESTAMP, expiry_date TIMESTAMP, default_tablespace VARCHAR DEFAULT 'USERS',
    temporary_tablespace VARCHAR DEFAULT 'TEMP', local_temp_tablespace VARCHAR DEFAULT 'TEMP',
    created TIMESTAMP DEFAULT '2026-01-02 03:04:05', profile VARCHAR DEFAULT 'DEFAULT',
    initial_rsrc_consumer_group VARCHAR DEFAULT 'DEFAULT_CONSUMER_GROUP', external_name VARCHAR,
    password_versions VARCHAR, editions_enabled VARCHAR DEFAULT 'N', authentication_type VARCHAR DEFAULT 'PASSWORD',
    proxy_only_connect VARCHAR DEFAULT 'N', common VARCHAR DEFAULT 'NO', last_login TIMESTAMP,
    oracle_maintained VARCHAR DEFAULT 'N', inherited VARCHAR DEFAULT 'NO', default_collation VARCHAR,
    implicit VARCHAR DEFAULT 'NO', all_shard VARCHAR DEFAULT 'NO'
);

-- DBA_ROLES
CREATE TABLE base.roles (
    con_id INTEGER, role VARCHAR, role_id INTEGER, password_required VARCHAR DEFAULT 'NO',
    authentication_type VARCHAR DEFAULT 'NONE', common VARCHAR DEFAULT 'NO', oracle_maintained VARCHAR DEFAULT 'N',
    inherited VARCHAR DEFAULT 'NO', implicit VARCHAR DEFAULT 'NO', external_name VARCHAR
);

-- DBA_ROLE_PRIVS
CREATE TABLE base.role_privs (
    con_id INTEGER, grantee VARCHAR, granted_role VARCHAR, admin_option VARCHAR DEFAULT 'NO',
    delegate_option VARCHAR DEFAULT 'NO', default_role VARCHAR DEFAULT 'YES', common VARCHAR DEFAULT 'NO',
    inherited VARCHAR DEFAULT 'NO'
);

-- DBA_SYS_PRIVS
CREATE TABLE base.sys_privs (
    con_id INTEGER, grantee VARCHAR, privilege VARCHAR, admin_option VARCHAR DEFAULT 'NO', common VARCHAR DEFAULT 'NO',
    inherited VARCHAR DEFAULT 'NO'
);

-- DBA_TAB_PRIVS
CREATE TABLE base.tab_privs (
    con_id INTEGER, grantee VARCHAR, owner VARCHAR, table_name VARCHAR, grantor VARCHAR, privilege VARCHAR,
    grantable VARCHAR DEFAULT 'NO', hierarchy VARCHAR DEFAULT 'NO', common VARCHAR DEFAULT 'NO', type VARCHAR,
    inherited VARCHAR DEFAULT 'NO'
);

-- DBA_COL_PRIVS
CREATE TABLE base.col_privs (
    con_id INTEGER, grantee VARCHAR, owner VARCHAR, table_name VARCHAR, column_name VARCHAR, grantor VARCHAR,
    privilege VARCHAR, grantable VARCHAR DEFAULT 'NO', common VARCHAR DEFAULT 'NO', inherited VARCHAR DEFAULT 'NO'
);

-- DBA_PROXIES
CREATE TABLE base.proxies (
    con_id INTEGER, proxy VARCHAR, client VARCHAR, authentication VARCHAR DEFAULT 'NO',
    authorization_constraint VARCHAR, role VARCHAR, proxy_authority VARCHAR DEFAULT 'DATABASE'
);

-- DBA_TS_QUOTAS; BYTES and BLOCKS are what is in use
CREATE TABLE base.ts_quotas (
    con_id INTEGER, tablespace_name VARCHAR, username VARCHAR, bytes BIGINT DEFAULT 65536, max_bytes BIGINT,
    blocks BIGINT DEFAULT 8, max_blocks BIGINT, dropped VARCHAR DEFAULT 'NO'
);

-- DBA_PROCEDURES, as far as it is asked for: one row for each object, and one for each subprogram of a package
CREATE TABLE base.procedures (
    con_id INTEGER, owner VARCHAR, object_name VARCHAR, procedure_name VARCHAR, object_type VARCHAR,
    authid VARCHAR DEFAULT 'DEFINER'
);

-- V$PWFILE_USERS
CREATE TABLE base.pwfile_users (
    con_id INTEGER DEFAULT 0, username VARCHAR, sysdba VARCHAR DEFAULT 'FALSE', sysoper VARCHAR DEFAULT 'FALSE',
    sysasm VARCHAR DEFAULT 'FALSE', sysbackup VARCHAR DEFAULT 'FALSE', sysdg VARCHAR DEFAULT 'FALSE',
    syskm VARCHAR DEFAULT 'FALSE', account_status VARCHAR DEFAULT 'OPEN', password_profile VARCHAR, last_login TIMESTAMP,
    lock_date TIMESTAMP, expiry_date TIMESTAMP, external_name VARCHAR, authentication_type VARCHAR DEFAULT 'PASSWORD',
    common VARCHAR DEFAULT 'YES'
);

-- DBA_PROFILES
CREATE TABLE base.profiles (
    con_id INTEGER, profile VARCHAR, resource_name VARCHAR, resource_type VARCHAR DEFAULT 'PASSWORD', "limit" VARCHAR,
    common VARCHAR DEFAULT 'NO', inherited VARCHAR DEFAULT 'NO', implicit VARCHAR DEFAULT 'NO'
);

-- V$DATABASE and V$PARAMETER, as far as they are asked for
CREATE TABLE base.database (con_id INTEGER DEFAULT 0, dbid BIGINT, name VARCHAR);
CREATE TABLE base.parameter (con_id INTEGER DEFAULT 0, name VARCHAR, "value" VARCHAR);

-- DBA_PDBS and V$PDBS in one
CREATE TABLE base.pdbs (
    pdb_id INTEGER, pdb_name VARCHAR, status VARCHAR DEFAULT 'NORMAL', open_mode VARCHAR DEFAULT 'READ WRITE',
    restricted VARCHAR DEFAULT 'NO', open_time TIMESTAMP DEFAULT TIMESTAMP '2026-01-01 00:00:00',
    application_root VARCHAR DEFAULT 'NO', application_pdb VARCHAR DEFAULT 'NO', application_root_con_id INTEGER,
    is_proxy_pdb VARCHAR DEFAULT 'NO', guid BLOB
);

-- DBA_CONTAINER_DATA: an attribute that is DEFAULT has no row (SQL Language Reference, "ALTER USER")
CREATE TABLE base.container_data (
    username VARCHAR, default_attr VARCHAR, owner VARCHAR, object_name VARCHAR, all_containers VARCHAR,
    container_name VARCHAR
);

-- what DBA_OBJECTS and DBA_TAB_COLUMNS know, as far as grants need it
CREATE TABLE base.objects (con_id INTEGER, owner VARCHAR, object_name VARCHAR, object_type VARCHAR);
CREATE TABLE base.dual (dummy VARCHAR);
