-- The views of revision 0009. A later revision replaces them by its own.

create view finding_history as
select f.id, f.instance_id, i.name as instance_name, i.db_type, f.rule_id, f.severity, f.title, f.outcome,
       f.instance_account_id, f.username, f.object, f.message, f.detail, f.opened_at, f.closed_at, f.opened_in,
       f.closed_in, w.id as waiver_id, w.reason as waiver_reason, w.ticket as waiver_ticket,
       w.expires_at as waived_until,
       case when f.closed_at is not null then 'closed' when f.outcome = 'unknown' then 'unknown'
            when w.id is not null then 'waived' else 'open' end as status
from finding f
join instances i on i.id = f.instance_id
left join lateral (
  select v.id, v.reason, v.ticket, v.expires_at
  from waiver v
  where f.closed_at is null and f.outcome = 'found' and v.rule_id = f.rule_id
    and (v.instance_id is null or v.instance_id = f.instance_id)
    and (v.username is null or v.username = f.username) and (v.object is null or v.object = f.object)
    and v.withdrawn_at is null and v.created_at <= now() and v.expires_at > now()
  order by v.expires_at desc, v.id
  limit 1
) w on true;

comment on view finding_history is 'all findings, open and closed, with the waiver that covers one now';
comment on column finding_history.id is 'finding.id';
comment on column finding_history.instance_id is 'instances.id';
comment on column finding_history.instance_name is 'the instance, as registered';
comment on column finding_history.db_type is 'postgresql, mysql (MariaDB too), sqlserver or oracle';
comment on column finding_history.rule_id is 'the rule, as whalefall rules lists it';
comment on column finding_history.severity is 'critical, high, medium or low';
comment on column finding_history.title is 'of the rule';
comment on column finding_history.outcome is 'found, or unknown: the rule could not see all that it looks at';
comment on column finding_history.instance_account_id is 'instance_accounts.id; null: it is of no account';
comment on column finding_history.username is 'the account; empty: it is of the instance';
comment on column finding_history.object is 'what of the account or instance it is about; empty: all of it';
comment on column finding_history.message is 'what was found, in one line';
comment on column finding_history.detail is 'what is held that makes it so, or what was not observed';
comment on column finding_history.opened_at is 'begin of the reading that found it';
comment on column finding_history.closed_at is 'begin of the reading that found it gone; null: it is open';
comment on column finding_history.opened_in is 'sync_sessions.session_id: the session that found it';
comment on column finding_history.closed_in is 'sync_sessions.session_id: the session that found it gone';
comment on column finding_history.waiver_id is 'waiver.id: the one that covers it now; null: none does';
comment on column finding_history.waiver_reason is 'why it is accepted';
comment on column finding_history.waiver_ticket is 'where that was decided';
comment on column finding_history.waived_until is 'when it comes back by itself';
comment on column finding_history.status is 'open, waived (now, by a waiver that has not expired), unknown, or closed';

create view current_findings as
select * from finding_history where closed_at is null;

comment on view current_findings is 'the findings that are open, waived or unknown now';
comment on column current_findings.id is 'finding.id';
comment on column current_findings.instance_id is 'instances.id';
comment on column current_findings.instance_name is 'the instance, as registered';
comment on column current_findings.db_type is 'postgresql, mysql (MariaDB too), sqlserver or oracle';
comment on column current_findings.rule_id is 'the rule, as whalefall rules lists it';
comment on column current_findings.severity is 'critical, high, medium or low';
comment on column current_findings.title is 'of the rule';
comment on column current_findings.outcome is 'found, or unknown: the rule could not see all that it looks at';
comment on column current_findings.instance_account_id is 'instance_accounts.id; null: it is of no account';
comment on column current_findings.username is 'the account; empty: it is of the instance';
comment on column current_findings.object is 'what of the account or instance it is about; empty: all of it';
comment on column current_findings.message is 'what was found, in one line';
comment on column current_findings.detail is 'what is held that makes it so, or what was not observed';
comment on column current_findings.opened_at is 'begin of the reading that found it';
comment on column current_findings.closed_at is 'always null';
comment on column current_findings.opened_in is 'sync_sessions.session_id: the session that found it';
comment on column current_findings.closed_in is 'always null';
comment on column current_findings.waiver_id is 'waiver.id: the one that covers it now; null: none does';
comment on column current_findings.waiver_reason is 'why it is accepted';
comment on column current_findings.waiver_ticket is 'where that was decided';
comment on column current_findings.waived_until is 'when it comes back by itself';
comment on column current_findings.status is 'open, waived (now, by a waiver that has not expired), or unknown';
