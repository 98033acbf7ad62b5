-- The statements of findings.py. A sync without change sends read_evaluation alone.

-- name: read_evaluation
select rules, basis, due_at, evaluated_at from finding_evaluation where instance_id = :instance_id;

-- name: read_findings
select rule_id, username, object, outcome, severity, title, message, detail
from finding where instance_id = :instance_id and closed_at is null;

-- name: read_some_findings (of these accounts, of these rules, and what is unknown)
select rule_id, username, object, outcome, severity, title, message, detail
from finding where instance_id = :instance_id and closed_at is null
  and (outcome = 'unknown' or username = any (cast(:usernames as text[])) or rule_id = any (cast(:rule_ids as text[])));

-- name: read_account_ids (of these accounts, or of all)
select username, id from instance_accounts
where instance_id = :instance_id and (cast(:usernames as text[]) is null or username = any (cast(:usernames as text[])));

-- name: close_findings
update finding f set closed_at = :read_at, closed_in = :session_id
from unnest(cast(:rule_ids as text[]), cast(:usernames as text[]), cast(:objects as text[]), cast(:outcomes as text[]))
  as c (rule_id, username, object, outcome)
where f.instance_id = :instance_id and f.closed_at is null and f.rule_id = c.rule_id and f.username = c.username
  and f.object = c.object and f.outcome = c.outcome;

-- name: change_findings
update finding f
set severity = n.severity, title = n.title, message = n.message, detail = cast(n.detail as jsonb)
from unnest(cast(:rule_ids as text[]), cast(:usernames as text[]), cast(:objects as text[]), cast(:outcomes as text[]),
            cast(:severities as text[]), cast(:titles as text[]), cast(:messages as text[]), cast(:details as text[]))
  as n (rule_id, username, object, outcome, severity, title, message, detail)
where f.instance_id = :instance_id and f.closed_at is null and f.rule_id = n.rule_id and f.username = n.username
  and f.object = n.object and f.outcome = n.outcome;

-- name: close_findings_of (accounts that are gone)
update finding set closed_at = :read_at, closed_in = :session_id
where instance_id = :instance_id and closed_at is null and instance_account_id = any (cast(:ids as bigint[]))
returning rule_id, username, object, outcome, severity, title, message, detail;

-- name: forget_evaluation (it is due at once; that rules were asked before stays known)
update finding_evaluation set due_at = 'epoch' where instance_id = :instance_id;

-- name: write_evaluation
insert into finding_evaluation (instance_id, rules, basis, due_at, evaluated_at)
values (:instance_id, :rules, :basis, :due_at, :read_at)
on conflict (instance_id) do update
set rules = excluded.rules, basis = excluded.basis, due_at = excluded.due_at, evaluated_at = excluded.evaluated_at;
