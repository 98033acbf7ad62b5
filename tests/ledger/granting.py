"""Writes grants to a ledger as a sync would, from rows as the view `account_grant` has them."""

GRANT = """
create temporary table granted on commit drop as
with given (
  instance_account_id, instance_id, privilege, effect, grant_option, scope, database_name, schema_name, object_name,
  column_name, valid_from, valid_to
) as ({rows})
select * from given;

insert into instance_grant
select g.instance_id, n.highest + row_number() over (partition by g.instance_id), g.privilege, g.effect, g.grant_option,
       g.scope, g.database_name, g.schema_name, g.object_name, g.column_name
from (
  select distinct instance_id, privilege, effect, grant_option, scope, database_name, schema_name, object_name,
                  column_name
  from granted
) g
cross join lateral (
  select coalesce(max(number), 0) as highest from instance_grant i where i.instance_id = g.instance_id
) n;

insert into account_holding
select g.instance_account_id, g.instance_id, g.scope in ('role', 'database_role'), array_agg(n.number), g.valid_from,
       g.valid_to
from granted g
join instance_grant n
  using (instance_id, privilege, effect, grant_option, scope, database_name, schema_name, object_name, column_name)
group by 1, 2, 3, 5, 6;
"""


def grant(rows: str) -> str:
    """Return the statements that write what a query gives, in a transaction; no instance has any of it yet."""
    return GRANT.format(rows=rows)
