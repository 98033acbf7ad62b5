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
select instance_account_id, permission_facts -> 'capability_reasons' -> 'SUPERUSER'
from account_snapshots
where instance_account_id = any (cast(:ids as bigint[])) and digest <> '' and permission_facts -> 'capabilities' ? 'SUPERUSER'
  and not jsonb_path_exists(permission_snapshot, '$.type_specific.*.account_kind ? (@ == "predefined")');

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

-- name: read_due (the oldest message after :after that one target is to be tried with; :every: whenever it was tried)
select a.message_key, a.session_id, min(a.id) as first_id
from alert a
left join alert_delivery d on d.message_key = a.message_key and d.target = :target
where a.sent_at is null and a.message_key is not null and d.taken_at is null
  and (:every or a.given_up_at is null)
  and (:every or d.message_key is null or (d.given_up_at is null and d.due_at <= clock_timestamp()))
group by a.message_key, a.session_id
having min(a.id) > :after
order by min(a.id)
limit 1;

-- name: read_alerts
select kind, payload from alert where message_key = :message_key order by id;

-- name: read_failing (of these targets, those whose newest try of anything failed)
select d.target from (
  select distinct on (target) target, taken_at from alert_delivery
  where target = any (cast(:targets as text[]))
  order by target, tried_at desc
) d
where d.taken_at is null;

-- name: mark_taken
insert into alert_delivery (message_key, target, label, attempts, first_tried_at, tried_at, due_at, taken_at)
values (:message_key, :target, :label, 1, clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp())
on conflict (message_key, target) do update
set label = excluded.label, attempts = alert_delivery.attempts + 1, tried_at = excluded.tried_at, last_error = null,
    given_up_at = null,
    taken_at = excluded.taken_at;

-- name: mark_failed (a pause doubles from try to try; after enough of them, over long enough, the target is given up)
insert into alert_delivery (message_key, target, label, attempts, first_tried_at, tried_at, due_at, last_error)
values (:message_key, :target, :label, 1, clock_timestamp(), clock_timestamp(),
        clock_timestamp() + make_interval(secs => :first), :error)
on conflict (message_key, target) do update
set label = excluded.label, attempts = alert_delivery.attempts + 1, tried_at = excluded.tried_at,
    last_error = excluded.last_error,
    due_at = clock_timestamp()
      + make_interval(secs => least(:longest, :first * power(2, least(alert_delivery.attempts, 30)))),
    given_up_at = case when alert_delivery.attempts + 1 >= :tries
                        and alert_delivery.first_tried_at <= clock_timestamp() - make_interval(days => :days)
                       then clock_timestamp() end;

-- name: settle (what targets made of messages that still wait, or of one, and whether any target is left to try)
with waiting as (
  select distinct a.message_key from alert a
  where a.sent_at is null and a.message_key is not null
    and (cast(:message_key as text) is null or a.message_key = :message_key)
), told as (
  select w.message_key,
         coalesce(max(d.attempts), 0) as attempts,
         string_agg(d.label || ': ' || d.last_error
                    || case when d.given_up_at is null then '' else ' (given up after ' || d.attempts || ' tries)' end,
                    '; ' order by t.place) filter (where d.taken_at is null) as errors,
         bool_and(d.taken_at is not null) as is_taken,
         bool_and(d.taken_at is not null or d.given_up_at is not null) as is_over
  from waiting w
  cross join unnest(cast(:targets as text[])) with ordinality as t (target, place)
  left join alert_delivery d on d.message_key = w.message_key and d.target = t.target
  group by w.message_key
)
update alert a
set attempts = t.attempts, last_error = t.errors,
    sent_at = case when t.is_taken then clock_timestamp() end,
    given_up_at = case when t.is_over and not t.is_taken then coalesce(a.given_up_at, clock_timestamp()) end
from told t
where a.message_key = t.message_key and a.sent_at is null
  and (t.is_taken or (a.attempts, a.last_error, a.given_up_at is not null)
                     is distinct from (t.attempts, t.errors, t.is_over and not t.is_taken));

-- name: delete_old
delete from alert where created_at < now() - make_interval(days => :days);

-- name: delete_deliveries (of messages that are gone)
delete from alert_delivery d where not exists (select from alert a where a.message_key = d.message_key);

-- name: lock_sending
select pg_try_advisory_lock(:space, 1);

-- name: unlock_sending
select pg_advisory_unlock(:space, 1);
