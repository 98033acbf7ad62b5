-- The questions that the command line asks. Every filter is optional: null asks for all.

-- name: sessions
select session_id, batch_id, sync_type, status, started_at, ended_at, total_instances, successful_instances,
       failed_instances, created_by, message
from sync_sessions
where cast(:id as text) is null or session_id = :id or batch_id = :id
order by started_at desc
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

-- name: accounts
select i.name as instance, a.username, a.kind, a.is_active as active,
       coalesce(p.permission_facts -> 'capabilities', '[]') as capabilities,
       coalesce(p.permission_facts -> 'roles', '[]') as roles,
       p.last_change_type, p.last_change_time
from instance_accounts a
join instances i on i.id = a.instance_id
left join account_permission p on p.instance_account_id = a.id
where (cast(:instance as text) is null or i.name = :instance)
  and (not :superuser or p.permission_facts -> 'capabilities' ? 'SUPERUSER')
  and (not :locked or p.permission_facts -> 'capabilities' ? 'LOCKED')
  and (case when :inactive then not a.is_active else a.is_active end)
  and (:predefined or a.kind <> 'predefined')
order by i.name, a.username;

-- name: account
select a.id, a.username, a.kind, a.is_active, a.deleted_at, a.created_at, a.db_type, a.instance_id,
       p.permission_snapshot, p.permission_facts, p.last_sync_time, p.last_change_type, p.last_change_time
from instance_accounts a
join instances i on i.id = a.instance_id
left join account_permission p on p.instance_account_id = a.id
where i.name = :instance and a.username = :username;

-- name: changes
select c.id, c.change_time, c.instance_name as instance, c.username, c.change_type, c.message, c.session_id,
       c.privilege_diff, c.other_diff
from change_log c
where (cast(:instance as text) is null or c.instance_name = :instance)
  and (cast(:username as text) is null or c.username = :username)
  and (cast(:change_type as text) is null or c.change_type = :change_type)
  and (cast(:since as timestamptz) is null or c.created_at >= :since)
  and (cast(:session_id as text) is null or c.session_id = :session_id)
order by c.created_at desc, c.id desc
limit :at_most;

-- name: who_has_on_object (an object by its name path from the right, as far as it is given; a schema; a database)
select instance_name as instance, username, kind, privilege, grant_option, effect, scope, database_name, schema_name,
       object_name, column_name, valid_from as since
from grant_history
where valid_to is null
  and (cast(:privilege as text) is null or upper(privilege) = :privilege)
  and (
    (object_name = :name
      and (cast(:before as text) is null or schema_name = :before
           or (schema_name = '' and database_name = :before and cast(:first as text) is null))  -- as on MySQL
      and (cast(:first as text) is null or database_name = :first))
    or (object_name = '' and scope = 'schema' and schema_name = :name
      and (cast(:before as text) is null or database_name = :before) and cast(:first as text) is null)
    or (object_name = '' and scope = 'database' and database_name = :name and cast(:before as text) is null)
  )
order by instance, username, scope, privilege, database_name, schema_name, object_name, column_name;

-- name: who_has
select instance_name as instance, username, kind, privilege, grant_option, effect, scope, database_name, schema_name,
       object_name, column_name, valid_from as since
from grant_history
where valid_to is null and upper(privilege) = :privilege
order by instance, username, scope, database_name, schema_name, object_name, column_name;

-- name: failures
select sync_session_id as session_id, instance_name as instance, error_code, error_message
from sync_instance_records
where sync_session_id = any (cast(:ids as text[])) and status = 'failed'
order by completed_at;
