-- The questions that the command line asks. Every filter is optional: null asks for all.

-- name: sessions (an id may be the begin of one, as the UI shows it)
select s.session_id, s.batch_id, s.sync_type, s.status, s.started_at, s.ended_at, s.total_instances,
       s.successful_instances, s.failed_instances, s.created_by, s.message
from sync_sessions s
where (cast(:id as text) is null or starts_with(s.session_id, :id) or starts_with(s.batch_id, :id))
  and (cast(:status as text) is null or s.status = :status)
  and (cast(:since as timestamptz) is null or s.started_at >= :since)
  and (cast(:until as timestamptz) is null or s.started_at < :until)
  and (cast(:instance as text) is null or exists (
    select from sync_instance_records r where r.sync_session_id = s.session_id and r.instance_name = :instance))
  and (cast(:chosen as text[]) is null or exists (
    select from sync_instance_records r
    where r.sync_session_id = s.session_id and r.instance_name = any (cast(:chosen as text[]))))
order by s.started_at desc
limit :at_most;

-- name: session_records
select r.sync_session_id as session_id, r.instance_name as instance, r.status, r.started_at, r.ended_at,
       r.items_synced as accounts, r.items_created as created, r.items_updated as updated, r.items_deleted as deleted,
       r.error_code, r.error_message, r.sync_details
from sync_instance_records r
where r.sync_session_id = any (cast(:ids as text[]))
order by r.id;

-- name: progress
select s.session_id, s.status, s.total_instances as total, s.successful_instances as completed,
       s.failed_instances as failed
from sync_sessions s where s.session_id = any (cast(:ids as text[]));

-- name: failures
select sync_session_id as session_id, instance_name as instance, error_code, error_message
from sync_instance_records
where sync_session_id = any (cast(:ids as text[])) and status = 'failed'
order by completed_at;

-- name: instances
select i.id, i.name, i.db_type, i.host, i.port, i.database_name as database, c.username as user, i.is_active as active, i.labels,
       i.deleted_at as removed_at, r.started_at as last_sync, r.status, r.error_code,
       (select coalesce(jsonb_object_agg(x.scope, x.reason), '{}')
        from instance_exclusion x where x.instance_id = i.id and x.ended_at is null) as excluded
from instances i
left join credentials c on c.id = i.credential_id
left join lateral (
  select started_at, status, error_code from sync_instance_records
  where instance_id = i.id order by started_at desc nulls last limit 1
) r on true
where case when cast(:names as text[]) is null then i.is_active or :removed else i.name = any (cast(:names as text[])) end
  and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
order by i.name
limit :at_most;

-- name: exclusions (of active instances; those that were taken back, and of removed instances, with :every)
select i.name as instance, x.scope, x.reason, x.excluded_at, x.excluded_by, x.ended_at, x.ended_by
from instance_exclusion x join instances i on i.id = x.instance_id
where (:every or x.ended_at is null and i.is_active)
  and (cast(:instance as text) is null or i.name = :instance)
  and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
order by i.name, x.ended_at is not null, x.scope, x.id desc
limit :at_most;

-- name: logins (of active instances; the secret in its stored form: encrypted, or a reference)
select i.name, c.username, c.secret
from instances i join credentials c on c.id = i.credential_id
where i.is_active and i.name = any (cast(:names as text[]));

-- name: gaps (what the newest readings of active instances did not observe; no scope: an instance without a reading)
select i.name as instance, i.db_type, s.scope, s.status, s.reason, s.last_seen_at
from instances i
join instance_scopes s on s.instance_id = i.id and s.valid_to is null
where i.is_active and (cast(:instance as text) is null or i.name = :instance)
  and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
union all
select i.name, i.db_type, null, 'never synced', '', null
from instances i
where i.is_active and i.inventory_read_at is null and (cast(:instance as text) is null or i.name = :instance)
  and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
order by 1, 3;

-- name: accounts (of instances that are synced; of a removed one only by its name, or with all removed ones)
select i.name as instance, a.username, a.kind, a.is_active as active,
       coalesce(p.permission_facts -> 'capabilities', '[]') as capabilities,
       coalesce(p.permission_facts -> 'roles', '[]') as roles,
       p.last_change_type, p.last_change_time, i.deleted_at as instance_removed_at, x.reason as excluded
from instance_accounts a
join instances i on i.id = a.instance_id
left join account_permission p on p.instance_account_id = a.id
left join instance_exclusion x on x.instance_id = i.id and x.ended_at is null and x.scope = 'account:' || a.username
where (cast(:instance as text) is null or i.name = :instance)
  and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
  and (cast(:account as text) is null or a.username = :account)
  and (:removed or i.is_active or i.name = :instance)
  and (not :superuser or p.permission_facts -> 'capabilities' ? 'SUPERUSER')
  and (not :locked or p.permission_facts -> 'capabilities' ? 'LOCKED')
  and (case when :inactive then not a.is_active else a.is_active end)
  and (:predefined or a.kind <> 'predefined')
order by i.name, a.username
limit :at_most;

-- name: account
select a.id, a.username, a.kind, a.is_active, a.deleted_at, a.created_at, a.db_type, a.instance_id,
       p.permission_snapshot, p.permission_facts, p.last_sync_time, p.last_change_type, p.last_change_time,
       i.deleted_at as instance_removed_at, x.reason as excluded
from instance_accounts a
join instances i on i.id = a.instance_id
left join account_permission p on p.instance_account_id = a.id
left join instance_exclusion x on x.instance_id = i.id and x.ended_at is null and x.scope = 'account:' || a.username
where i.name = :instance and a.username = :username;

-- name: knows_account
select exists (
  select from instance_accounts a join instances i on i.id = a.instance_id
  where a.username = :username and (cast(:instance as text) is null or i.name = :instance)
) as known;

-- name: unknown_scopes (databases and accounts that no reading of an instance has shown, if there was one)
select w.scope
from instances i cross join unnest(cast(:scopes as text[])) w (scope)
where i.name = :instance and i.permissions_read_at is not null
  and not exists (
    select from unnest(i.observed_scopes) o (scope) where o.scope = w.scope or starts_with(o.scope, w.scope || '/')
  )
  and not exists (
    select from instance_scopes s
    where s.instance_id = i.id and (s.scope = w.scope or starts_with(s.scope, w.scope || '/'))
      and (s.status <> 'excluded' or s.last_seen_at is not null and starts_with(s.scope, 'database:'))
  )
  and not exists (
    select from instance_accounts a where a.instance_id = i.id and 'account:' || a.username = w.scope
  )
  and not exists (
    select from instance_grant g where g.instance_id = i.id and 'database:' || g.database_name = w.scope
  )
order by w.scope;

-- name: usernames (for completion)
select a.username from instance_accounts a join instances i on i.id = a.instance_id
where a.is_active and i.is_active and i.name = :instance and starts_with(a.username, :prefix)
order by a.username
limit :at_most;

-- name: changes (which, and then what of them: what came or went is put together of intervals for these alone)
select c.id, c.change_time, c.instance_name as instance, c.username, c.change_type, c.message, c.session_id,
       c.privilege_diff, c.other_diff
from change_log c
where c.id = any (array(
  select n.id
  from change_log n
  where (cast(:instance as text) is null or n.instance_name = :instance)
    and (cast(:chosen as text[]) is null or n.instance_name = any (cast(:chosen as text[])))
    and (cast(:username as text) is null or n.username = :username)
    and (cast(:change_type as text) is null or n.change_type = :change_type)
    and (cast(:since as timestamptz) is null or n.created_at >= :since)
    and (cast(:until as timestamptz) is null or n.created_at < :until)
    and (cast(:session_id as text) is null or starts_with(n.session_id, :session_id))
  order by n.created_at desc, n.id desc
  limit :at_most
))
order by c.created_at desc, c.id desc;

-- name: who_has_on_object (an object by its name path from the right, as far as it is given; a schema; a database)
with matching as materialized (
  select g.*, count(*) over (partition by g.instance_id) <= 20 as is_one_of_few
  from instance_grant g
  join instances i on i.id = g.instance_id
  where (cast(:privilege as text) is null or upper(g.privilege) = :privilege)
    and (cast(:kind as text) is null or g.scope = :kind or g.scope like '%\_' || :kind  -- a role, a database_role
         or (g.scope = 'column' and :kind in ('table', 'view')))
    and (cast(:instance as text) is null or i.name = :instance)
    and (cast(:chosen as text[]) is null or i.name = any (cast(:chosen as text[])))
    and (
      (g.object_name = :name
        and (cast(:before as text) is null or g.schema_name = :before
             or (g.schema_name = '' and g.database_name = :before and cast(:first as text) is null))  -- as on MySQL
        and (cast(:first as text) is null or g.database_name = :first))
      or (g.object_name = '' and g.scope = 'schema' and g.schema_name = :name
        and (cast(:before as text) is null or g.database_name = :before) and cast(:first as text) is null)
      or (g.object_name = '' and g.scope = 'database' and g.database_name = :name and cast(:before as text) is null)
    )
),
held as (  -- few are looked for in each account's row; many by taking the rows apart
  select m.*, h.instance_account_id, h.valid_from, h.valid_to
  from matching m
  cross join lateral (
    select * from account_holding
    where instance_id = m.instance_id and of_roles = (m.scope in ('role', 'database_role')) and m.number = any (grants)
    offset 0
  ) h
  where m.is_one_of_few
  union all
  select m.*, each.instance_account_id, each.valid_from, each.valid_to
  from (
    select h.instance_id, number, h.instance_account_id, h.valid_from, h.valid_to
    from account_holding h
    cross join lateral unnest(h.grants) as number
    where h.instance_id = any (array(select distinct instance_id from matching where not is_one_of_few))
    offset 0  -- once, and not for each
  ) each
  join matching m on m.instance_id = each.instance_id and m.number = each.number and not m.is_one_of_few
)
select i.name as instance, a.username, a.kind, h.privilege, h.grant_option, h.effect, h.scope, h.database_name,
       h.schema_name, h.object_name, h.column_name, h.valid_from as since, i.deleted_at as instance_removed_at
from held h
join instance_accounts a on a.id = h.instance_account_id
join instances i on i.id = h.instance_id
where (case when cast(:at as timestamptz) is null then h.valid_to is null
            else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end)
  and (cast(:account as text) is null or a.username = :account)
order by instance, username, scope, privilege, database_name, schema_name, object_name, column_name;

-- name: who_has
select h.instance_name as instance, h.username, h.kind, h.privilege, h.grant_option, h.effect, h.scope, h.database_name,
       h.schema_name, h.object_name, h.column_name, h.valid_from as since, i.deleted_at as instance_removed_at
from grant_history h
join instances i on i.id = h.instance_id
where (case when cast(:at as timestamptz) is null then h.valid_to is null
            else h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at) end)
  and upper(h.privilege) = :privilege
  and (cast(:instance as text) is null or h.instance_name = :instance)
  and (cast(:chosen as text[]) is null or h.instance_name = any (cast(:chosen as text[])))
  and (cast(:account as text) is null or h.username = :account)
order by instance, username, scope, database_name, schema_name, object_name, column_name;

-- name: knows_privilege
select exists (select from instance_grant where upper(privilege) = :privilege) as known;

-- name: knows_object (whether anybody holds or held anything on it)
select exists (
  select from instance_grant g
  join instances i on i.id = g.instance_id
  where (cast(:instance as text) is null or i.name = :instance)
    and (
      (g.object_name = :name
        and (cast(:before as text) is null or g.schema_name = :before
             or (g.schema_name = '' and g.database_name = :before and cast(:first as text) is null))
        and (cast(:first as text) is null or g.database_name = :first))
      or (g.schema_name = :name
        and (cast(:before as text) is null or g.database_name = :before) and cast(:first as text) is null)
      or (g.database_name = :name and cast(:before as text) is null)
    )
) as known;

-- name: findings (of active instances; the worst first)
select f.severity, f.rule_id as rule, f.instance_name as instance, f.username as account, f.object, f.status, f.opened_at,
       f.closed_at, f.message, f.title, f.outcome, f.detail, f.waiver_id, f.waiver_reason, f.waiver_ticket, f.waived_until,
       f.opened_in, f.closed_in
from finding_history f
join instances i on i.id = f.instance_id
where (i.is_active or f.instance_name = :instance)
  and (cast(:instance as text) is null or f.instance_name = :instance)
  and (cast(:chosen as text[]) is null or f.instance_name = any (cast(:chosen as text[])))
  and (cast(:account as text) is null or f.username = :account)
  and (cast(:rule as text) is null or f.rule_id = :rule)
  and (cast(:severities as text[]) is null or f.severity = any (cast(:severities as text[])))
  and (cast(:status as text) is null or f.status = :status)
  and (case when cast(:status as text) = 'closed' then f.closed_at is not null else f.closed_at is null end)
  and (cast(:since as timestamptz) is null or f.opened_at >= :since)
order by array_position(array['critical', 'high', 'medium', 'low'], f.severity), f.rule_id, f.instance_name, f.username,
         f.object, f.opened_at desc
limit :at_most;

-- name: waivers
select w.id, w.rule_id as rule, i.name as instance, w.username as account, w.object, w.reason, w.ticket, w.created_at,
       w.created_by, w.expires_at, w.withdrawn_at, w.withdrawn_by,
       case when w.withdrawn_at is not null then 'withdrawn' when w.expires_at <= now() then 'expired' else 'valid' end
         as status
from waiver w
left join instances i on i.id = w.instance_id
where (:all or (w.withdrawn_at is null and w.expires_at > now()))
  and (cast(:chosen as text[]) is null or w.instance_id is null or i.name = any (cast(:chosen as text[])))
order by w.expires_at, w.id
limit :at_most;

-- name: alerts (of the outbox, the newest first)
select a.created_at, a.kind, a.payload ->> 'instance' as instance, cast(a.payload ->> 'count' as integer) as count,
       case when a.sent_at is not null then 'sent' when a.given_up_at is not null then 'given up'
            when a.attempts > 0 then 'failing' else 'waiting' end as status,
       a.attempts, a.sent_at, a.last_error, a.message_key, a.session_id, a.payload -> 'items' as items, a.key,
       (select coalesce(jsonb_agg(jsonb_build_object('target', d.label, 'attempts', d.attempts, 'taken_at', d.taken_at,
                'due_at', case when d.taken_at is null and d.given_up_at is null then d.due_at end,
                'given_up_at', d.given_up_at, 'last_error', d.last_error) order by d.label, d.target), '[]')
        from alert_delivery d where d.message_key = a.message_key) as targets
from alert a
where (not :unsent or a.sent_at is null)
  and (cast(:instance as text) is null or a.payload ->> 'instance' = :instance)
  and (cast(:chosen as text[]) is null or a.payload ->> 'instance' = any (cast(:chosen as text[])))
order by a.id desc
limit :at_most;

-- name: metrics (of active instances: the last sync, what it found, what it did not see)
select i.name as instance, i.db_type, i.permissions_read_at as last_success, r.started_at as last_sync,
       case when r.status in ('failed', 'cancelled') then 1 else 0 end as failed,
       round(extract(epoch from r.ended_at - r.started_at), 3) as duration,
       (select count(*) from instance_accounts a where a.instance_id = i.id and a.is_active) as accounts,
       (select count(*) from instance_scopes s
        where s.instance_id = i.id and s.valid_to is null and s.status <> 'excluded') as unseen,
       (select count(*) from instance_exclusion x where x.instance_id = i.id and x.ended_at is null) as excluded,
       (select count(*) from current_findings f where f.instance_id = i.id and f.status = 'open') as findings
from instances i
left join lateral (
  select started_at, ended_at, status from sync_instance_records
  where instance_id = i.id and ended_at is not null order by started_at desc nulls last limit 1
) r on true
where i.is_active
order by i.name;

-- name: health (of active instances: when they were read, and how their secrets are stored)
select i.name, i.permissions_read_at, c.secret
from instances i left join credentials c on c.id = i.credential_id
where i.is_active
order by i.name;

-- name: now
select clock_timestamp() as now;
