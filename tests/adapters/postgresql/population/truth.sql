-- What the server itself says. Each statement gives roles' OIDs with the privileges that they have on objects:
-- the object's path as our securables have it, and the privilege, with its grant option or without.

-- name: database
select r.oid::int8, 'database', d.datname::text, '', '', '', p.name, has_database_privilege(r.oid, d.oid, p.name),
       has_database_privilege(r.oid, d.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_database d, unnest(array['CREATE', 'CONNECT', 'TEMPORARY']) p (name) where d.datname <> 'template0';

-- name: tablespace
select r.oid::int8, 'tablespace', '', '', t.spcname::text, '', p.name, has_tablespace_privilege(r.oid, t.oid, p.name),
       has_tablespace_privilege(r.oid, t.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_tablespace t, unnest(array['CREATE']) p (name);

-- name: parameter
select r.oid::int8, 'parameter', '', '', g.parname, '', p.name, has_parameter_privilege(r.oid, g.parname, p.name),
       has_parameter_privilege(r.oid, g.parname, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_parameter_acl g, unnest(array['SET', 'ALTER SYSTEM']) p (name);

-- name: schema
select r.oid::int8, 'schema', current_database()::text, s.nspname::text, '', '', p.name,
       has_schema_privilege(r.oid, s.oid, p.name), has_schema_privilege(r.oid, s.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_namespace s, unnest(array['CREATE', 'USAGE']) p (name) where s.nspname !~ '^pg_(toast_)?temp_';

-- name: table
select r.oid::int8, 'table', current_database()::text, s.nspname::text, c.relname::text, '', p.name,
       has_table_privilege(r.oid, c.oid, p.name), has_table_privilege(r.oid, c.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_class c join pg_namespace s on s.oid = c.relnamespace,
     unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', %(maintain)s]) p (name)
where c.relkind in ('r', 'p', 'v', 'm', 'f', 't') and p.name <> '';

-- name: column
select r.oid::int8, 'column', current_database()::text, s.nspname::text, c.relname::text, a.attname::text, p.name,
       has_column_privilege(r.oid, c.oid, a.attnum, p.name),
       has_column_privilege(r.oid, c.oid, a.attnum, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_class c join pg_namespace s on s.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid,
     unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (name)
where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and (c.oid >= 16384 or c.relname = 'pg_authid');

-- name: sequence
select r.oid::int8, 'sequence', current_database()::text, s.nspname::text, c.relname::text, '', p.name,
       has_sequence_privilege(r.oid, c.oid, p.name),
       has_sequence_privilege(r.oid, c.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_class c join pg_namespace s on s.oid = c.relnamespace,
     unnest(array['USAGE', 'SELECT', 'UPDATE']) p (name) where c.relkind = 'S';

-- name: routine
select r.oid::int8, 'routine', current_database()::text, f.schema, f.name, '', 'EXECUTE',
       has_function_privilege(r.oid, f.oid, 'EXECUTE'), has_function_privilege(r.oid, f.oid, 'EXECUTE WITH GRANT OPTION')
from pg_roles r, (
  select p.oid, s.nspname::text as schema, p.proname::text || '(' || coalesce((
    select string_agg(format_type(argument, null), ', ' order by number)
    from unnest(p.proargtypes) with ordinality as arguments (argument, number)), '') || ')' as name
  from pg_proc p join pg_namespace s on s.oid = p.pronamespace
) f;

-- name: type
select r.oid::int8, 'type', current_database()::text, s.nspname::text, t.typname::text, '', 'USAGE',
       has_type_privilege(r.oid, t.oid, 'USAGE'), has_type_privilege(r.oid, t.oid, 'USAGE WITH GRANT OPTION')
from pg_roles r, pg_type t join pg_namespace s on s.oid = t.typnamespace
where t.typcategory <> 'A' and t.typtype <> 'm' and s.nspname <> 'pg_toast';

-- name: language
select r.oid::int8, 'language', current_database()::text, '', l.lanname::text, '', 'USAGE',
       has_language_privilege(r.oid, l.oid, 'USAGE'), has_language_privilege(r.oid, l.oid, 'USAGE WITH GRANT OPTION')
from pg_roles r, pg_language l;

-- name: foreign_data_wrapper
select r.oid::int8, 'foreign_data_wrapper', current_database()::text, '', w.fdwname::text, '', 'USAGE',
       has_foreign_data_wrapper_privilege(r.oid, w.oid, 'USAGE'),
       has_foreign_data_wrapper_privilege(r.oid, w.oid, 'USAGE WITH GRANT OPTION')
from pg_roles r, pg_foreign_data_wrapper w;

-- name: foreign_server
select r.oid::int8, 'foreign_server', current_database()::text, '', w.srvname::text, '', 'USAGE',
       has_server_privilege(r.oid, w.oid, 'USAGE'), has_server_privilege(r.oid, w.oid, 'USAGE WITH GRANT OPTION')
from pg_roles r, pg_foreign_server w;

-- name: large_object
select r.oid::int8, 'large_object', current_database()::text, '', l.oid::text, '', p.name,
       has_largeobject_privilege(r.oid, l.oid, p.name),
       has_largeobject_privilege(r.oid, l.oid, p.name || ' WITH GRANT OPTION')
from pg_roles r, pg_largeobject_metadata l, unnest(array['SELECT', 'UPDATE']) p (name);

-- name: owners (of what users made and what was given away, as the catalog of dependencies has them)
select d.refobjid::int8, c.relname::text, count(distinct d.objid)
from pg_shdepend d join pg_class c on c.oid = d.classid
where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
  and d.dbid in (0, (select oid from pg_database where datname = current_database()))
group by d.refobjid, c.relname;

-- name: mentioned (in ACLs and policies, likewise)
select d.refobjid::int8, c.relname::text, count(distinct (d.objid, case c.relname when 'pg_class' then d.objsubid end))
from pg_shdepend d join pg_class c on c.oid = d.classid
where d.refclassid = 'pg_authid'::regclass and d.deptype in ('a', 'r')
  and d.dbid in (0, (select oid from pg_database where datname = current_database()))
group by d.refobjid, c.relname;
