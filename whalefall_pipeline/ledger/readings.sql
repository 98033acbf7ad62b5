-- The statements of readings.py. Each is sent a constant number of times per instance, whatever the number of accounts.

-- name: read_same_source (what is kept of the newest reading, where accounts and permissions are both of it)
select r.source, r.source_until, r.accounts, r.grants, r.without_account, i.observed_scopes, i.danger_summary,
       i.server_version, i.server_identity, i.read_from, e.rules as finding_rules, e.due_at as findings_due_at
from instance_readings r
join instances i on i.id = r.instance_id
join finding_evaluation e on e.instance_id = r.instance_id
where r.instance_id = :instance_id and r.source is not null and r.not_in_inventory = 0
  and i.inventory_read_at = i.permissions_read_at;

-- name: is_as_written (whether the accounts in the ledger are as the newest reading left them)
select r.written = (select w.digest from written_digests w where w.instance_id = r.instance_id)
from instance_readings r where r.instance_id = :instance_id;

-- name: write_source
update instance_readings
set source = :source, source_until = :until, without_account = :without_account
where instance_id = :instance_id
  and (source, source_until, without_account) is distinct from
      (cast(:source as bytea), cast(:until as timestamptz), cast(:without_account as integer));

-- name: mark_read
update instances set inventory_read_at = :read_at, permissions_read_at = :read_at where id = :instance_id;

-- name: forget
delete from instance_readings where instance_id = :instance_id;
