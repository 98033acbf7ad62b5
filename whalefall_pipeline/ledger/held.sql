-- What accounts are and hold, at a moment (null: now), for access.py. Each statement is sent once, whatever the number
-- of instances and accounts. Few grants and many are looked for as in access.sql.

-- name: accounts (all of some instances, and some of others)
select a.id, a.instance_id, a.username, t.kind, cast(t.attributes as text) as attributes
from instance_accounts a
join account_attributes t on t.instance_account_id = a.id
 and case when cast(:at as timestamptz) is null then t.valid_to is null
          else t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at) end
where a.instance_id = any (cast(:whole as bigint[])) or a.id = any (cast(:ids as bigint[]));

-- name: hidden (which attributes the newest reading was not shown of accounts; only sent for instances with a gap)
select s.instance_account_id, s.permission_facts -> 'meta' -> 'attributes_not_observed'
from account_snapshots s
where s.instance_id = any (cast(:instances as bigint[])) and s.permission_facts -> 'meta' ? 'attributes_not_observed';

-- name: held (memberships, and what matches a pattern of its instance; once for all that hold it)
with asked (instance_id, patterns) as (
  select * from unnest(cast(:instances as bigint[]), cast(:patterns as integer[]))
),
pattern as materialized (  -- instances that are asked the same have the same patterns, by number
  select *
  from unnest(
    cast(:numbers as integer[]), cast(:scopes as text[]), cast(:databases as text[]), cast(:schemas as text[]),
    cast(:objects as text[]), cast(:columns as text[]), cast(:privileges as text[])
  ) as w (patterns, scope, database_name, schema_name, object_name, column_name, privilege)
  where scope not in ('role', 'database_role')  -- all of these are wanted
),
near as (  -- each `offset 0`: looked up by index
  select g.*
  from asked a
  join (select distinct patterns, scope from pattern where coalesce(object_name, '') = '') w on w.patterns = a.patterns
  cross join lateral (
    select * from instance_grant g where g.instance_id = a.instance_id and g.scope = w.scope offset 0
  ) g
  union all
  select g.*
  from (select distinct object_name, scope from pattern where object_name <> '') w
  cross join lateral (
    select * from instance_grant g where g.object_name = w.object_name and g.scope = w.scope offset 0
  ) g
),
wanted as materialized (
  select m.*, count(*) over (partition by m.instance_id) <= 20 as is_one_of_few
  from (
    select distinct g.*
    from near g
    join asked a on a.instance_id = g.instance_id
    where exists (
      select from pattern w
      where w.patterns = a.patterns and w.scope = g.scope
        and (w.object_name is null or w.object_name = g.object_name)
        and (w.database_name is null or w.database_name = g.database_name)
        and (w.schema_name is null or w.schema_name = g.schema_name)
        and (w.column_name is null or w.column_name = g.column_name)
        and (w.privilege is null or w.privilege = g.privilege)
    )
  ) m
),
holding as materialized (
  select h.*
  from (
    select h.*
    from unnest(cast(:ids as bigint[])) as a (id)
    cross join lateral (select * from account_holding where instance_account_id = a.id offset 0) h
    union all
    select h.*
    from unnest(cast(:whole as bigint[])) as i (id)
    cross join lateral (select * from account_holding where instance_id = i.id offset 0) h
  ) h
  where case when cast(:at as timestamptz) is null then h.valid_to is null
             else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end
),
membership as materialized (  -- once for all that are members of the same
  select instance_id, grants, array_agg(instance_account_id) as holders, array_agg(valid_from) as since
  from holding
  where of_roles
  group by instance_id, grants
),
joined as (  -- by grouping: how many are wanted can't be estimated, and a loop over all for each took seconds
  select max(o.privilege) as privilege, max(o.scope) as scope, max(o.database_name) as database_name,
         max(o.schema_name) as schema_name, max(o.object_name) as object_name, max(o.column_name) as column_name,
         bool_or(o.grant_option) as grant_option, max(o.effect) as effect, array_agg(o.holder) as holders,
         array_agg(o.since) as since
  from (
    select instance_id, number, null as holder, null as since, privilege, scope, database_name, schema_name,
           object_name, column_name, grant_option, effect
    from wanted where not is_one_of_few
    union all
    select h.instance_id, held.number, h.instance_account_id, h.valid_from, null, null, null, null, null, null, null,
           null
    from holding h
    cross join lateral unnest(h.grants) as held (number)
    where not h.of_roles
      and h.instance_id = any (array(select distinct instance_id from wanted where not is_one_of_few))
  ) o
  group by o.instance_id, o.number
  having bool_or(o.holder is null)
),
found as (
  select g.privilege, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name, g.grant_option, g.effect,
         each.holder, each.since
  from membership m
  cross join lateral (
    select * from instance_grant where instance_id = m.instance_id and number = any (m.grants) offset 0
  ) g
  cross join lateral unnest(m.holders, m.since) as each (holder, since)
  union all
  select w.privilege, w.scope, w.database_name, w.schema_name, w.object_name, w.column_name, w.grant_option, w.effect,
         h.instance_account_id, h.valid_from
  from holding h
  join wanted w
    on w.instance_id = h.instance_id and w.is_one_of_few
   and h.grants[width_bucket(w.number, h.grants)] = w.number  -- a binary search: they are in order
  where not h.of_roles
  union all
  select j.privilege, j.scope, j.database_name, j.schema_name, j.object_name, j.column_name, j.grant_option, j.effect,
         each.holder, each.since
  from joined j
  cross join lateral unnest(j.holders, j.since) as each (holder, since)
  where each.holder is not null
)
select privilege collate "C", scope collate "C", database_name collate "C", schema_name collate "C",
       object_name collate "C", column_name collate "C", grant_option, effect,
       array_agg(holder), array_agg(date_part('epoch', since))
from found
group by 1, 2, 3, 4, 5, 6, 7, 8;

-- name: all_held (all that these accounts hold)
select g.privilege collate "C", g.scope collate "C", g.database_name collate "C", g.schema_name collate "C",
       g.object_name collate "C", g.column_name collate "C", g.grant_option, g.effect,
       array_agg(g.instance_account_id), array_agg(date_part('epoch', g.valid_from))
from account_grant g
where g.instance_account_id = any (cast(:ids as bigint[]))
  and case when cast(:at as timestamptz) is null then g.valid_to is null
           else g.valid_from <= :at and (g.valid_to is null or g.valid_to > :at) end
group by 1, 2, 3, 4, 5, 6, 7, 8;
