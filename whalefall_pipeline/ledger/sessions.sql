-- The statements of sessions.py. A terminal state never changes: every update asks for an open one.

-- name: insert_session
insert into sync_sessions
    (session_id, batch_id, sync_type, status, started_at, total_instances, created_by, message, heartbeat_at)
values (:session_id, :batch_id, :sync_type, 'running', coalesce(cast(:started_at as timestamptz), clock_timestamp()),
        :total, :created_by, :message, clock_timestamp())
on conflict (session_id) do nothing;

-- name: insert_records
insert into sync_instance_records (sync_session_id, instance_id, instance_name, status)
select :session_id, item.id, item.name, 'pending'
from unnest(cast(:ids as bigint[]), cast(:names as text[])) as item (id, name)
on conflict (sync_session_id, instance_id) do nothing;

-- name: start_record
update sync_instance_records set status = 'running', started_at = clock_timestamp()
where sync_session_id = :session_id and instance_id = :instance_id and status = 'pending'
returning started_at;

-- name: note_progress
update sync_instance_records
set items_synced = :synced, items_created = :created, items_updated = :updated, items_deleted = :deleted,
    notice = :notice, sync_details = cast(:details as jsonb)
where sync_session_id = :session_id and instance_id = :instance_id and status = 'running';

-- name: other_session
select sync_session_id from sync_instance_records
where instance_id = :instance_id and status = 'running' and sync_session_id <> :session_id
order by started_at desc limit 1;

-- name: complete_record (and count it in its session)
with completed as (
  update sync_instance_records
  set status = 'completed', completed_at = clock_timestamp(), items_synced = :synced, items_created = :created,
      items_updated = :updated, items_deleted = :deleted, notice = :notice, sync_details = cast(:details as jsonb)
  where sync_session_id = :session_id and instance_id = :instance_id and status = 'running'
  returning sync_session_id
), counted as (
  update sync_sessions s set successful_instances = s.successful_instances + 1, heartbeat_at = clock_timestamp()
  from completed where s.session_id = completed.sync_session_id and s.status = 'running'
)
select count(*) from completed;

-- name: fail_record
update sync_instance_records
set status = 'failed', started_at = coalesce(started_at, clock_timestamp()), completed_at = clock_timestamp(),
    items_synced = :synced, items_created = :created, items_updated = :updated, items_deleted = :deleted,
    error_code = :code, error_message = :message, notice = :notice, sync_details = cast(:details as jsonb)
where sync_session_id = :session_id and instance_id = :instance_id and status in ('pending', 'running');

-- name: count_failure
update sync_sessions set failed_instances = failed_instances + 1, heartbeat_at = clock_timestamp()
where session_id = :session_id and status = 'running';

-- name: beat
update sync_sessions set heartbeat_at = clock_timestamp() where session_id = :session_id and status = 'running';

-- name: close_records
update sync_instance_records
set status = :record_status, started_at = coalesce(started_at, cast(:ended_at as timestamptz), clock_timestamp()),
    completed_at = coalesce(cast(:ended_at as timestamptz), clock_timestamp()),
    error_code = :code, error_message = :message
where sync_session_id = :session_id and status in ('pending', 'running');

-- name: close_session
update sync_sessions s
set status = case when :status = 'completed' and (counted.failed > 0 or s.message is not null) then 'failed' else :status end,
    message = coalesce(case when :status <> 'completed' then :message end, s.message),
    completed_at = coalesce(cast(:ended_at as timestamptz), clock_timestamp()),
    successful_instances = counted.completed, failed_instances = counted.failed
from (select count(*) filter (where status = 'completed') as completed,
             count(*) filter (where status = 'failed') as failed
      from sync_instance_records where sync_session_id = :session_id) as counted
where s.session_id = :session_id and s.status = 'running'
returning s.status;

-- name: read_open
select session_id, heartbeat_at < clock_timestamp() - make_interval(secs => :silent_seconds) as silent
from sync_sessions where status = 'running' order by started_at;

-- name: read_known_sessions
select session_id from sync_sessions where session_id = any (cast(:ids as text[]));

-- name: read_incomplete
select instance_name from sync_instance_records
where sync_session_id = any (cast(:ids as text[])) and status <> 'completed' order by id;

-- name: read_batch
select session_id from sync_sessions where session_id = :id or batch_id = :id order by started_at;

-- name: read_completed
select distinct on (instance_name) instance_name, sync_session_id, status
from sync_instance_records
where sync_session_id = any (cast(:ids as text[]))
order by instance_name, array_position(cast(:ids as text[]), sync_session_id);

-- name: delete_old_records
delete from sync_instance_records r using sync_sessions s
where s.session_id = r.sync_session_id and s.status <> 'running'
  and s.completed_at < now() - make_interval(days => :days);

-- name: delete_old_sessions
delete from sync_sessions
where status <> 'running' and completed_at < now() - make_interval(days => :days);
