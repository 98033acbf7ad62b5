-- MariaDB 10.4 and later. SELECT on the tables named here is all that a collector needs; `grant select on mysql.*`
-- gives it. {privileges} becomes all the `*_priv` columns that the server has.

-- name: session
-- Times in UTC, no mode that changes how CHAR columns read, limits for each statement and each wait for a lock, and all
-- rows: a server may have a limit on these too, which cuts every answer without a word.
set session time_zone = '+00:00', sql_mode = '', max_statement_time = {seconds}, lock_wait_timeout = {whole_seconds},
  sql_select_limit = 18446744073709551615;

-- name: columns
select table_name, column_name
from information_schema.columns
where table_schema = 'mysql' and table_name = 'db'
order by table_name, ordinal_position;

-- name: variables
show global variables where variable_name in ('default_password_lifetime');

-- name: accounts
-- The view mysql.user has no lock columns; and of the document only known keys are asked for, never a hash in it.
select
  user, host,
  json_value(priv, '$.is_role'), json_value(priv, '$.access'), json_value(priv, '$.version_id'),
  json_value(priv, '$.default_role'),
  json_value(priv, '$.plugin'), json_value(priv, '$.authentication_string') <> '',
  json_extract(priv, '$.auth_or[*].plugin'),
  json_value(priv, '$.account_locked'),
  json_value(priv, '$.password_last_changed'), json_value(priv, '$.password_lifetime'),
  json_value(priv, '$.ssl_type'), json_value(priv, '$.ssl_cipher'),
  json_value(priv, '$.x509_issuer'), json_value(priv, '$.x509_subject'),
  json_value(priv, '$.max_questions'), json_value(priv, '$.max_updates'), json_value(priv, '$.max_connections'),
  json_value(priv, '$.max_user_connections'), json_value(priv, '$.max_statement_time')
from mysql.global_priv;

-- name: databases
select user, host, db, concat({privileges}) from mysql.db;

-- name: tables
-- Column_priv only repeats what columns_priv holds; a row without Table_priv is there for it.
select user, host, db, table_name, table_priv from mysql.tables_priv where table_priv <> '';

-- name: columns_of_tables
select user, host, db, table_name, column_name, column_priv from mysql.columns_priv where column_priv <> '';

-- name: routines
select user, host, db, routine_name, routine_type, proc_priv from mysql.procs_priv where proc_priv <> '';

-- name: proxies
select user, host, proxied_user, proxied_host, with_grant from mysql.proxies_priv;

-- name: memberships
-- A role has no host; a member that is a role has the empty one.
select user, host, role, '', admin_option = 'Y' from mysql.roles_mapping;
