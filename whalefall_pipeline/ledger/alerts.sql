-- The statements of alerts.py. Nothing of it is sent where no alerts are wanted.

-- name: write_alerts
insert into alert (key, kind, instance_id, session_id, payload)
select a.key, a.kind, :instance_id, :session_id, cast(a.payload as jsonb)
from unnest(cast(:keys as text[]), cast(:kinds as text[]), cast(:payloads as text[])) as a (key, kind, payload)
on conflict (key) do nothing;

-- name: write_failures (of a session's failed records; an instance that failed the same way before is not told again)
insert into alert (key, kind, instance_id, session_id, payload)
select 'failure/' || r.sync_session_id || '/' || r.instance_id, cast(:kind as text), r.instance_id, r.sync_session_id,
       jsonb_build_object('instance', r.instance_name, 'count', 1, 'items', jsonb_build_array(jsonb_build_object(
         'name', coalesce(r.error_code, 'failed'), 'note', coalesce(r.error_message, ''))))
from sync_instance_records r
left join lateral (
  select p.status, p.error_code, p.error_message from sync_instance_records p
  where p.instance_id = r.instance_id and p.id < r.id and p.status in ('completed', 'failed')
  order by p.id desc limit 1
) before on true
where r.sync_session_id = :session_id and r.status = 'failed'
  and (cast(:instance_id as bigint) is null or r.instance_id = :instance_id)
  and (before.status is distinct from 'failed' or before.error_code is distinct from r.error_code
       or (cast(:kind as text) = 'collapse_refused' and before.error_message is distinct from r.error_message))
on conflict (key) do nothing;

-- name: read_superusers
select instance_account_id from account_snapshots
where instance_account_id = any (cast(:ids as bigint[])) and digest <> '' and permission_facts -> 'capabilities' ? 'SUPERUSER';

-- name: read_waived (of the findings that a session opened on an instance)
select rule_id, username, object, outcome from current_findings
where instance_id = :instance_id and opened_in = :session_id and status = 'waived';

-- name: claim (puts alerts that are in no message yet into one per session, once that ended or has taken long)
with ready as (
  select a.session_id,
         (select count(distinct b.message_key) from alert b where b.session_id = a.session_id) + 1 as number
  from alert a
  left join sync_sessions s on s.session_id = a.session_id
  where a.message_key is null
  group by a.session_id, s.status
  having s.status is distinct from 'running'
      or min(a.created_at) < clock_timestamp() - make_interval(secs => :patience_seconds)
)
update alert a set message_key = r.session_id || '/' || r.number
from ready r
where a.session_id = r.session_id and a.message_key is null;

-- name: read_due (the oldest message that is due; with :every, whenever it was tried last)
select message_key, session_id, min(id) as first_id, max(attempts) as attempts, max(sent_to) as sent_to
from alert
where sent_at is null and message_key is not null
group by message_key, session_id
having (:every or max(due_at) <= clock_timestamp()) and min(id) > :after
order by min(id)
limit 1;

-- name: read_alerts
select kind, payload from alert where message_key = :message_key order by id;

-- name: mark_sent_to
update alert set sent_to = array_append(sent_to, cast(:target as text)) where message_key = :message_key;

-- name: mark_sent
update alert set sent_at = clock_timestamp(), attempts = attempts + 1, last_error = null
where message_key = :message_key and sent_at is null;

-- name: mark_failed
update alert
set attempts = attempts + 1, last_error = :error,
    due_at = clock_timestamp() + make_interval(secs => least(:longest, :first * power(2, least(attempts, 30))))
where message_key = :message_key and sent_at is null;

-- name: delete_old
delete from alert where created_at < now() - make_interval(days => :days);

-- name: lock_sending
select pg_try_advisory_lock(:space, 1);

-- name: unlock_sending
select pg_advisory_unlock(:space, 1);
