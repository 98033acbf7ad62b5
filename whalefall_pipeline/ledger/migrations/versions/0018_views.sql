-- The views of revision 0015. A later revision replaces them by its own.

-- What an account held and was when it came, and when it went, is what its intervals begin, or end, with: it is not kept
-- twice. The words are those of `core/wording.py`; names sort as their bytes do.
create view account_change_log as
select c.id, c.instance_id, c.instance_account_id, c.db_type, c.username, c.change_type, c.change_time, c.created_at,
       c.session_id, c.status, c.message,
       case when c.in_intervals then (
         select jsonb_build_object('version', 1, 'entries', jsonb_agg(e.entry order by e.place))
         from (
           select array[g.scope, g.database_name, g.schema_name, g.object_name, g.column_name] collate "C" as place,
                  jsonb_build_object(
                    'action', case c.change_type when 'delete' then 'REVOKE' else 'GRANT' end,
                    'object', concat_ws(' ', g.scope, nullif(concat_ws(
                      '.', nullif(g.database_name, ''), nullif(g.schema_name, ''), nullif(g.object_name, ''),
                      nullif(g.column_name, '')), '')),
                    'permissions', jsonb_agg(t.token order by t.token collate "C"),
                    'securable', jsonb_strip_nulls(jsonb_build_object(
                      'scope', g.scope, 'database', nullif(g.database_name, ''), 'schema', nullif(g.schema_name, ''),
                      'object', nullif(g.object_name, ''), 'column', nullif(g.column_name, '')))
                  ) as entry
           from account_grant g
           cross join lateral (
             select case g.effect when 'deny' then 'DENY ' when 'revoke' then 'REVOKE ' else '' end || g.privilege
                    || case when not g.grant_option then '' when g.privilege = 'MEMBER' then ' WITH ADMIN OPTION'
                            else ' WITH GRANT OPTION' end as token
           ) t
           where g.instance_account_id = c.instance_account_id
             and case c.change_type when 'delete' then g.valid_to else g.valid_from end = c.change_time
           group by g.scope, g.database_name, g.schema_name, g.object_name, g.column_name
         ) e
         having count(*) > 0
       ) else c.privilege_diff end as privilege_diff,
       case when c.in_intervals then (
         select jsonb_build_object('version', 1, 'entries', jsonb_agg(
                  jsonb_build_object(
                    'field', f.key, 'before', case when c.change_type = 'delete' then f.value end,
                    'after', case when c.change_type <> 'delete' then f.value end
                  ) order by f.key collate "C"))
         from account_attributes t
         cross join lateral (
           select key, value from jsonb_each(t.attributes) where value <> 'null'
           union all
           select 'account_kind', to_jsonb(t.kind)
         ) f
         where t.instance_account_id = c.instance_account_id
           and case c.change_type when 'delete' then t.valid_to else t.valid_from end = c.change_time
         having count(*) > 0
       ) else c.other_diff end as other_diff
from account_changes c;

comment on view account_change_log is 'each change of an account; instances by name and changes of instances: change_log';
comment on column account_change_log.id is 'of either log; no id is in both';
comment on column account_change_log.instance_id is 'instances.id';
comment on column account_change_log.instance_account_id is 'instance_accounts.id';
comment on column account_change_log.db_type is 'postgresql, mysql (MariaDB too), sqlserver or oracle';
comment on column account_change_log.username is 'the account; on MySQL user@host';
comment on column account_change_log.change_type is 'add, modify_privilege, modify_other, delete or reactivate';
comment on column account_change_log.change_time is 'begin of the reading that found the change';
comment on column account_change_log.created_at is 'the same';
comment on column account_change_log.session_id is 'sync_sessions.session_id: the session that found the change';
comment on column account_change_log.status is 'always success: what failed is in no log';
comment on column account_change_log.message is 'the change in one line';
comment on column account_change_log.privilege_diff is 'privileges gained and lost, by securable';
comment on column account_change_log.other_diff is 'attributes before and after';

create or replace view change_log as
select c.id, c.instance_id, i.name as instance_name, c.db_type, c.instance_account_id, c.username, c.change_type,
       c.change_time, c.created_at, c.session_id, c.message, c.privilege_diff, c.other_diff
from account_change_log c
join instances i on i.id = c.instance_id
union all
select l.id, l.instance_id, i.name, i.db_type, null, null, l.change_type,
       l.change_time, l.created_at, l.session_id, l.message, null, l.other_diff
from instance_change_log l
join instances i on i.id = l.instance_id;
