-- MySQL 8.0 and later. SELECT on the tables named here is all that a collector needs; `grant select on mysql.*` gives
-- it. To see definers it also needs SHOW VIEW, TRIGGER, EVENT and SHOW_ROUTINE (before 8.0.20: SELECT) on *.*. Where a
-- name stands in braces, the reader puts the column that the server has, or null where it has none; {privileges}
-- becomes all the `*_priv` columns that the server has.

-- name: identify
-- Asked of both servers, before it is known which one this is.
select version(), @@version_comment;

-- name: session
-- What a server, or its init_connect, may have set and what would alter, cut or refuse an answer: names in another
-- character set, times in another zone, a mode that changes how CHAR columns read or NULL compares, limits on rows,
-- joins, memory and idle time. A limit is set for each statement and each wait for a lock.
set names utf8mb4, session time_zone = '+00:00', sql_mode = '', sql_auto_is_null = 0, sql_safe_updates = 0,
  sql_big_selects = 1, sql_select_limit = 18446744073709551615,
  max_execution_time = {milliseconds}, lock_wait_timeout = {whole_seconds}, wait_timeout = 3600,
  net_read_timeout = 60, net_write_timeout = 60, group_concat_max_len = 1073741824{later};

-- name: session_roles
-- What the login was given by roles that are not its default ones counts as well.
set role all;

-- name: packed
-- Asked around most of the statements below: their rows as one text, which costs both sides less than row by row. U+001F
-- parts the values of a row and U+001E the rows; a value that may be null has a plus before it, and is empty where it is.
select count(*), group_concat(concat_ws(char(31 using utf8mb4), {values}) separator 0x1e)
from ({statement}) as answer;

-- name: columns
select table_name, column_name
from information_schema.columns
where table_schema = 'mysql' and table_name in ('user', 'db')
order by table_name, ordinal_position;

-- name: variables
-- What the instance is, and what it is set to and what bears on its accounts: roles, passwords, hosts and names.
show global variables where variable_name in (
  'server_uuid',
  'mandatory_roles', 'activate_all_roles_on_login', 'partial_revokes', 'check_proxy_users',
  'mysql_native_password_proxy_users', 'sha256_password_proxy_users', 'caching_sha2_password_proxy_users',
  'default_password_lifetime', 'disconnect_on_expired_password', 'password_history', 'password_reuse_interval',
  'password_require_current', 'authentication_policy', 'default_authentication_plugin', 'old_passwords',
  'generated_random_password_length',
  'require_secure_transport', 'skip_name_resolve', 'skip_networking', 'skip_show_database', 'lower_case_table_names',
  'local_infile', 'secure_file_priv', 'automatic_sp_privileges', 'log_bin_trust_function_creators',
  'max_user_connections', 'max_connect_errors'
) or variable_name like 'validate\_password%' or variable_name like 'connection\_control\_%\_threshold';

-- name: mandatory_roles
-- Asked when SHOW VARIABLES gave as much as it gives at most, 1,024 characters: then it may have cut it.
select @@global.mandatory_roles;

-- name: accounts
-- What is each account's own comes first; what follows, many have in common, and it is looked at once.
-- Secrets stay on the server: of `authentication_string` and the second password only whether there is one is asked.
select
  {User} as user, {Host} as host,
  date_format({password_last_changed}, '%Y-%m-%dT%H:%i:%s+00:00') as password_last_changed,
  concat({privileges}) as mask,
  json_extract({User_attributes}, '$.Restrictions') as restrictions,
  {plugin} as plugin, {authentication_string} <> '' as has_secret,
  json_contains_path({User_attributes}, 'one', '$.additional_password') as has_second_password,
  json_extract({User_attributes}, '$.multi_factor_authentication[*].plugin') as second_factors,
  {account_locked} = 'Y' as locked, {password_expired} = 'Y' as expired,
  {password_lifetime} as password_lifetime, {Password_reuse_history} as password_history,
  {Password_reuse_time} as password_reuse_days, {Password_require_current} as password_require_current,
  json_extract({User_attributes}, '$.Password_locking.failed_login_attempts') as failed_login_attempts,
  json_extract({User_attributes}, '$.Password_locking.password_lock_time_days') as password_lock_days,
  {ssl_type} as tls, convert({ssl_cipher} using utf8mb4) as tls_cipher,
  convert({x509_issuer} using utf8mb4) as tls_issuer, convert({x509_subject} using utf8mb4) as tls_subject,
  {max_questions} as max_queries, {max_updates} as max_updates, {max_connections} as max_connections,
  {max_user_connections} as max_user_connections, json_extract({User_attributes}, '$.metadata') as metadata
from mysql.user;

-- name: dynamic
select user, host, priv, with_grant_option = 'Y' as grant_option from mysql.global_grants;

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
select to_user as user, to_host as host, from_user as role_user, from_host as role_host, with_admin_option = 'Y' as admin
from mysql.role_edges;

-- name: default_roles
select user, host, default_role_user as role_user, default_role_host as role_host from mysql.default_roles;

-- name: identity
select current_user(), current_role();

-- name: definers
-- The information schema leaves out what the session has no right to see; the reader asks only where it sees all.
select
  'view' as scope, '' as kind, convert(table_schema using utf8mb4) as db, convert(table_name using utf8mb4) as name,
  convert(definer using utf8mb4) as definer
from information_schema.views
where security_type = 'DEFINER' and table_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select
  'routine', convert(routine_type using utf8mb4), convert(routine_schema using utf8mb4),
  convert(routine_name using utf8mb4), convert(definer using utf8mb4)
from information_schema.routines
where security_type = 'DEFINER' and routine_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select
  'trigger', '', convert(trigger_schema using utf8mb4), convert(trigger_name using utf8mb4),
  convert(definer using utf8mb4)
from information_schema.triggers
where trigger_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema')
union all
select
  'event', '', convert(event_schema using utf8mb4), convert(event_name using utf8mb4), convert(definer using utf8mb4)
from information_schema.events
where event_schema not in ('mysql', 'sys', 'performance_schema', 'information_schema');
