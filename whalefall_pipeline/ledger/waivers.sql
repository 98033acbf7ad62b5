-- The statements of waivers.py.

-- name: insert_waiver
insert into waiver (rule_id, instance_id, username, object, reason, ticket, created_at, created_by, expires_at)
values (:rule_id, (select id from instances where name = :instance), :username, :object, :reason, :ticket, now(), :by,
        :expires_at)
returning id;

-- name: withdraw_waiver
update waiver set withdrawn_at = now(), withdrawn_by = :by
where id = :id and withdrawn_at is null
returning id;

-- name: read_health (how many findings of each severity active instances have, by status)
select i.name, f.severity, f.status, count(*) as findings
from current_findings f
join instances i on i.id = f.instance_id and i.is_active
group by i.name, f.severity, f.status;

-- name: count_covered (findings that a waiver covers now)
select count(*) from current_findings where waiver_id = :id;
