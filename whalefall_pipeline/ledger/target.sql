-- The statements of target.py. Those that set back are sent only where the ledger's clock was ahead for a while.

-- name: lock_instance
select inventory_read_at, permissions_read_at, server_identity, read_from, clock_timestamp() as now
from instances where id = :instance_id for no key update;

-- name: set_back_account_changes (before the intervals: several that are set back may then begin at one moment)
update account_changes c
set change_time = :moment, privilege_diff = l.privilege_diff, other_diff = l.other_diff, in_intervals = false
from account_change_log l
where l.id = c.id and c.instance_id = :instance_id and c.change_time > :moment;

-- name: set_back_account_holding
update account_holding
set valid_from = least(valid_from, cast(:moment as timestamptz)),
    valid_to = case when valid_to > :moment then cast(:moment as timestamptz) else valid_to end
where instance_id = :instance_id and (valid_from > :moment or valid_to > :moment);

-- name: set_back_account_attributes
update account_attributes
set valid_from = least(valid_from, cast(:moment as timestamptz)),
    valid_to = case when valid_to > :moment then cast(:moment as timestamptz) else valid_to end
where instance_id = :instance_id and (valid_from > :moment or valid_to > :moment);

-- name: set_back_instance_scopes
update instance_scopes
set valid_from = least(valid_from, cast(:moment as timestamptz)),
    valid_to = case when valid_to > :moment then cast(:moment as timestamptz) else valid_to end
where instance_id = :instance_id and (valid_from > :moment or valid_to > :moment);

-- name: set_back_instance_attributes
update instance_attributes
set valid_from = least(valid_from, cast(:moment as timestamptz)),
    valid_to = case when valid_to > :moment then cast(:moment as timestamptz) else valid_to end
where instance_id = :instance_id and (valid_from > :moment or valid_to > :moment);

-- name: set_back_instance_change_log
update instance_change_log set change_time = :moment where instance_id = :instance_id and change_time > :moment;

-- name: set_back_finding
update finding
set opened_at = least(opened_at, cast(:moment as timestamptz)),
    closed_at = case when closed_at > :moment then cast(:moment as timestamptz) else closed_at end
where instance_id = :instance_id and (closed_at is null and opened_at > :moment
  or closed_at is not null and (opened_at > :moment or closed_at > :moment));  -- each of the two by its index

-- name: set_back_finding_evaluation
update finding_evaluation set evaluated_at = :moment where instance_id = :instance_id and evaluated_at > :moment;

-- name: set_back_last_seen
update instance_scopes set last_seen_at = :moment where instance_id = :instance_id and last_seen_at > :moment;

-- name: set_back_instance_accounts
update instance_accounts
set created_at = least(created_at, cast(:moment as timestamptz)), updated_at = least(updated_at, cast(:moment as timestamptz)),
    deleted_at = case when deleted_at > :moment then cast(:moment as timestamptz) else deleted_at end
where instance_id = :instance_id and (created_at > :moment or updated_at > :moment or deleted_at > :moment);

-- name: set_back_account_snapshots
update account_snapshots set last_change_time = :moment where instance_id = :instance_id and last_change_time > :moment;

-- name: set_back_instances
update instances
set inventory_read_at = case when inventory_read_at > :moment then cast(:moment as timestamptz) else inventory_read_at end,
    permissions_read_at = case when permissions_read_at > :moment then cast(:moment as timestamptz) else permissions_read_at end
where id = :instance_id;
