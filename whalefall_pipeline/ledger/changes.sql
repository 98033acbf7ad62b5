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

-- name: end_grants
update account_grant g set valid_to = :read_at
from unnest(cast(:ids as bigint[]), cast(:privileges as text[]), cast(:scopes as text[]), cast(:databases as text[]),
            cast(:schemas as text[]), cast(:objects as text[]), cast(:columns as text[]), cast(:options as boolean[]),
            cast(:effects as text[]))
  as l (id, privilege, scope, database_name, schema_name, object_name, column_name, grant_option, effect)
where g.instance_account_id = l.id and g.valid_to is null
  and g.privilege = l.privilege and g.scope = l.scope and g.database_name = l.database_name
  and g.schema_name = l.schema_name and g.object_name = l.object_name and g.column_name = l.column_name
  and g.grant_option = l.grant_option and g.effect = l.effect;

-- name: end_all_grants
update account_grant set valid_to = :read_at
where instance_account_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: end_attributes
update account_attributes set valid_to = :read_at
where instance_account_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: mark_deleted
update account_snapshots set last_change_type = 'delete', last_change_time = :read_at, digest = ''
where instance_account_id = any (cast(:ids as bigint[]));
