-- What was a row for each grant of each account, as numbers of grants. A later revision may replace the view.

set local work_mem = '128MB';

-- What only its owner can write anew is said before anything is.
do $$
declare
  others text;
begin
  select string_agg(pg_describe_object(d.classid, d.objid, 0), ', ') into others
  from (
    select distinct case when v.oid is null then d.classid else cast('pg_class' as regclass) end as classid,
           coalesce(v.oid, d.objid) as objid
    from pg_depend d
    left join pg_rewrite r on r.oid = d.objid and d.classid = cast('pg_rewrite' as regclass)
    left join pg_class v on v.oid = r.ev_class
    left join pg_namespace n on n.oid = v.relnamespace
    where d.refobjid = cast('account_grant' as regclass)
      and cast(cast(d.classid as regclass) as text) in ('pg_rewrite', 'pg_proc', 'pg_publication_rel', 'pg_policy', 'pg_trigger')
      and not coalesce(v.relkind = 'v' and pg_has_role(v.relowner, 'usage')
                       and has_schema_privilege(n.oid, 'create'), false)
  ) d;
  if others is not null then
    raise exception using message =
      'account_grant becomes a view; drop what reads the table, and make it again after the upgrade: ' || others;
  end if;
end
$$;

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
select instance_account_id, instance_id, of_roles, array_agg(distinct number order by number), valid_from, valid_to
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

-- Memberships and their options in one pass over what accounts hold: to look for the options of each among all that its
-- member holds takes four times as long, and twenty-five times over a thousand instances.
create or replace view current_memberships as
select m.instance_name, m.member, m.role, m.database_name, m.admin_option, m.since, m.options,
       'INHERIT' = any (m.options) as inherit_option, 'SET' = any (m.options) as set_option
from (
  select i.name as instance_name, a.username as member, g.object_name as role, g.database_name,
         g.grant_option as admin_option, h.valid_from as since, g.privilege,
         coalesce(array_agg(g.privilege) filter (where g.privilege <> 'MEMBER') over of_role, '{}') as options
  from account_holding h
  cross join lateral unnest(h.grants) as held (number)
  join instance_grant g on g.instance_id = h.instance_id and g.number = held.number
  join instance_accounts a on a.id = h.instance_account_id
  join instances i on i.id = h.instance_id
  where h.of_roles and h.valid_to is null
  window of_role as (  -- what the view shows of them is named too: what is asked for is so looked up before
    partition by a.id, g.object_name, g.database_name, g.scope, i.name, a.username
    order by g.privilege rows between unbounded preceding and unbounded following
  )
) m
where m.privilege = 'MEMBER';

create or replace view current_grants as
select i.name as instance_name, a.username, a.kind, g.privilege, g.effect, g.grant_option, g.scope, g.database_name,
       g.schema_name, g.object_name, g.column_name, h.valid_from as since
from account_holding h
cross join lateral unnest(h.grants) as held (number)
join instance_grant g on g.instance_id = h.instance_id and g.number = held.number
join instance_accounts a on a.id = h.instance_account_id
join instances i on i.id = h.instance_id
where not h.of_roles and h.valid_to is null;

-- Views that read the table read the view from now on, with the options that they have.
do $$
declare
  reader record;
begin
  for reader in
    select distinct v.oid, cast(cast(v.oid as regclass) as text) as name,
           ' with (' || array_to_string(v.reloptions, ', ') || ')' as options
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid and d.classid = cast('pg_rewrite' as regclass)
    join pg_class v on v.oid = r.ev_class
    where d.refobjid = cast('account_grant_0019' as regclass)
  loop
    execute 'create or replace view ' || reader.name || coalesce(reader.options, '') || ' as '
            || replace(pg_get_viewdef(reader.oid), 'account_grant_0019', 'account_grant');
  end loop;
end
$$;

-- Who could read the table can read the view, and what it is made of.
do $$
declare
  reader record;
begin
  for reader in
    select coalesce(quote_ident(r.rolname), 'public') as name, a.is_grantable
    from pg_class t
    cross join lateral aclexplode(t.relacl) a
    left join pg_roles r on r.oid = a.grantee
    where t.oid = cast('account_grant_0019' as regclass) and a.privilege_type = 'SELECT' and a.grantee <> t.relowner
  loop
    execute 'grant select on account_grant, instance_grant, account_holding to ' || reader.name
            || case when reader.is_grantable then ' with grant option' else '' end;
  end loop;
  for reader in
    select coalesce(quote_ident(r.rolname), 'public') as name, quote_ident(c.attname) as attribute
    from pg_attribute c
    cross join lateral aclexplode(c.attacl) a
    left join pg_roles r on r.oid = a.grantee
    where c.attrelid = cast('account_grant_0019' as regclass) and a.privilege_type = 'SELECT'
  loop
    execute 'grant select (' || reader.attribute || ') on account_grant to ' || reader.name;
  end loop;
end
$$;

drop table account_grant_0019;
analyze instance_grant, account_holding;
