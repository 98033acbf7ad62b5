-- The statements of inventory.py. Each is sent once per instance, whatever the number of accounts.

-- name: read_known
select id, username, kind, is_active, native_id from instance_accounts
where instance_id = :instance_id order by username;

-- name: reactivate
update instance_accounts set is_active = true, deleted_at = null, updated_at = :read_at
where id = any (cast(:ids as bigint[]));

-- name: change_kind
update instance_accounts a set kind = item.kind, updated_at = :read_at
from unnest(cast(:ids as bigint[]), cast(:kinds as text[])) as item (id, kind)
where a.id = item.id;

-- name: change_native_id (one that is seen for the first time changes nothing of the account)
update instance_accounts a
set native_id = item.native_id, updated_at = case when a.native_id is null then a.updated_at else :read_at end
from unnest(cast(:ids as bigint[]), cast(:native_ids as text[])) as item (id, native_id)
where a.id = item.id;

-- name: deactivate
update instance_accounts set is_active = false, deleted_at = :read_at, updated_at = :read_at
where id = any (cast(:ids as bigint[]));

-- name: mark_read
update instances
set inventory_read_at = :read_at, server_version = :version, read_from = :place,
    server_identity = coalesce(nullif(:identity, ''), server_identity)
where id = :instance_id;
