-- The views of revision 0001, for people and programs that query by hand. A later revision replaces them by its own.

create view account_permission as
select s.instance_account_id,
       s.instance_id,
       a.db_type,
       a.username,
       s.permission_snapshot -> 'type_specific' -> a.db_type as type_specific,
       s.permission_snapshot,
       s.permission_facts,
       case when a.is_active then i.permissions_read_at else a.deleted_at end as last_sync_time,
       s.last_change_type,
       s.last_change_time,
       a.is_active
from account_snapshots s
join instance_accounts a on a.id = s.instance_account_id
join instances i on i.id = s.instance_id;

comment on view account_permission is 'the newest snapshot and facts of each account, one row per account';
comment on column account_permission.instance_account_id is 'instance_accounts.id';
comment on column account_permission.instance_id is 'instances.id';
comment on column account_permission.db_type is 'postgresql, mysql (MariaDB too), sqlserver or oracle';
comment on column account_permission.username is 'unique in its instance; on MySQL user@host';
comment on column account_permission.type_specific is 'account attributes that are no privilege, as in the snapshot';
comment on column account_permission.permission_snapshot is 'version 4: all that the account holds, by category';
comment on column account_permission.permission_facts is 'version 2: capabilities such as SUPERUSER, with reasons';
comment on column account_permission.last_sync_time is 'when this was last read; for a dropped account, when it was found gone';
comment on column account_permission.last_change_type is 'the newest entry of account_change_log: its change_type';
comment on column account_permission.last_change_time is 'the newest entry of account_change_log: its change_time';
comment on column account_permission.is_active is 'false: the account is not on the instance any more';

create view grant_history as
select i.name as instance_name,
       a.username,
       a.kind,
       g.privilege,
       g.effect,
       g.grant_option,
       g.scope,
       g.database_name,
       g.schema_name,
       g.object_name,
       g.column_name,
       g.valid_from,
       g.valid_to,
       g.instance_id,
       g.instance_account_id
from account_grant g
join instance_accounts a on a.id = g.instance_account_id
join instances i on i.id = g.instance_id;

comment on view grant_history is 'each grant and membership of each account, in the interval of time in which it held';
comment on column grant_history.instance_name is 'the instance, as registered';
comment on column grant_history.username is 'the grantee; on MySQL user@host';
comment on column grant_history.kind is 'user, role, group or public';
comment on column grant_history.privilege is 'as the server spells it; MEMBER for a membership of the role in object_name';
comment on column grant_history.effect is 'grant, deny (SQL Server) or revoke (a partial revoke of MySQL)';
comment on column grant_history.grant_option is 'may pass it on; of a membership: the admin option';
comment on column grant_history.scope is 'server, database, schema, table, column, routine, role, ...';
comment on column grant_history.database_name is 'empty where the scope has no database';
comment on column grant_history.schema_name is 'empty where the scope has no schema, as everywhere on MySQL';
comment on column grant_history.object_name is 'table, routine, role, ...; empty for a whole database, schema or server';
comment on column grant_history.column_name is 'empty for all but scope column (default_privileges: the kind of object)';
comment on column grant_history.valid_from is 'begin of the reading that found it first';
comment on column grant_history.valid_to is 'begin of the reading that did not find it any more; null: it holds now';
comment on column grant_history.instance_id is 'instances.id';
comment on column grant_history.instance_account_id is 'instance_accounts.id';

create view current_grants as
select instance_name, username, kind, privilege, effect, grant_option, scope, database_name, schema_name, object_name,
       column_name, valid_from as since
from grant_history
where valid_to is null and scope not in ('role', 'database_role');

comment on view current_grants is 'what each account holds now, and since when; memberships stand in current_memberships';
comment on column current_grants.instance_name is 'the instance, as registered';
comment on column current_grants.username is 'the grantee; on MySQL user@host';
comment on column current_grants.kind is 'user, role, group or public';
comment on column current_grants.privilege is 'as the server spells it; OWNER for ownership';
comment on column current_grants.effect is 'grant, deny (SQL Server) or revoke (a partial revoke of MySQL)';
comment on column current_grants.grant_option is 'may pass it on';
comment on column current_grants.scope is 'server, database, schema, table, column, routine, ...';
comment on column current_grants.database_name is 'empty where the scope has no database';
comment on column current_grants.schema_name is 'empty where the scope has no schema, as everywhere on MySQL';
comment on column current_grants.object_name is 'table, routine, ...; empty for a whole database, schema or server';
comment on column current_grants.column_name is 'empty for all but scope column (default_privileges: the kind of object)';
comment on column current_grants.since is 'begin of the reading that found it first';

create view current_memberships as
select instance_name, username as member, object_name as role, database_name, grant_option as admin_option,
       valid_from as since
from grant_history
where valid_to is null and scope in ('role', 'database_role') and privilege = 'MEMBER';

comment on view current_memberships is 'who is a member of which role now, and since when';
comment on column current_memberships.instance_name is 'the instance, as registered';
comment on column current_memberships.member is 'the account that is a direct member; on MySQL user@host';
comment on column current_memberships.role is 'the role; on MySQL user@host';
comment on column current_memberships.database_name is 'the database of a role that lives in one; else empty';
comment on column current_memberships.admin_option is 'may make others members';
comment on column current_memberships.since is 'begin of the reading that found it first';

create view change_entries as
select c.id as change_id, c.change_time, i.name as instance_name, c.username, c.change_type, entry.action, entry.object,
       entry.item, entry.before, entry.after, c.session_id
from account_change_log c
join instances i on i.id = c.instance_id
cross join lateral (
  select e ->> 'action', e ->> 'object', permission, null::jsonb, null::jsonb
  from jsonb_array_elements(c.privilege_diff -> 'entries') e
  cross join lateral jsonb_array_elements_text(e -> 'permissions') permission
  union all
  select 'SET', 'account', e ->> 'field', e -> 'before', e -> 'after'
  from jsonb_array_elements(c.other_diff -> 'entries') e
) as entry (action, object, item, before, after);

comment on view change_entries is 'the change log in single steps: each privilege gained or lost, each attribute changed';
comment on column change_entries.change_id is 'account_change_log.id: the entry that this is a step of';
comment on column change_entries.change_time is 'begin of the reading that found the change';
comment on column change_entries.instance_name is 'the instance, as registered';
comment on column change_entries.username is 'the account; on MySQL user@host';
comment on column change_entries.change_type is 'add, modify_privilege, modify_other, delete or reactivate';
comment on column change_entries.action is 'GRANT, REVOKE, or SET for an attribute of the account';
comment on column change_entries.object is 'what the privilege is held on: its scope and name path; account for an attribute';
comment on column change_entries.item is 'the privilege (GRANT OPTION FOR ...: only the right to pass it on), or the attribute';
comment on column change_entries.before is 'of an attribute: its value before as JSON, null where it had none';
comment on column change_entries.after is 'of an attribute: its value after';
comment on column change_entries.session_id is 'sync_sessions.session_id: the session that found the change';
