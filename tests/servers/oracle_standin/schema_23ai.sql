-- What Oracle AI Database 23ai adds.

-- DBA_SCHEMA_PRIVS
CREATE TABLE base.schema_privs (
    con_id INTEGER, grantee VARCHAR, privilege VARCHAR, schema VARCHAR, admin_option VARCHAR DEFAULT 'NO',
    common VARCHAR DEFAULT 'NO', inherited VARCHAR DEFAULT 'NO'
);

-- DBA_USERS.READ_ONLY
ALTER TABLE base.users ADD COLUMN read_only VARCHAR DEFAULT 'NO';
