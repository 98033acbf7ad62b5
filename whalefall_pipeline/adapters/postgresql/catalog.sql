-- The catalog of PostgreSQL 13 and later. Roles are given by OID, to be named as the inventory of the same reading
-- names them; grantee 0 is PUBLIC. All statements whose name ends in `grants` or `definitions`, or begins with
-- `memberships`, give rows of one shape: scope, database, schema, object, column, privilege, grant option, effect,
-- grantees. Names are cast to text before they meet longer text in a union: the type `name` cuts it at 63 bytes.
-- Every login may read all of it by default; only catalog_database.sql needs CONNECT on each database.

-- name: begin (the transaction does not depend on what the login, its role or the database is set to)
-- Every setting that stands for the login or the database goes back to what the server is built with; then those that
-- cut or alter a reading, wherever they were set. With row_security off, a policy on a catalog is an error, no filter.
-- The search path is the last to change, so all names here are qualified. The row says which database this is.
select
  case when exists (
    select from pg_catalog.pg_db_role_setting s
    where s.setrole operator(pg_catalog.=) 0
      or s.setrole operator(pg_catalog.=)
        (select r.oid from pg_catalog.pg_roles r where r.rolname operator(pg_catalog.=) session_user)
  ) then (
    select pg_catalog.count(pg_catalog.set_config(name, boot_val, true)) from pg_catalog.pg_settings
    where context operator(pg_catalog.=) 'user' and source operator(pg_catalog.=) any (array['database', 'user', 'database user'])
      and name operator(pg_catalog.<>) all (array['password_encryption', 'scram_iterations', 'createrole_self_grant'])
  ) end,
  case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 170000
    then pg_catalog.set_config('transaction_timeout', '0', true) end,
  pg_catalog.set_config('role', 'none', true),
  pg_catalog.set_config('statement_timeout', %(milliseconds)s, true),
  pg_catalog.set_config('lock_timeout', '0', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true),
  pg_catalog.set_config('quote_all_identifiers', 'off', true),
  pg_catalog.set_config('standard_conforming_strings', 'on', true),
  pg_catalog.set_config('transform_null_equals', 'off', true),
  pg_catalog.set_config('array_nulls', 'on', true),
  pg_catalog.set_config('datestyle', 'ISO, YMD', true),
  pg_catalog.set_config('timezone', 'UTC', true),
  pg_catalog.set_config('row_security', 'off', true),
  pg_catalog.set_config('exit_on_error', 'off', true),
  pg_catalog.set_config('client_min_messages', 'error', true),
  pg_catalog.set_config('jit', 'off', true),
  pg_catalog.set_config('client_encoding', 'UTF8', true),
  pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
  (select d.oid::pg_catalog.int8 from pg_catalog.pg_database d
   where d.datname operator(pg_catalog.=) pg_catalog.current_database()),
  pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE');

-- name: encoding (for names that the server takes to be of another encoding than they are)
select set_config('client_encoding', %(encoding)s, true);

-- name: identity (the same over restarts, upgrades excepted, and for all replicas)
select system_identifier::text from pg_control_system();

-- name: server_settings (what bears on accounts; `source` says whether this login or database alone is set so)
select name, setting, source in ('database', 'user', 'database user', 'client', 'session')
from pg_settings
where name in ('password_encryption', 'scram_iterations', 'createrole_self_grant', 'db_user_namespace',
               'lo_compat_privileges', 'allow_system_table_mods', 'ssl', 'md5_password_warnings')
order by name;

-- name: roles (one row per role, PostgreSQL's own included)
select oid::int8, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
       rolconnlimit,
       case when rolvaliduntil < '0001-01-01' then '-infinity'
            when isfinite(rolvaliduntil)
            then to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') end
from pg_roles;

-- name: role_settings (one row per role and database that have some; role 0 is every role, no database is all of them)
select s.setrole::int8, coalesce(d.datname, ''), s.setconfig
from pg_db_role_setting s
left join pg_database d on d.oid = s.setdatabase
where s.setdatabase = 0 or d.oid is not null;

-- name: databases (template0 is closed to everybody since it was made: nobody can use a privilege in it)
select oid::int8, datname, datallowconn, has_database_privilege(oid, 'CONNECT')
from pg_database
where datallowconn or datname <> 'template0'
order by datname;

-- name: memberships_before_16 (the options that later versions keep are what these did: SET always, INHERIT by member)
-- Each option is gathered by itself, by OIDs: to group all of them by names takes half as long again.
with held as materialized (
  select roleid, member, bool_or(admin_option) as admin from pg_auth_members group by roleid, member
),
options (roleid, privilege, admin, members) as (
  select roleid, 'MEMBER', admin, array_agg(member::int8) from held group by roleid, admin
  union all
  select h.roleid, 'INHERIT', false, array_agg(h.member::int8)
  from held h join pg_roles member on member.oid = h.member
  where member.rolinherit
  group by h.roleid
  union all
  select roleid, 'SET', false, array_agg(member::int8) from held group by roleid
)
select 'role', '', '', role.rolname, '', o.privilege, o.admin, 'grant', o.members
from options o join pg_roles role on role.oid = o.roleid;

-- name: memberships (16 and later; what one of several grantors gave, is held)
with held as materialized (
  select roleid, member, bool_or(admin_option) as admin, bool_or(inherit_option) as inherits, bool_or(set_option) as sets
  from pg_auth_members group by roleid, member
),
options (roleid, privilege, admin, members) as (
  select roleid, 'MEMBER', admin, array_agg(member::int8) from held group by roleid, admin
  union all
  select roleid, 'INHERIT', false, array_agg(member::int8) from held where inherits group by roleid
  union all
  select roleid, 'SET', false, array_agg(member::int8) from held where sets group by roleid
)
select 'role', '', '', role.rolname, '', o.privilege, o.admin, 'grant', o.members
from options o join pg_roles role on role.oid = o.roleid;

-- name: server_grants (privileges and owners of databases and tablespaces)
with objects (scope, database, object, code, owner, acl) as (
  select 'database', datname::text, '', 'd'::"char", datdba, datacl from pg_database
  union all
  select 'tablespace', '', spcname::text, 't', spcowner, spcacl from pg_tablespace
)
select o.scope, o.database, '', o.object, '', held.*
from objects o
cross join lateral (
  select 'OWNER', false, 'grant', array[o.owner::int8]
  union all
  select privilege_type, grantable, 'grant', array_agg(grantee::int8)
  from (
    select grantee, privilege_type, bool_or(is_grantable) as grantable
    -- aclexplode unpacks an array that is stored out of line once per row; array_agg hands it one in memory
    from aclexplode((select array_agg(item) from unnest(coalesce(o.acl, acldefault(o.code, o.owner))) item))
    group by grantee, privilege_type
  ) merged  -- over grantors
  group by privilege_type, grantable
) held;

-- name: parameter_grants (15 and later; the bootstrap superuser's own entries come and go with those of others)
select 'parameter', '', '', parname, '', privilege_type, grantable, 'grant', array_agg(grantee::int8)
from (
  select p.parname, x.grantee, x.privilege_type, bool_or(x.is_grantable) as grantable
  from pg_parameter_acl p cross join lateral aclexplode(p.paracl) x
  where x.grantee <> 10
  group by p.parname, x.grantee, x.privilege_type
) merged
group by parname, privilege_type, grantable;
