-- The floor's statements for PostgreSQL: those of our own reading as they were on 2026-11-26, when the server still merged
-- what several grantors gave. They stay as they are, so that a faster statement of ours shows.

-- name: roles
select oid::int8, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
       rolconnlimit,
       case when rolvaliduntil < '0001-01-01' then '-infinity'
            when isfinite(rolvaliduntil)
            then to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') end
from pg_roles;

-- name: databases
select oid::int8, datname, datallowconn, has_database_privilege(oid, 'CONNECT')
from pg_database
where datallowconn or datname <> 'template0'
order by datname;

-- name: memberships_before_16
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

-- name: server_grants
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

-- name: parameter_grants
select 'parameter', '', '', parname, '', privilege_type, grantable, 'grant', array_agg(grantee::int8)
from (
  select p.parname, x.grantee, x.privilege_type, bool_or(x.is_grantable) as grantable
  from pg_parameter_acl p cross join lateral aclexplode(p.paracl) x
  where x.grantee <> 10
  group by p.parname, x.grantee, x.privilege_type
) merged
group by parname, privilege_type, grantable;

-- name: database_grants
-- `marks` are what an owner lends to others or keeps from them by the object itself.
with schemas as (
  select oid, nspname::text as nspname, nspowner, nspacl from pg_namespace where nspname !~ '^pg_(toast_)?temp_[0-9]+$'
),
objects (scope, schema, object, field, code, owner, acl, marks) as (
  select 'schema', nspname, '', '', 'n'::"char", nspowner, nspacl, null::text[]
  from schemas where oid >= 16384 or nspname = 'public'
  union all
  select case c.relkind when 'S' then 'sequence' else 'table' end, s.nspname, c.relname::text, '',
         case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner, c.relacl,
         case when c.relrowsecurity and c.relforcerowsecurity then array['ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY']
              when c.relrowsecurity then array['ROW LEVEL SECURITY']
              when c.relforcerowsecurity then array['FORCE ROW LEVEL SECURITY'] end
  from pg_class c join schemas s on s.oid = c.relnamespace
  where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select 'routine', s.nspname, p.proname::text || '(' || oidvectortypes(p.proargtypes) || ')', '', 'f', p.proowner,
         p.proacl, case when p.prosecdef then array['SECURITY DEFINER'] end
  from pg_proc p join schemas s on s.oid = p.pronamespace
  where p.oid >= 16384
  union all
  select 'type', s.nspname, t.typname::text, '', 'T', t.typowner, t.typacl, null
  from pg_type t join schemas s on s.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  where t.oid >= 16384 and coalesce(c.relkind, 'c') = 'c'                      -- no row types of tables,
    and not exists (select from pg_type element where element.typarray = t.oid)  -- no arrays
    and (t.typtype <> 'm' or t.typacl is not null)                               -- and no multiranges: they have none
  union all
  select 'language', '', lanname::text, '', 'l', lanowner, lanacl, null from pg_language where oid >= 16384
  union all
  select 'foreign_data_wrapper', '', fdwname::text, '', 'F', fdwowner, fdwacl, null
  from pg_foreign_data_wrapper where oid >= 16384
  union all
  select 'foreign_server', '', srvname::text, '', 'S', srvowner, srvacl, null from pg_foreign_server where oid >= 16384
  union all
  select 'large_object', '', oid::text, '', 'L', lomowner, lomacl, null from pg_largeobject_metadata
  union all
  select 'column', s.nspname, c.relname::text, a.attname::text, 'c', null, a.attacl, null
  from pg_attribute a join pg_class c on c.oid = a.attrelid join schemas s on s.oid = c.relnamespace
  where c.oid >= 16384 and a.attacl is not null and not a.attisdropped
)
select o.scope, '', o.schema, o.object, o.field, held.*
from objects o
cross join lateral (
  select 'OWNER', false, 'grant', array[o.owner::int8] where o.owner is not null
  union all
  select mark, false, 'grant', array[o.owner::int8] from unnest(o.marks) mark
  union all
  select privilege_type, grantable, 'grant', array_agg(grantee::int8)
  from (
    select grantee, privilege_type, bool_or(is_grantable) as grantable
    from aclexplode((select array_agg(item) from unnest(coalesce(o.acl, acldefault(o.code, o.owner))) item))
    group by grantee, privilege_type
  ) merged
  group by privilege_type, grantable
) held;

-- name: changed_grants
-- On its own objects that is pg_init_privs, on TOAST tables and row types, which nobody grants on but an expert, the
-- built-in default. So it is for future objects of a role, which is their owner and stands here by its OID, and in one
-- schema only what is added to it. An object of PostgreSQL's that was given away has its new owner, and what that holds.
with schemas as (select oid, nspname::text as nspname, nspowner, nspacl from pg_namespace),
own_objects (scope, schema, object, field, code, owner, acl, classoid, objoid, objsubid) as (
  -- no ACL goes back to null: one that is null has never changed
  select 'schema', nspname, '', '', 'n'::"char", nspowner, nspacl, 'pg_namespace'::regclass, oid, 0
  from schemas where (nspacl is not null or nspowner <> 10) and nspname <> 'public'
  union all
  select case c.relkind when 'S' then 'sequence' else 'table' end, s.nspname, c.relname::text, '',
         case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner, c.relacl, 'pg_class'::regclass, c.oid, 0
  from pg_class c join schemas s on s.oid = c.relnamespace
  where (c.relacl is not null or c.relowner <> 10) and c.relkind in ('r', 'v', 'S')
  union all
  select 'column', s.nspname, c.relname::text, a.attname::text, 'c', c.relowner, a.attacl, 'pg_class'::regclass, c.oid,
         a.attnum
  from pg_attribute a join pg_class c on c.oid = a.attrelid join schemas s on s.oid = c.relnamespace
  where a.attacl is not null and not a.attisdropped
  union all
  select 'routine', s.nspname, p.proname::text || '(' || oidvectortypes(p.proargtypes) || ')', '', 'f', p.proowner,
         p.proacl, 'pg_proc'::regclass, p.oid, 0
  from pg_proc p join schemas s on s.oid = p.pronamespace where p.proacl is not null or p.proowner <> 10
  union all
  select 'type', s.nspname, t.typname::text, '', 'T', t.typowner, t.typacl, 'pg_type'::regclass, t.oid, 0
  from pg_type t join schemas s on s.oid = t.typnamespace
  where t.typacl is not null or (t.typowner <> 10 and t.typrelid = 0 and t.typcategory <> 'A')
  union all
  select 'language', '', lanname::text, '', 'l', lanowner, lanacl, 'pg_language'::regclass, oid, 0
  from pg_language where lanacl is not null or lanowner <> 10
),
future (schema, role, owner, kind, code, acl) as (
  select coalesce(s.nspname, ''), d.defaclrole::int8::text, d.defaclrole,
         case d.defaclobjtype when 'r' then 'TABLES' when 'S' then 'SEQUENCES' when 'f' then 'ROUTINES'
           when 'T' then 'TYPES' when 'n' then 'SCHEMAS' when 'L' then 'LARGE OBJECTS' else d.defaclobjtype::text end,
         case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end,  -- acldefault's code for sequences
         d.defaclacl
  from pg_default_acl d left join schemas s on s.oid = d.defaclnamespace
),
changed (scope, schema, object, field, owner, acl, initial) as (
  select o.scope, o.schema, o.object, o.field, o.owner, coalesce(o.acl, acldefault(o.code, o.owner)),
         -- information_schema's grants to PUBLIC are made after initdb has kept those of pg_catalog
         case when o.schema <> 'information_schema' then coalesce(i.initprivs, acldefault(o.code, 10))
              when o.scope = 'schema' then acldefault(o.code, 10) || makeaclitem(0, 10, 'USAGE', false)
              when o.scope = 'table' and not starts_with(o.object, '_') and o.object not in ('sql_parts', 'transforms')
              then acldefault(o.code, 10) || makeaclitem(0, 10, 'SELECT', false)
              else acldefault(o.code, 10) end
  from own_objects o left join pg_init_privs i using (classoid, objoid, objsubid)
  where o.objoid < 16384 and (o.acl is distinct from i.initprivs or o.owner <> 10)
  union all
  select 'table', s.nspname, c.relname::text, '', 10::oid, c.relacl, acldefault('r', c.relowner)
  from pg_class c join schemas s on s.oid = c.relnamespace
  where c.relkind = 't' and c.relacl is not null and s.nspname = 'pg_toast'
  union all
  select 'type', s.nspname, t.typname::text, '', 10::oid, t.typacl, acldefault('T', t.typowner)
  from pg_type t join pg_class c on c.oid = t.typrelid join schemas s on s.oid = t.typnamespace
  where t.oid >= 16384 and c.relkind <> 'c' and t.typacl is not null and s.nspname !~ '^pg_temp_[0-9]+$'
  union all
  select 'default_privileges', schema, role, kind, 10::oid, acl,
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
),
lost as (
  select scope, schema, object, field, privilege_type, false, 'revoke', grantee
  from changed cross join lateral (
    select grantee, privilege_type from aclexplode(nullif(initial, '{}'))
    except select grantee, privilege_type from aclexplode(nullif(acl, '{}'))
  ) x
  where grantee <> 10 or owner = 10  -- the first owner's went with the object
),
owned as (
  select scope, schema, object, field, 'OWNER', false, 'grant', owner
  from changed where owner <> 10 and scope <> 'column'
  union all
  select 'default_privileges', schema, role, kind, 'OWNER', false, 'grant', owner from future
)
select scope, '', schema, object, field, privilege_type, is_grantable, effect, array_agg(grantee::int8)
from (select * from gained union all select * from lost union all select * from owned) differences
group by scope, schema, object, field, privilege_type, is_grantable, effect;
