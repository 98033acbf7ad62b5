-- What held at a past moment: `at` is inside [valid_from, valid_to). Without a username: of every account.

-- name: attributes_at
select a.id, a.username, t.kind, t.attributes
from instance_accounts a
join account_attributes t on t.instance_account_id = a.id
 and t.valid_from <= :at and (t.valid_to is null or t.valid_to > :at)
where a.instance_id = :instance_id and (cast(:username as text) is null or a.username = :username);

-- name: grants_at
select g.instance_account_id, g.privilege, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name,
       g.grant_option, g.effect
from instance_accounts a
join account_grant g on g.instance_account_id = a.id
 and g.valid_from <= :at and (g.valid_to is null or g.valid_to > :at)
where a.instance_id = :instance_id and (cast(:username as text) is null or a.username = :username);

-- name: members_at (what accounts hold on one role: their membership and its options)
select a.username, g.privilege, g.scope, g.database_name, g.schema_name, g.object_name, g.column_name, g.grant_option,
       g.effect
from instance_grant g
join account_holding h on h.instance_id = g.instance_id and h.of_roles and g.number = any (h.grants)
join instance_accounts a on a.id = h.instance_account_id
where g.object_name = :role and g.scope in ('role', 'database_role') and g.instance_id = :instance_id
  and h.valid_from <= :at and (h.valid_to is null or h.valid_to > :at);

-- name: unseen_at
select scope, status, reason, last_seen_at from instance_scopes
where instance_id = :instance_id and valid_from <= :at and (valid_to is null or valid_to > :at)
order by scope;

-- name: change
select c.username, c.change_time from account_change_log c where c.id = :change_id and c.instance_id = :instance_id;
