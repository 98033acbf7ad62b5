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
with lost as materialized (
  select l.id, array_agg(l.number) as numbers
  from unnest(cast(:ids as bigint[]), cast(:numbers as integer[])) as l (id, number)
  group by l.id
),
parted as materialized (
  select h.ctid as place, h.instance_account_id, h.instance_id, h.of_roles, h.valid_from, p.kept, p.ended
  from lost l
  join account_holding h on h.instance_account_id = l.id and h.valid_to is null and h.grants && l.numbers
  cross join lateral (
    select coalesce(array_agg(n.number) filter (where n.number <> all (l.numbers)), '{}') as kept,
           array_agg(n.number) filter (where n.number = any (l.numbers)) as ended
    from unnest(h.grants) as n (number)
  ) p
),
set_apart as (
  insert into account_holding (instance_account_id, instance_id, of_roles, grants, valid_from, valid_to)
  select instance_account_id, instance_id, of_roles, ended, valid_from, cast(:read_at as timestamptz)
  from parted where kept <> '{}'
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
