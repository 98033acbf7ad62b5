-- The statements of permissions.py. Each is sent at most once per instance, whatever the number of accounts.

-- name: read_same (the counts of the newest reading, if it gave the same and its accounts are as they then were)
select r.accounts, r.grants, r.not_in_inventory
from instance_readings r
where r.instance_id = :instance_id and r.digest = :digest
  and r.written = (select w.digest from written_digests w where w.instance_id = :instance_id);

-- name: write_reading
insert into instance_readings (instance_id, digest, written, accounts, grants, not_in_inventory)
select instance_id, :digest, digest, :accounts, :grants, :not_in_inventory
from written_digests where instance_id = :instance_id
on conflict (instance_id) do update
set digest = excluded.digest, written = excluded.written, accounts = excluded.accounts, grants = excluded.grants,
    not_in_inventory = excluded.not_in_inventory;

-- name: read_stored
select a.username, a.id, s.digest
from instance_accounts a
left join account_snapshots s on s.instance_account_id = a.id
where a.instance_id = :instance_id and a.is_active;

-- name: delete_snapshots
delete from account_snapshots where instance_account_id = any (cast(:ids as bigint[]))
returning instance_account_id, last_change_type, last_change_time;

-- name: read_newest (what the newest reading of permissions observed, and what the instance was last seen set to)
select i.observed_scopes, a.attributes, i.danger_summary
from instances i
left join instance_attributes a on a.instance_id = i.id and a.valid_to is null
where i.id = :instance_id;

-- name: mark_read
update instances
set permissions_read_at = :read_at, server_version = :version, observed_scopes = cast(:observed as text[]),
    danger_summary = cast(:dangers as jsonb)
where id = :instance_id;
