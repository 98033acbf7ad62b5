-- The statements of instance_attributes.py.

-- name: read_attributes
select attributes from instance_attributes where instance_id = :instance_id and valid_to is null;

-- name: end_attributes
update instance_attributes set valid_to = :read_at where instance_id = :instance_id and valid_to is null;

-- name: insert_attributes
insert into instance_attributes (instance_id, attributes, valid_from)
values (:instance_id, cast(:attributes as jsonb), :read_at);

-- name: write_entry
insert into instance_change_log (id, instance_id, change_type, change_time, session_id, message, other_diff)
values (nextval('account_changes_id_seq'), :instance_id, :change_type, :read_at, :session_id, :message, cast(:other_diff as jsonb));
