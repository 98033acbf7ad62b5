-- The catalog of PostgreSQL 13 and later. Roles are given by OID, to be named as the inventory of the same reading
-- names them; grantee 0 is PUBLIC. All statements whose name ends in `grants` or `definitions` give rows of one shape:
-- scope, database, schema, object, column, privilege, grant option, effect, grantees; those of `memberships` one of
-- theirs: role, admin option, whether it is inherited and may be set, members. What several grantors gave is merged
-- where the rows are read: here it would take as long as all the rest.
-- Names are cast to text before they meet longer text in a union: the type `name` cuts it at 63 bytes.
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
select role.rolname, m.admin_option, m.rolinherit, true, m.members
from (
  select m.roleid, m.admin_option, member.rolinherit, array_agg(m.member::int8) as members
  from pg_auth_members m join pg_roles member on member.oid = m.member
  group by m.roleid, m.admin_option, member.rolinherit
) m
join pg_roles role on role.oid = m.roleid;

-- name: memberships (16 and later: one for each grantor)
select role.rolname, m.admin_option, m.inherit_option, m.set_option, m.members
from (
  select roleid, admin_option, inherit_option, set_option, array_agg(member::int8) as members
  from pg_auth_members
  group by roleid, admin_option, inherit_option, set_option
) m
join pg_roles role on role.oid = m.roleid;

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
  select privilege_type, is_grantable, 'grant', array_agg(grantee::int8)
  -- aclexplode unpacks an array that is stored out of line once per row, and takes none that is empty; an array that
  -- another was added to is in memory
  from aclexplode(nullif(coalesce(o.acl, acldefault(o.code, o.owner)) || '{}'::aclitem[], '{}'))
  group by privilege_type, is_grantable
) held;

-- name: parameter_grants (15 and later; the bootstrap superuser's own entries come and go with those of others)
select 'parameter', '', '', p.parname, '', x.privilege_type, x.is_grantable, 'grant', array_agg(x.grantee::int8)
from pg_parameter_acl p cross join lateral aclexplode(p.paracl) x
where x.grantee <> 10
group by p.parname, x.privilege_type, x.is_grantable;
