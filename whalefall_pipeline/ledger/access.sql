-- What effective access is decided from, at a moment (null: now). Each statement is sent once, whatever the number of
-- instances and accounts. `instances` are ids; a pattern's null is any name. Few grants of an instance are looked for in
-- each row of holdings; for many, the rows are taken apart once, behind `offset 0`: else it may be done for each of them.

-- name: instances (what each was set to then; its version by the newest record before, while that is kept)
select i.id, i.name, i.db_type, coalesce(r.version, i.server_version, '') as version, i.deleted_at,
       i.permissions_read_at as read_at, coalesce(t.attributes, '{}') as attributes
from instances i
left join instance_attributes t on t.instance_id = i.id
 and case when cast(:at as timestamptz) is null then t.valid_to is null
          else t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at) end
left join lateral (
  select coalesce(s.sync_details ->> 'server_version', s.sync_details ->> 'version') as version
  from sync_instance_records s
  where s.instance_id = i.id and s.started_at <= :at and s.status = 'completed'
  order by s.started_at desc limit 1
) r on cast(:at as timestamptz) is not null
where case when cast(:instance as text) is null then i.is_active or :removed else i.name = :instance end
order by i.name;

-- name: unseen
select s.instance_id, s.scope, s.status, s.reason, s.last_seen_at
from instance_scopes s
where s.instance_id = any (cast(:instances as bigint[]))
  and case when cast(:at as timestamptz) is null then s.valid_to is null
           else s.valid_from <= :at and (s.valid_to is null or s.valid_to > :at) end;

-- name: without_ways (where the newest reading found no way to more, all its superusers are listed, and no inventory
-- changed an account since)
select i.id, array(
  select item ->> 0 from jsonb_array_elements(i.danger_summary -> 'listed') with ordinality as listed (item, place)
  order by place
)
from instances i
where i.id = any (cast(:instances as bigint[])) and i.danger_summary -> 'basis' ->> 0 = :version
  and cast(i.danger_summary ->> 'ways' as integer) = 0
  and cast(i.danger_summary ->> 'superusers' as integer) = jsonb_array_length(i.danger_summary -> 'listed')
  and not exists (
    select from instance_accounts a where a.instance_id = i.id and a.updated_at > i.permissions_read_at
  );

-- name: known (what somebody holds something on, by its name path from the right, as far as it is given)
with matching as materialized (
  select g.instance_id, g.number, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name,
         count(*) over (partition by g.instance_id) <= 20 as is_one_of_few
  from instance_grant g
  where g.instance_id = any (cast(:instances as bigint[]))
    and (
      (g.object_name = :name
        and (cast(:before as text) is null or g.schema_name = :before
             or (g.schema_name = '' and g.database_name = :before and cast(:first as text) is null))  -- as on MySQL
        and (cast(:first as text) is null or g.database_name = :first))
      or (g.object_name = '' and g.scope = 'schema' and g.schema_name = :name
        and (cast(:before as text) is null or g.database_name = :before) and cast(:first as text) is null)
      or (g.object_name = '' and g.scope = 'database' and g.database_name = :name and cast(:before as text) is null)
    )
)
select m.instance_id, m.scope, m.database_name, m.schema_name, m.object_name, m.column_name
from (
  select instance_id, scope, database_name, schema_name, object_name, column_name, array_agg(number) as numbers
  from matching where is_one_of_few
  group by instance_id, scope, database_name, schema_name, object_name, column_name
) m
cross join lateral (
  select from account_holding h
  where h.instance_id = m.instance_id and h.of_roles = (m.scope in ('role', 'database_role'))
    and h.grants && m.numbers
    and case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
  limit 1
) somebody
union
select m.instance_id, m.scope, m.database_name, m.schema_name, m.object_name, m.column_name
from (
  select h.instance_id, each.number
  from account_holding h
  cross join lateral unnest(h.grants) as each (number)
  where h.instance_id = any (array(select distinct instance_id from matching where not is_one_of_few))
    and case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
  offset 0
) held
join matching m on m.instance_id = held.instance_id and m.number = held.number and not m.is_one_of_few;

-- name: known_routines (by their names without argument types; a path of them has a schema and a database at most)
with matching as materialized (
  select g.*
  from instance_grant g
  where g.instance_id = any (cast(:instances as bigint[]))
    and g.scope = 'routine' and starts_with(g.object_name, cast(:name as text) || '(')
    and (cast(:before as text) is null or g.schema_name = :before)
    and (cast(:first as text) is null or g.database_name = :first)
)
select distinct m.instance_id, m.scope, m.database_name, m.schema_name, m.object_name, m.column_name
from (
  select h.instance_id, each.number
  from account_holding h
  cross join lateral unnest(h.grants) as each (number)
  where h.instance_id = any (array(select distinct instance_id from matching)) and not h.of_roles
    and case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
  offset 0
) held
join matching m on m.instance_id = held.instance_id and m.number = held.number;

-- name: known_roles (accounts, as what others are members of)
select a.instance_id, 'role' as scope, '' as database_name, '' as schema_name, a.username as object_name,
       '' as column_name
from instance_accounts a
join account_attributes t on t.instance_account_id = a.id
 and case when cast(:at as timestamptz) is null then t.valid_to is null
          else t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at) end
where a.instance_id = any (cast(:instances as bigint[])) and a.username = :name;

-- name: securables (all that somebody holds something on, roles left out)
select distinct g.scope, g.database_name, g.schema_name, g.object_name, g.column_name
from (
  select distinct held.number
  from account_holding h
  cross join lateral unnest(h.grants) as held (number)
  where h.instance_id = :instance and not h.of_roles
    and case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
) held
join instance_grant g on g.number = held.number and g.instance_id = :instance;

-- name: databases (all names of databases that grants on one have, each looked up by index; for those that are patterns)
with recursive each (name) as (
  select min(database_name) from instance_grant where object_name = '' and scope = :scope
  union all
  select (select min(database_name) from instance_grant
          where object_name = '' and scope = :scope and database_name > each.name)
  from each where name is not null
)
select name from each where name is not null;

-- name: relevant (who may come to what gives a privilege: those who hold or are it, and their members; some others
-- `also`; and all roles of these)
with recursive
sought as (
  select *
  from unnest(
    cast(:privileges as text[]), cast(:scopes as text[]), cast(:databases as text[]), cast(:schemas as text[]),
    cast(:objects as text[])
  ) as w (privilege, scope, database_name, schema_name, object_name)
),
wanted as materialized (
  select w.*, count(*) over (partition by w.instance_id) <= 20 as is_one_of_few
  from (
    select g.instance_id, g.number, g.scope in ('role', 'database_role') as of_roles
    from sought w
    join instance_grant g
      on g.object_name = w.object_name and g.scope = w.scope and g.database_name = w.database_name
     and g.schema_name = w.schema_name and g.privilege = w.privilege
    where g.instance_id = any (cast(:instances as bigint[]))
    union
    select g.instance_id, g.number, false  -- what a user of a database is mapped to is no permission on it
    from instance_grant g
    where g.instance_id = any (cast(:by_principals as bigint[]))
      and g.scope in ('login', 'server_role', 'database_user', 'role_definition', 'proxy', 'proxy_role')
      and g.privilege <> 'MAPPED'
  ) w
),
seed (id) as (
  select h.instance_account_id
  from (
    select instance_id, of_roles, array_agg(number) as numbers from wanted where is_one_of_few group by 1, 2
  ) w
  cross join lateral (
    select * from account_holding
    where instance_id = w.instance_id and of_roles = w.of_roles and grants && w.numbers offset 0
  ) h
  where case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
  union
  select held.id
  from (
    select h.instance_account_id as id, h.instance_id, each.number
    from account_holding h
    cross join lateral unnest(h.grants) as each (number)
    where h.instance_id = any (array(select distinct instance_id from wanted where not is_one_of_few))
      and case when cast(:at as timestamptz) is null then h.valid_to is null
               else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
    offset 0
  ) held
  join wanted w on w.instance_id = held.instance_id and w.number = held.number and not w.is_one_of_few
  union
  select t.instance_account_id
  from account_attributes t
  where case when cast(:at as timestamptz) is null then t.valid_to is null
             else t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at) end
    and t.attributes @> any (cast(:attributes as jsonb[])) and t.instance_id = any (cast(:instances as bigint[]))
  union
  select a.id from instance_accounts a
  where a.instance_id = any (cast(:instances as bigint[])) and a.username = any (cast(:usernames as text[]))
  union
  select unnest(array_agg(a.id))
  from instance_accounts a
  where a.instance_id = any (cast(:by_user_part as bigint[])) and a.kind <> 'public' and position('@' in a.username) > 0
  group by a.instance_id, substring(a.username from '^(.*)@[^@]*$')
  having count(*) > 1 or min(substring(a.username from '^(.*)@[^@]*$')) = ''
),
first as materialized (  -- from an array, which is planned as ten: what they lead to is never known
  select a.id, a.instance_id, a.username, a.kind
  from unnest(array(select id from seed)) as s (id)
  cross join lateral (select * from instance_accounts where id = s.id offset 0) a
),
with_members (id) as materialized (  -- instances where one of the first is a role that has members
  select distinct f.instance_id
  from first f
  cross join lateral (
    select from instance_grant g
    where g.instance_id = f.instance_id and g.object_name = f.username
      and g.privilege = 'MEMBER' and g.scope in ('role', 'database_role')
    limit 1
  ) role
),
member (id, instance_id, role) as materialized (  -- each looked up once: how many there are can't be estimated
  select each.id, h.instance_id, m.object_name
  from (
    select h.instance_id, held.number, array_agg(h.instance_account_id) as ids
    from account_holding h
    cross join lateral unnest(h.grants) as held (number)
    where h.of_roles and h.instance_id = any (array(select id from with_members))
      and case when cast(:at as timestamptz) is null then h.valid_to is null
               else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
    group by h.instance_id, held.number
  ) h
  cross join lateral (
    select object_name from instance_grant
    where instance_id = h.instance_id and number = h.number and privilege = 'MEMBER' offset 0
  ) m
  cross join lateral unnest(h.ids) as each (id)
),
down (id, instance_id, username, kind) as (
  select * from first
  union
  select a.id, a.instance_id, a.username, a.kind
  from down d
  join member m on m.instance_id = d.instance_id and m.role = d.username
  cross join lateral (select * from instance_accounts where id = m.id offset 0) a
),
start (id, instance_id) as materialized (
  select id, instance_id from down
  union
  select id, instance_id from instance_accounts
  where instance_id = any (cast(:instances as bigint[])) and kind = 'public'
  union
  select id, instance_id from instance_accounts
  where instance_id = any (cast(:instances as bigint[])) and username = any (cast(:also as text[]))
),
up (id, instance_id, number) as (  -- an account, or the number of a membership; each of these is looked up once
  select s.id, s.instance_id, 0
  from unnest(array(select id from start), array(select instance_id from start)) as s (id, instance_id)
  union
  select step.* from up u
  cross join lateral (
    select cast(null as bigint), h.instance_id, held.number
    from account_holding h cross join lateral unnest(h.grants) as held (number)
    where h.instance_account_id = u.id and h.of_roles
      and case when cast(:at as timestamptz) is null then h.valid_to is null
               else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
    union all
    select a.id, a.instance_id, 0
    from instance_grant m join instance_accounts a on a.instance_id = m.instance_id and a.username = m.object_name
    where u.number > 0 and m.instance_id = u.instance_id and m.number = u.number and m.privilege = 'MEMBER'
    offset 0
  ) step
)
select id, instance_id, false as is_everybody from up where id is not null
union all
select id, instance_id, true from down where kind = 'public' or username = any (cast(:everybodys as text[]));
