-- The views of revision 0005. A later revision replaces them by its own.

create view change_log as
select c.id, c.instance_id, i.name as instance_name, c.db_type, c.instance_account_id, c.username, c.change_type,
       c.change_time, c.created_at, c.session_id, c.message, c.privilege_diff, c.other_diff
from account_change_log c
join instances i on i.id = c.instance_id
union all
select l.id, l.instance_id, i.name, i.db_type, null, null, l.change_type,
       l.change_time, l.created_at, l.session_id, l.message, null, l.other_diff
from instance_change_log l
join instances i on i.id = l.instance_id;

comment on view change_log is 'all changes, those of accounts (account_change_log) and of instances (instance_change_log)';
comment on column change_log.id is 'of either log; no id is in both';
comment on column change_log.instance_id is 'instances.id';
comment on column change_log.instance_name is 'the instance, as registered';
comment on column change_log.db_type is 'postgresql, mysql (MariaDB too), sqlserver or oracle';
comment on column change_log.instance_account_id is 'instance_accounts.id; null for a change of the instance itself';
comment on column change_log.username is 'the account; null for a change of the instance itself';
comment on column change_log.change_type is 'add, modify_privilege, modify_other, delete, reactivate; of instances modify_instance';
comment on column change_log.change_time is 'begin of the reading that found the change';
comment on column change_log.created_at is 'the same';
comment on column change_log.session_id is 'sync_sessions.session_id: the session that found the change';
comment on column change_log.message is 'the change in one line';
comment on column change_log.privilege_diff is 'privileges gained and lost, by securable';
comment on column change_log.other_diff is 'attributes before and after';

create or replace view change_entries as
select c.id as change_id, c.change_time, c.instance_name, c.username, c.change_type, entry.action, entry.object,
       entry.item, entry.before, entry.after, c.session_id
from change_log c
cross join lateral (
  select e ->> 'action', e ->> 'object', permission, null::jsonb, null::jsonb
  from jsonb_array_elements(c.privilege_diff -> 'entries') e
  cross join lateral jsonb_array_elements_text(e -> 'permissions') permission
  union all
  select 'SET', case when c.username is null then 'instance' else 'account' end, e ->> 'field', e -> 'before',
         e -> 'after'
  from jsonb_array_elements(c.other_diff -> 'entries') e
) as entry (action, object, item, before, after);

comment on column change_entries.change_id is 'change_log.id: the entry that this is a step of';
comment on column change_entries.username is 'the account; on MySQL user@host; null for a step of the instance itself';
comment on column change_entries.action is 'GRANT, REVOKE, or SET for an attribute';
comment on column change_entries.object is 'what the privilege is held on: its scope and name path; account, or instance, for an attribute';
