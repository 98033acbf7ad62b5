-- The catalog of PostgreSQL 13 and later. Roles are given by OID, to be named as the inventory of the same reading
-- names them; grantee 0 is PUBLIC. All statements whose name ends in `grants` or begins with `memberships` give rows
-- of one shape: scope, database, schema, object, column, privilege, grant option, effect, grantees.
-- Every login may read all of it by default; only what stands in a database needs CONNECT on that database.

-- name: begin (what follows finds no other objects first, waits no longer than it may, and the ledger may take its time)
select set_config('search_path', 'pg_catalog', true), set_config('statement_timeout', %(milliseconds)s, true),
       set_config('idle_in_transaction_session_timeout', '0', true), set_config('jit', 'off', true);

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
select datname, datallowconn, has_database_privilege(oid, 'CONNECT')
from pg_database
where datallowconn or datname <> 'template0'
order by datname;

-- name: memberships_before_16 (the options that later versions keep are what these did: SET always, INHERIT by member)
select 'role', '', '', role.rolname, '', option.privilege, option.admin, 'grant', array_agg(m.member::int8)
from (select roleid, member, bool_or(admin_option) as admin from pg_auth_members group by roleid, member) m
join pg_roles role on role.oid = m.roleid
join pg_roles member on member.oid = m.member
cross join lateral (values ('MEMBER', m.admin, true), ('INHERIT', false, member.rolinherit), ('SET', false, true))
  as option (privilege, admin, held)
where option.held
group by role.rolname, option.privilege, option.admin;

-- name: memberships (16 and later; what one of several grantors gave, is held)
select 'role', '', '', role.rolname, '', option.privilege, option.admin, 'grant', array_agg(m.member::int8)
from (
  select roleid, member, bool_or(admin_option) as admin, bool_or(inherit_option) as inherits, bool_or(set_option) as sets
  from pg_auth_members group by roleid, member
) m
join pg_roles role on role.oid = m.roleid
cross join lateral (values ('MEMBER', m.admin, true), ('INHERIT', false, m.inherits), ('SET', false, m.sets))
  as option (privilege, admin, held)
where option.held
group by role.rolname, option.privilege, option.admin;

-- name: server_grants (privileges and owners of databases and tablespaces)
with objects (scope, database, object, code, owner, acl) as (
  select 'database', datname, ''::name, 'd'::"char", datdba, datacl from pg_database
  union all
  select 'tablespace', '', spcname, 't', spcowner, spcacl from pg_tablespace
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

-- name: database_grants (privileges and owners of all that users made in the current database, and schema public)
with schemas as (
  select oid, nspname, nspowner, nspacl from pg_namespace where nspname !~ '^pg_(toast_)?temp_[0-9]+$'
),
objects (scope, schema, object, field, code, owner, acl) as (
  select 'schema', nspname, '', ''::name, 'n'::"char", nspowner, nspacl
  from schemas where oid >= 16384 or nspname = 'public'
  union all
  select case c.relkind when 'S' then 'sequence' else 'table' end, s.nspname, c.relname, '',
         case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner, c.relacl
  from pg_class c join schemas s on s.oid = c.relnamespace
  where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select 'routine', s.nspname, p.proname || '(' || oidvectortypes(p.proargtypes) || ')', '', 'f', p.proowner, p.proacl
  from pg_proc p join schemas s on s.oid = p.pronamespace
  where p.oid >= 16384
  union all
  select 'type', s.nspname, t.typname, '', 'T', t.typowner, t.typacl
  from pg_type t join schemas s on s.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  where t.oid >= 16384 and coalesce(c.relkind, 'c') = 'c'                      -- no row types of tables,
    and not exists (select from pg_type element where element.typarray = t.oid)  -- no arrays
    and (t.typtype <> 'm' or t.typacl is not null)                               -- and no multiranges: they have none
  union all
  select 'language', '', lanname, '', 'l', lanowner, lanacl from pg_language where oid >= 16384
  union all
  select 'foreign_data_wrapper', '', fdwname, '', 'F', fdwowner, fdwacl from pg_foreign_data_wrapper where oid >= 16384
  union all
  select 'foreign_server', '', srvname, '', 'S', srvowner, srvacl from pg_foreign_server where oid >= 16384
  union all
  select 'large_object', '', oid::text, '', 'L', lomowner, lomacl from pg_largeobject_metadata
  union all
  select 'column', s.nspname, c.relname, a.attname, 'c', null, a.attacl
  from pg_attribute a join pg_class c on c.oid = a.attrelid join schemas s on s.oid = c.relnamespace
  where c.oid >= 16384 and a.attacl is not null and not a.attisdropped
)
select o.scope, current_database(), o.schema, o.object, o.field, held.*
from objects o
cross join lateral (
  select 'OWNER', false, 'grant', array[o.owner::int8] where o.owner is not null
  union all
  select privilege_type, grantable, 'grant', array_agg(grantee::int8)
  from (
    select grantee, privilege_type, bool_or(is_grantable) as grantable
    from aclexplode((select array_agg(item) from unnest(coalesce(o.acl, acldefault(o.code, o.owner))) item))
    group by grantee, privilege_type
  ) merged
  group by privilege_type, grantable
) held;

-- name: changed_grants (what differs from what PostgreSQL gives by itself: effect `revoke` is a default taken away)
-- On its own objects that is pg_init_privs; for future objects of a role it is the built-in default, and in one schema
-- only what is added to it; that role is their owner. Schema public is in database_grants in full, here with what it lost.
with schemas as (select oid, nspname, nspowner, nspacl from pg_namespace),
own_objects (scope, schema, object, field, code, owner, acl, classoid, objoid, objsubid) as (
  -- no ACL goes back to null: one that is null has never changed
  select 'schema', nspname, '', ''::name, 'n'::"char", nspowner, nspacl, 'pg_namespace'::regclass, oid, 0
  from schemas where nspacl is not null
  union all
  select case c.relkind when 'S' then 'sequence' else 'table' end, s.nspname, c.relname, '',
         case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner, c.relacl, 'pg_class'::regclass, c.oid, 0
  from pg_class c join schemas s on s.oid = c.relnamespace where c.relacl is not null and c.relkind in ('r', 'v', 'S')
  union all
  select 'column', s.nspname, c.relname, a.attname, 'c', c.relowner, a.attacl, 'pg_class'::regclass, c.oid, a.attnum
  from pg_attribute a join pg_class c on c.oid = a.attrelid join schemas s on s.oid = c.relnamespace
  where a.attacl is not null and not a.attisdropped
  union all
  select 'routine', s.nspname, p.proname || '(' || oidvectortypes(p.proargtypes) || ')', '', 'f', p.proowner, p.proacl,
         'pg_proc'::regclass, p.oid, 0
  from pg_proc p join schemas s on s.oid = p.pronamespace where p.proacl is not null
  union all
  select 'type', s.nspname, t.typname, '', 'T', t.typowner, t.typacl, 'pg_type'::regclass, t.oid, 0
  from pg_type t join schemas s on s.oid = t.typnamespace where t.typacl is not null
  union all
  select 'language', '', lanname, '', 'l', lanowner, lanacl, 'pg_language'::regclass, oid, 0
  from pg_language where lanacl is not null
),
future (schema, role, owner, kind, code, acl) as (
  select coalesce(s.nspname, ''), role.rolname, d.defaclrole,
         case d.defaclobjtype when 'r' then 'TABLES' when 'S' then 'SEQUENCES' when 'f' then 'ROUTINES'
           when 'T' then 'TYPES' when 'n' then 'SCHEMAS' when 'L' then 'LARGE OBJECTS' else d.defaclobjtype::text end,
         case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end,  -- acldefault's code for sequences
         d.defaclacl
  from pg_default_acl d join pg_roles role on role.oid = d.defaclrole left join schemas s on s.oid = d.defaclnamespace
),
changed (scope, schema, object, field, acl, initial) as (
  select o.scope, o.schema, o.object, o.field, o.acl,
         -- information_schema's grants to PUBLIC are made after initdb has kept those of pg_catalog
         case when o.schema <> 'information_schema' then coalesce(i.initprivs, acldefault(o.code, o.owner))
              when o.scope = 'schema' then acldefault(o.code, o.owner) || makeaclitem(0, o.owner, 'USAGE', false)
              when o.scope = 'table' and not starts_with(o.object, '_') and o.object not in ('sql_parts', 'transforms')
              then acldefault(o.code, o.owner) || makeaclitem(0, o.owner, 'SELECT', false)
              else acldefault(o.code, o.owner) end
  from own_objects o left join pg_init_privs i using (classoid, objoid, objsubid)
  where o.objoid < 16384 and o.acl is distinct from i.initprivs
  union all
  select 'default_privileges', schema, role, kind, acl,
         case when schema = '' then acldefault(code, owner) else '{}' end
  from future
),
-- aclexplode takes no array without elements
gained as (
  select scope, schema, object, field, privilege_type, is_grantable, 'grant' as effect, grantee
  from changed cross join lateral (
    select grantee, privilege_type, bool_or(is_grantable) as is_grantable from aclexplode(nullif(acl, '{}')) group by 1, 2
    except select grantee, privilege_type, is_grantable from aclexplode(nullif(initial, '{}'))
  ) x
  where (scope, schema) <> ('schema', 'public')
),
lost as (
  select scope, schema, object, field, privilege_type, false, 'revoke', grantee
  from changed cross join lateral (
    select grantee, privilege_type from aclexplode(nullif(initial, '{}'))
    except select grantee, privilege_type from aclexplode(nullif(acl, '{}'))
  ) x
)
select scope, current_database(), schema, object, field, privilege_type, is_grantable, effect, array_agg(grantee::int8)
from (
  select * from gained union all select * from lost
  union all select 'default_privileges', schema, role, kind, 'OWNER', false, 'grant', owner from future
) differences
group by scope, schema, object, field, privilege_type, is_grantable, effect;
