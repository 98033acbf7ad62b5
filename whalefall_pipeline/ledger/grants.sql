-- The statements of grants.py. An instance's rows are written under its lock, so that numbers are never given twice.

-- name: highest (the number that was given last; 0: none)
select coalesce(max(number), 0) from instance_grant where instance_id = :instance_id;

-- name: read_numbers (with the place of each in what is asked)
select w.place, g.number
from unnest(cast(:privileges as text[]), cast(:scopes as text[]), cast(:databases as text[]), cast(:schemas as text[]),
            cast(:objects as text[]), cast(:columns as text[]), cast(:options as boolean[]), cast(:effects as text[]))
  with ordinality
  as w (privilege, scope, database_name, schema_name, object_name, column_name, grant_option, effect, place)
join instance_grant g
  on g.privilege = w.privilege and g.scope = w.scope and g.database_name = w.database_name
 and g.schema_name = w.schema_name and g.object_name = w.object_name and g.column_name = w.column_name
 and g.grant_option = w.grant_option and g.effect = w.effect
where g.instance_id = :instance_id;
