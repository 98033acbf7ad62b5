-- What held at a past moment: `at` is inside [valid_from, valid_to).

-- name: attributes_at
select a.id, a.username, t.kind, t.attributes
from instance_accounts a
join account_attributes t on t.instance_account_id = a.id
 and t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at)
where a.instance_id = :instance_id;

-- name: grants_at
select g.instance_account_id, g.privilege, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name,
       g.grant_option, g.effect
from instance_accounts a
join account_grant g on g.instance_account_id = a.id
 and g.valid_from <= :at and (g.valid_to is null or g.valid_to > :at)
where a.instance_id = :instance_id;

-- name: unseen_at
select scope, status, reason, last_seen_at from instance_scopes
where instance_id = :instance_id and valid_from <= :at and (valid_to is null or valid_to > :at)
order by scope;

-- name: change
select c.username, c.change_time from account_change_log c where c.id = :change_id and c.instance_id = :instance_id;
