-- The views of revision 0006. A later revision replaces them by its own.

create or replace view current_memberships as
select m.instance_name, m.username as member, m.object_name as role, m.database_name, m.grant_option as admin_option,
       m.valid_from as since, o.options, 'INHERIT' = any (o.options) as inherit_option,
       'SET' = any (o.options) as set_option
from grant_history m
cross join lateral (
  select coalesce(array_agg(g.privilege order by g.privilege), '{}') as options
  from account_grant g
  where g.instance_account_id = m.instance_account_id and g.valid_to is null and g.privilege <> 'MEMBER'
    and g.scope = m.scope and g.database_name = m.database_name and g.object_name = m.object_name
) o
where m.valid_to is null and m.scope in ('role', 'database_role') and m.privilege = 'MEMBER';

comment on column current_memberships.options is 'what else holds of the membership: INHERIT, SET (PostgreSQL), DEFAULT (MySQL, Oracle), ...';
comment on column current_memberships.inherit_option is 'PostgreSQL: has the role''s privileges without SET ROLE';
comment on column current_memberships.set_option is 'PostgreSQL: may SET ROLE to it';

create view record_details as
select r.id as record_id, r.sync_session_id, r.instance_id, r.instance_name, r.status,
       case when d.is_old then d.doc ->> 'version' else d.doc ->> 'server_version' end as server_version,
       cast(d.doc ->> 'statements' as int) as statements,
       cast(d.doc ->> 'attempts' as int) as attempts,
       cast(d.doc ->> 'encrypted' as boolean) as encrypted,
       cast(d.doc ->> 'verified' as boolean) as verified,
       case when d.is_old then d.doc -> 'inventory' = 'true' else coalesce(d.doc -> 'inventory', 'null') <> 'null' end
         as inventory,
       case when d.is_old then d.doc -> 'permissions' = 'true' else coalesce(d.doc -> 'collection', 'null') <> 'null' end
         as permissions,
       cast(coalesce(d.doc ->> 'accounts_not_observed', d.doc #>> '{inventory,hidden}') as int) as accounts_not_observed,
       cast(coalesce(d.doc ->> 'grants', d.doc #>> '{collection,grants}') as int) as grants,
       cast(coalesce(d.doc ->> 'grants_without_account', d.doc #>> '{collection,grants_without_account}') as int)
         as grants_without_account,
       d.doc -> 'coverage' as coverage
from sync_instance_records r
cross join lateral (
  select r.sync_details as doc, coalesce(jsonb_typeof(r.sync_details -> 'version') = 'string', false) as is_old
) d;

comment on view record_details is 'what sync_details says, in columns, of records of this and of earlier versions alike';
comment on column record_details.record_id is 'sync_instance_records.id';
comment on column record_details.sync_session_id is 'sync_sessions.session_id';
comment on column record_details.instance_id is 'instances.id';
comment on column record_details.instance_name is 'the instance, as registered';
comment on column record_details.status is 'of the record';
comment on column record_details.server_version is 'product and version of the server; null: it was not reached';
comment on column record_details.statements is 'sent to the server, over all attempts';
comment on column record_details.attempts is 'how often it was read';
comment on column record_details.encrypted is 'whether the connection was; null: not known';
comment on column record_details.verified is 'whether the server''s certificate was; null: not known';
comment on column record_details.inventory is 'whether the account list was written';
comment on column record_details.permissions is 'whether what accounts hold was written';
comment on column record_details.accounts_not_observed is 'accounts that the list lacks and that may exist all the same';
comment on column record_details.grants is 'that were read';
comment on column record_details.grants_without_account is 'grants whose grantee is no account, such as a dropped one';
comment on column record_details.coverage is 'scope to what was seen of it';
