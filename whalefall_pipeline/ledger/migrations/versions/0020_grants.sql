-- What was a row for each grant of each account, as numbers of grants. A later revision may replace the view.

set local work_mem = '128MB';
alter table account_grant rename to account_grant_0019;

-- Grants are numbered twice in the same order, since to look their numbers up is a join that no server plans well.
insert into instance_grant
select instance_id, row_number() over of_instance, privilege, effect, grant_option, scope, database_name, schema_name,
       object_name, column_name
from (
  select distinct instance_id, privilege, effect, grant_option, scope, database_name, schema_name, object_name,
                  column_name
  from account_grant_0019
) g
window of_instance as (
  partition by instance_id
  order by scope, database_name, schema_name, object_name, column_name, privilege, grant_option, effect
);

insert into account_holding
select instance_account_id, instance_id, of_roles, array_agg(number order by number), valid_from, valid_to
from (
  select *,
         (row_number() over (
           partition by instance_account_id, of_roles, valid_from, valid_to order by number
         ) - 1) / 400 as part  -- as many as sync writes into a row at most
  from (
    select instance_account_id, instance_id, scope in ('role', 'database_role') as of_roles, valid_from, valid_to,
           cast(dense_rank() over of_instance as integer) as number
    from account_grant_0019
    window of_instance as (
      partition by instance_id
      order by scope, database_name, schema_name, object_name, column_name, privilege, grant_option, effect
    )
  ) numbered
) held
group by instance_account_id, instance_id, of_roles, valid_from, valid_to, part
order by instance_account_id, valid_from;

create view account_grant as
select h.instance_account_id, h.instance_id, g.privilege, g.effect, g.grant_option, g.scope, g.database_name,
       g.schema_name, g.object_name, g.column_name, h.valid_from, h.valid_to
from account_holding h
cross join lateral unnest(h.grants) as held (number)
join instance_grant g on g.instance_id = h.instance_id and g.number = held.number;

comment on view account_grant is
  'a grant, or a membership (scope role), of an account in one interval of time; now: valid_to is null';
comment on column account_grant.instance_account_id is 'instance_accounts.id';
comment on column account_grant.instance_id is 'instances.id';
comment on column account_grant.privilege is 'as the server spells it; MEMBER for a membership of the role in object_name';
comment on column account_grant.effect is 'grant, deny (SQL Server) or revoke (a partial revoke of MySQL)';
comment on column account_grant.grant_option is 'may pass it on; of a membership: the admin option';
comment on column account_grant.scope is 'server, database, schema, table, column, routine, role, ...';
comment on column account_grant.database_name is 'empty where the scope has no database';
comment on column account_grant.schema_name is 'empty where the scope has no schema, as everywhere on MySQL';
comment on column account_grant.object_name is 'table, routine, role, ...; empty for a whole database, schema or server';
comment on column account_grant.column_name is 'empty for all but scope column (default_privileges: the kind of object)';
comment on column account_grant.valid_from is 'begin of the reading that found it first';
comment on column account_grant.valid_to is 'begin of the reading that did not find it any more; null: it holds now';

-- Views that read the table read the view from now on, and so do those who could read the table.
do $$
declare
  reader record;
begin
  for reader in
    select distinct v.oid, cast(cast(v.oid as regclass) as text) as name
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid and d.classid = cast('pg_rewrite' as regclass)
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
    where d.refobjid = cast('account_grant_0019' as regclass)
  loop
    execute 'create or replace view ' || reader.name || ' as '
            || replace(pg_get_viewdef(reader.oid), 'account_grant_0019', 'account_grant');
  end loop;
  for reader in
    select a.grantee, quote_ident(r.rolname) as name
    from pg_class t
    cross join lateral aclexplode(t.relacl) a
    left join pg_roles r on r.oid = a.grantee
    where t.oid = cast('account_grant_0019' as regclass) and a.privilege_type = 'SELECT'
  loop
    execute 'grant select on account_grant to ' || coalesce(reader.name, 'public');
  end loop;
end
$$;

drop table account_grant_0019;
analyze instance_grant, account_holding;
