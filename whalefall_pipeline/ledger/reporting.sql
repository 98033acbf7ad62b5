-- The statements of reporting.py: what a report says of the fleet, as the ledger has it.

-- name: newest (the moment of the newest reading: a report of the same ledger is the same)
select max(greatest(inventory_read_at, permissions_read_at)) from instances
where is_active and (cast(:names as text[]) is null or name = any (cast(:names as text[])));

-- name: sights
select i.name as instance, i.db_type, coalesce(i.server_version, '') as version, i.inventory_read_at,
       i.permissions_read_at, coalesce(s.gaps, '[]') as gaps
from instances i
left join lateral (
  select jsonb_agg(jsonb_build_object('scope', c.scope, 'status', c.status, 'reason', c.reason,
                                      'last_seen_at', c.last_seen_at) order by c.scope collate "C") as gaps
  from instance_scopes c where c.instance_id = i.id and c.valid_to is null
) s on true
where i.is_active and (cast(:names as text[]) is null or i.name = any (cast(:names as text[])))
order by i.name collate "C";

-- name: privileged
select i.name as instance, a.username, a.kind, p.permission_facts -> 'capabilities' as capabilities,
       p.permission_facts -> 'capability_reasons' as reasons
from account_permission p
join instance_accounts a on a.id = p.instance_account_id and a.is_active and a.kind <> 'predefined'
join instances i on i.id = a.instance_id and i.is_active
where p.permission_facts -> 'capabilities' ?| cast(:privileged as text[])
  and (cast(:names as text[]) is null or i.name = any (cast(:names as text[])))
order by i.name collate "C", a.username collate "C";

-- name: findings
select f.instance_name as instance, f.severity, f.rule_id, f.username, f.object, f.message, f.status, f.opened_at,
       f.waived_until, f.waiver_reason
from current_findings f
join instances i on i.id = f.instance_id and i.is_active
where cast(:names as text[]) is null or i.name = any (cast(:names as text[]))
order by array_position(array['critical', 'high', 'medium', 'low'], f.severity), i.name collate "C",
         f.rule_id collate "C", f.username collate "C", f.object collate "C", f.id;

-- name: changes
select c.instance_name as instance, c.username, c.change_type, c.change_time, c.message, c.session_id
from change_log c
join instances i on i.id = c.instance_id and i.is_active
where c.change_time > :since and c.change_time <= :until
  and (cast(:names as text[]) is null or i.name = any (cast(:names as text[])))
order by c.change_time desc, c.id desc;

-- name: change_times (of what may make an account privileged, or not any more)
select distinct change_time from account_change_log where instance_id = :instance_id and change_time > :since
union
select change_time from instance_change_log where instance_id = :instance_id and change_time > :since
order by 1;

-- name: attributes_at
select attributes from instance_attributes
where instance_id = :instance_id and valid_from <= :at and (valid_to is null or valid_to > :at);
