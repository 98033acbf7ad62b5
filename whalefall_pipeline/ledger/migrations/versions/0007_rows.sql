-- Rows of 0.2.0 as later versions have them. Intervals of now become what the next reading gives; those that ended
-- stay what they were, but for values that may be secrets.

-- MySQL, MariaDB: what the server is set to was repeated in each of its users.
update account_attributes t
set attributes = attributes - 'default_password_lifetime_days' - 'activate_all_roles_on_login' - 'partial_revokes'
from instance_accounts a
where a.id = t.instance_account_id and a.db_type = 'mysql' and t.valid_to is null
  and t.attributes ?| array['default_password_lifetime_days', 'activate_all_roles_on_login', 'partial_revokes'];

-- MySQL: so were its mandatory roles: a role that a user had by them alone was a membership, one that it was granted
-- besides was marked. These end with the newest reading, since when the instance's own attributes say it.
update account_grant g
set valid_to = greatest(g.valid_from, i.permissions_read_at)
from instances i, account_grant m
where i.id = g.instance_id and i.db_type = 'mysql' and g.scope = 'role' and g.valid_to is null
  and m.instance_account_id = g.instance_account_id and m.object_name = g.object_name
  and m.scope = 'role' and m.privilege = 'MANDATORY' and m.valid_to is null
  and (g.privilege in ('MANDATORY', 'GRANTED')
       or (g.privilege = 'MEMBER' and not exists (
             select from account_grant o
             where o.instance_account_id = g.instance_account_id and o.object_name = g.object_name
               and o.scope = 'role' and o.privilege = 'GRANTED' and o.valid_to is null)));

-- MySQL: a dynamic privilege stood as it was typed.
update account_grant g set privilege = upper(privilege)
from instances i
where i.id = g.instance_id and i.db_type = 'mysql' and g.scope = 'dynamic' and g.valid_to is null
  and g.privilege <> upper(g.privilege);

-- PostgreSQL: settings of all roles were those of PUBLIC.
update account_attributes t set attributes = attributes - 'settings'
from instance_accounts a
where a.id = t.instance_account_id and a.db_type = 'postgresql' and t.kind = 'public' and t.valid_to is null
  and t.attributes ? 'settings';

-- PostgreSQL: values of custom parameters, which have a dot in their names. `settings` is {database: {parameter: value}}.
create function pg_temp.without_values(settings jsonb) returns jsonb language sql as $$
  select case when jsonb_typeof(settings) = 'object' then (
    select coalesce(jsonb_object_agg(d.key, (
      select coalesce(jsonb_object_agg(p.key, case
        when strpos(p.key, '.') > 0 and left(p.value #>> '{}', 14) <> '(not collected' then '"(not collected)"'::jsonb
        else p.value end), '{}')
      from jsonb_each(d.value) p
    )), '{}')
    from jsonb_each(settings) d
  ) else settings end
$$;

update account_attributes t
set attributes = jsonb_set(attributes, '{settings}', pg_temp.without_values(attributes -> 'settings'))
from instance_accounts a
where a.id = t.instance_account_id and a.db_type = 'postgresql'
  and pg_temp.without_values(attributes -> 'settings') <> attributes -> 'settings';

update account_snapshots t
set permission_snapshot = jsonb_set(
  permission_snapshot, '{type_specific,postgresql,settings}',
  pg_temp.without_values(permission_snapshot #> '{type_specific,postgresql,settings}')
)
where pg_temp.without_values(permission_snapshot #> '{type_specific,postgresql,settings}')
      <> permission_snapshot #> '{type_specific,postgresql,settings}';

-- The line for people ends with what changed of the settings, in full.
update account_change_log l
set other_diff = jsonb_set(other_diff, '{entries}', n.entries),
    message = regexp_replace(
      message, '(^|; )settings: (none -> )?\{.*$', '\1settings: changed; values of custom parameters are not kept'
    )
from (
  select c.id, jsonb_agg(
    case when e.value ->> 'field' = 'settings' then e.value || jsonb_build_object(
      'before', pg_temp.without_values(e.value -> 'before'), 'after', pg_temp.without_values(e.value -> 'after')
    ) else e.value end order by e.ordinality
  ) as entries
  from account_change_log c cross join jsonb_array_elements(c.other_diff -> 'entries') with ordinality e
  where c.db_type = 'postgresql' and jsonb_typeof(c.other_diff -> 'entries') = 'array'
  group by c.id
) n
where l.id = n.id and n.entries <> l.other_diff -> 'entries';

drop function pg_temp.without_values(jsonb);
