-- What stands in the current database: see catalog.sql for the shape of the rows, whose database is empty here, since
-- the name of the current one reads differently in databases of other encodings.

-- name: database_grants (privileges and owners of all that users made in the current database, and schema public)
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
  select privilege_type, is_grantable, 'grant', array_agg(grantee::int8)
  from aclexplode(nullif(coalesce(o.acl, acldefault(o.code, o.owner)) || '{}'::aclitem[], '{}'))
  group by privilege_type, is_grantable
) held;

-- name: changed_grants (what differs from what PostgreSQL gives by itself: effect `revoke` is a default taken away)
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
-- most that have an ACL have the one that they began with
differing as (select * from changed where acl is distinct from initial),
-- aclexplode takes no array without elements
gained as (
  select scope, schema, object, field, privilege_type, is_grantable, 'grant' as effect, grantee
  from differing cross join lateral (
    select grantee, privilege_type, bool_or(is_grantable) as is_grantable from aclexplode(nullif(acl, '{}')) group by 1, 2
    except select grantee, privilege_type, is_grantable from aclexplode(nullif(initial, '{}'))
  ) x
),
lost as (
  select scope, schema, object, field, privilege_type, false, 'revoke', grantee
  from differing cross join lateral (
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

-- name: definitions (owners of what has no privileges, whom policies apply to, whose code triggers run, user mappings,
-- as whom subscriptions write)
-- A policy's expression, a subscription's connection and a mapping's options are not read.
with schemas as (
  select oid, nspname::text as nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp_[0-9]+$'
),
definitions (scope, schema, object, field, privilege, grantees) as (
  select 'extension', '', extname::text, '', 'OWNER', array[extowner::int8]
  from pg_extension where oid >= 16384 or extowner <> 10
  union all
  select 'publication', '', pubname::text, '', 'OWNER', array[pubowner::int8] from pg_publication
  union all
  select 'subscription', '', subname::text, '', 'OWNER', array[subowner::int8]
  from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
  union all  -- as its owner, before 16 only: later it writes to a table as that one's owner
  select 'subscribed_table', s.nspname, c.relname::text, u.subname::text, 'WRITER', array[u.subowner::int8]
  from pg_subscription_rel r join pg_subscription u on u.oid = r.srsubid
  join pg_class c on c.oid = r.srrelid join schemas s on s.oid = c.relnamespace
  where current_setting('server_version_num')::int < 160000
  union all
  select 'event_trigger', '', e.evtname::text, '', held.*
  from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid
  cross join lateral (
    values ('OWNER', array[e.evtowner::int8]), ('FUNCTION OWNER', array[p.proowner::int8])
  ) as held (privilege, grantees)
  union all
  select 'trigger', s.nspname, c.relname::text, t.tgname::text, 'FUNCTION OWNER', array[p.proowner::int8]
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join schemas s on s.oid = c.relnamespace
  join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and p.proowner <> c.relowner
  union all
  select 'policy', s.nspname, c.relname::text, p.polname::text,
         case when p.polpermissive then 'PERMISSIVE ' else 'RESTRICTIVE ' end ||
         case p.polcmd when '*' then 'ALL' when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE'
           when 'd' then 'DELETE' else p.polcmd::text end,
         p.polroles::int8[]
  from pg_policy p join pg_class c on c.oid = p.polrelid join schemas s on s.oid = c.relnamespace
  union all
  select 'user_mapping', '', srvname::text, '', 'USER MAPPING', array_agg(umuser::int8)
  from pg_user_mappings group by srvname
  union all
  select 'collation', s.nspname, o.collname::text, '', 'OWNER', array[o.collowner::int8]
  from pg_collation o join schemas s on s.oid = o.collnamespace where o.oid >= 16384 or o.collowner <> 10
  union all
  select 'conversion', s.nspname, o.conname::text, '', 'OWNER', array[o.conowner::int8]
  from pg_conversion o join schemas s on s.oid = o.connamespace where o.oid >= 16384 or o.conowner <> 10
  union all
  select 'statistics', s.nspname, o.stxname::text, '', 'OWNER', array[o.stxowner::int8]
  from pg_statistic_ext o join schemas s on s.oid = o.stxnamespace
  union all
  select 'text_search_configuration', s.nspname, o.cfgname::text, '', 'OWNER', array[o.cfgowner::int8]
  from pg_ts_config o join schemas s on s.oid = o.cfgnamespace where o.oid >= 16384 or o.cfgowner <> 10
  union all
  select 'text_search_dictionary', s.nspname, o.dictname::text, '', 'OWNER', array[o.dictowner::int8]
  from pg_ts_dict o join schemas s on s.oid = o.dictnamespace where o.oid >= 16384 or o.dictowner <> 10
  union all
  select 'operator', s.nspname, o.oprname::text || '(' || coalesce(format_type(nullif(o.oprleft, 0), null), 'NONE') ||
         ', ' || coalesce(format_type(nullif(o.oprright, 0), null), 'NONE') || ')', '', 'OWNER', array[o.oprowner::int8]
  from pg_operator o join schemas s on s.oid = o.oprnamespace where o.oid >= 16384 or o.oprowner <> 10
  union all
  select 'operator_class', s.nspname, o.opcname::text, a.amname::text, 'OWNER', array[o.opcowner::int8]
  from pg_opclass o join schemas s on s.oid = o.opcnamespace join pg_am a on a.oid = o.opcmethod
  where o.oid >= 16384 or o.opcowner <> 10
  union all
  select 'operator_family', s.nspname, o.opfname::text, a.amname::text, 'OWNER', array[o.opfowner::int8]
  from pg_opfamily o join schemas s on s.oid = o.opfnamespace join pg_am a on a.oid = o.opfmethod
  where o.oid >= 16384 or o.opfowner <> 10
)
select scope, '', schema, object, field, privilege, false, 'grant', grantees from definitions;
