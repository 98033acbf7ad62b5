-- The statements of unseen.py. Each is sent at most once per instance, whatever the number of accounts.

-- name: read_unseen
select scope, status, reason, last_seen_at from instance_scopes where instance_id = :instance_id and valid_to is null;

-- name: read_active
select username, id from instance_accounts where instance_id = :instance_id and is_active;

-- name: read_last_seen (of active accounts; without attributes where only an inventory was read so far)
select a.username, coalesce(t.kind, a.kind), coalesce(t.attributes, '{}')
from instance_accounts a
left join account_attributes t on t.instance_account_id = a.id and t.valid_to is null
where a.instance_id = :instance_id and a.is_active and a.username = any (cast(:names as text[]));

-- name: read_held_scopes
select distinct g.scope, g.database_name
from (
  select distinct held.number
  from account_holding h
  cross join lateral unnest(h.grants) as held (number)
  join instance_accounts a on a.id = h.instance_account_id and a.is_active
  where h.instance_id = :instance_id and h.valid_to is null
) held
join instance_grant g on g.number = held.number and g.instance_id = :instance_id;

-- name: read_grants_in
select a.username, g.privilege, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name, g.grant_option,
       g.effect
from instance_accounts a
join account_grant g on g.instance_account_id = a.id and g.valid_to is null
join unnest(cast(:scopes as text[]), cast(:databases as text[])) as place (scope, database_name)
  on place.scope = g.scope and place.database_name = g.database_name
where a.instance_id = :instance_id and a.is_active;

-- name: end_scopes
update instance_scopes set valid_to = :read_at
where instance_id = :instance_id and valid_to is null and scope = any (cast(:scopes as text[]));

-- name: insert_scopes
insert into instance_scopes (instance_id, scope, status, reason, last_seen_at, valid_from)
select :instance_id, item.scope, item.status, item.reason, item.last_seen_at, :read_at
from unnest(cast(:scopes as text[]), cast(:statuses as text[]), cast(:reasons as text[]),
            cast(:moments as timestamptz[])) as item (scope, status, reason, last_seen_at);

-- name: read_gaps (of active instances; what is excluded is no gap)
select i.name, i.db_type, s.scope, s.status || ': ' || s.reason
from instances i join instance_scopes s on s.instance_id = i.id and s.valid_to is null and s.status <> 'excluded'
where i.is_active
union all
select i.name, i.db_type, 'everything', coalesce(r.error_message, 'never synced')
from instances i
left join lateral (
  select status, error_message from sync_instance_records
  where instance_id = i.id and status in ('completed', 'failed')
  order by started_at desc nulls last limit 1
) r on true
where i.is_active and (r.status = 'failed' or i.permissions_read_at is null)
order by 1, 3;
