-- MariaDB 10.4 and later. SELECT on the tables named here is all that a collector needs; `grant select on mysql.*`
-- gives it. To see definers it also needs SHOW VIEW and TRIGGER on *.*. {privileges} becomes all the `*_priv` columns
-- that the server has.

-- name: session
-- What a server, or its init_connect, may have set and what would alter, cut or refuse an answer: names in another
-- character set, times in another zone, a mode that changes how CHAR columns read or NULL compares, limits on rows,
-- joins, memory and idle time. A limit is set for each statement and each wait for a lock.
set names utf8mb4, session time_zone = '+00:00', sql_mode = '', sql_auto_is_null = 0, sql_safe_updates = 0,
  sql_big_selects = 1, sql_select_limit = 18446744073709551615,
  max_session_mem_used = 9223372036854775807, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0,
  max_statement_time = {seconds}, lock_wait_timeout = {whole_seconds}, wait_timeout = 3600,
  net_read_timeout = 60, net_write_timeout = 60, group_concat_max_len = 1073741824{later};

-- name: visible
-- Which of the tables below the login may read.
select table_name
from information_schema.columns
where table_schema = 'mysql'
  and table_name in (
    'global_priv', 'db', 'tables_priv', 'columns_priv', 'procs_priv', 'proxies_priv', 'roles_mapping'
  )
  and find_in_set('select', privileges) > 0
group by table_name;

-- name: own_roles
-- The roles that the login can turn on, one at a time, and the one that is on. What they are members of comes with them.
select role_name, current_role() from information_schema.applicable_roles where grantee = current_user() order by 1;

-- name: columns
select table_name, column_name
from information_schema.columns
where table_schema = 'mysql' and table_name = 'db'
order by table_name, ordinal_position;

-- name: variables
-- What the instance is set to and what bears on its accounts: passwords, hosts and names.
show global variables where variable_name in (
  'sql_mode', 'default_password_lifetime', 'disconnect_on_expired_password', 'max_password_errors', 'old_passwords',
  'strict_password_validation', 'password_reuse_check_interval', 'secure_auth', 'require_secure_transport',
  'skip_name_resolve', 'skip_networking', 'skip_show_database', 'skip_grant_tables', 'lower_case_table_names',
  'local_infile', 'secure_file_priv', 'automatic_sp_privileges', 'log_bin_trust_function_creators',
  'max_user_connections', 'max_connect_errors', 'proxy_protocol_networks'
) or variable_name like 'simple\_password\_check%' or variable_name like 'cracklib\_password\_check%';

-- name: accounts
-- What is each account's own comes first; what follows, many have in common, and it is looked at once.
-- The view mysql.user has no lock columns; and of the document only known keys are asked for, never a hash in it. What
-- is a number or a flag to the server is none where it is a text, or a number in place of a flag: so it is not taken out
-- of its quotes.
select
  user, host, json_extract(priv, '$.password_last_changed') as password_last_changed,
  json_extract(priv, '$.is_role') as is_role, json_extract(priv, '$.access') as access,
  json_extract(priv, '$.version_id') as version, json_value(priv, '$.default_role') as default_role,
  json_value(priv, '$.plugin') as plugin, json_value(priv, '$.authentication_string') <> '' as has_password,
  json_extract(priv, '$.auth_or[*].plugin') as other_plugins,
  if(json_exists(priv, '$.auth_or'), json_search(priv, 'all', '%', null, '$.auth_or[*].plugin'), null) as other_paths,
  if(
    json_exists(priv, '$.auth_or'),
    json_search(priv, 'all', '_%', null, '$.auth_or[*].authentication_string'),
    null
  ) as other_secrets,
  json_extract(priv, '$.account_locked') as locked,
  json_extract(priv, '$.password_lifetime') as password_lifetime,
  json_extract(priv, '$.ssl_type') as tls, json_value(priv, '$.ssl_cipher') as tls_cipher,
  json_value(priv, '$.x509_issuer') as tls_issuer, json_value(priv, '$.x509_subject') as tls_subject,
  json_extract(priv, '$.max_questions') as max_queries, json_extract(priv, '$.max_updates') as max_updates,
  json_extract(priv, '$.max_connections') as max_connections,
  json_extract(priv, '$.max_user_connections') as max_user_connections,
  json_extract(priv, '$.max_statement_time') as max_statement_seconds
from mysql.global_priv;

-- name: databases
select user, host, db, concat({privileges}) as mask from mysql.db;

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
select user, host, role as role_user, '' as role_host, admin_option = 'Y' as admin from mysql.roles_mapping;

-- name: identity
select current_user(), current_role();

-- name: definers
-- The information schema leaves out what the session has no right to see, and opens every table for views and triggers;
-- the reader asks only where it sees all, and as long as a statement may take.
select
  'view' as scope, '' as kind, convert(table_schema using utf8mb4) as db, convert(table_name using utf8mb4) as name,
  convert(definer using utf8mb4) as definer
from information_schema.views
where security_type = 'DEFINER' and table_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select
  'routine', convert(type using utf8mb4), convert(db using utf8mb4), convert(name using utf8mb4),
  convert(definer using utf8mb4)
from mysql.proc
where security_type = 'DEFINER' and db not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select
  'trigger', '', convert(trigger_schema using utf8mb4), convert(trigger_name using utf8mb4),
  convert(definer using utf8mb4)
from information_schema.triggers
where trigger_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select 'event', '', convert(db using utf8mb4), convert(name using utf8mb4), convert(definer using utf8mb4)
from mysql.event
where db not in ('mysql', 'sys', 'performance_schema', 'information_schema');
