-- The statements of changes.py: grants and attributes in their intervals, and the log. None depends on the number of
-- accounts.

-- name: read_states
select a.id, a.username, t.kind, t.attributes
from instance_accounts a
join account_attributes t on t.instance_account_id = a.id and t.valid_to is null
where a.id = any (cast(:ids as bigint[]));

-- name: read_grants
select instance_account_id, privilege, scope, database_name, schema_name, object_name, column_name, grant_option, effect
from account_grant
where instance_account_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: end_grants (a row that loses all it has is ended; of one that keeps some, what it loses becomes a row of its own)
-- Rows are found again by where they are: nobody else writes them, under the instance's lock.
with lost as materialized (
  select distinct l.id, l.number from unnest(cast(:ids as bigint[]), cast(:numbers as integer[])) as l (id, number)
),
held as materialized (
  select h.ctid as place, h.*
  from (select distinct id from lost) l
  join account_holding h on h.instance_account_id = l.id and h.valid_to is null
),
parted as materialized (
  select h.place,
         coalesce(array_agg(each.number order by each.number) filter (where l.number is null), '{}') as kept,
         array_agg(each.number order by each.number) filter (where l.number is not null) as ended
  from held h
  cross join lateral unnest(h.grants) as each (number)
  left join lost l on l.id = h.instance_account_id and l.number = each.number
  group by h.place
  having count(l.number) > 0
),
set_apart as (
  insert into account_holding (instance_account_id, instance_id, of_roles, grants, valid_from, valid_to)
  select h.instance_account_id, h.instance_id, h.of_roles, p.ended, h.valid_from, cast(:read_at as timestamptz)
  from parted p join held h on h.place = p.place
  where p.kept <> '{}'
)
update account_holding h
set grants = case when p.kept = '{}' then p.ended else p.kept end,
    valid_to = case when p.kept = '{}' then cast(:read_at as timestamptz) end
from parted p where h.ctid = p.place;

-- name: end_all_grants
update account_holding set valid_to = :read_at
where instance_account_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: end_attributes
update account_attributes set valid_to = :read_at
where instance_account_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: mark_deleted
update account_snapshots set last_change_type = 'delete', last_change_time = :read_at, digest = ''
where instance_account_id = any (cast(:ids as bigint[]));
