-- The statements of reviews.py.

-- name: insert_review (what is known of each instance is frozen with it)
insert into review (name, scope, as_of, due_at, opened_by, sight)
select :name, :scope, now(), cast(:due_at as timestamptz), :opened_by, coalesce(jsonb_agg(jsonb_build_object(
         'instance', i.name, 'db_type', i.db_type, 'version', coalesce(i.server_version, ''),
         'inventory_read_at', i.inventory_read_at, 'permissions_read_at', i.permissions_read_at,
         'gaps', coalesce(s.gaps, '[]')) order by i.name collate "C"), '[]')
from instances i
left join lateral (
  select jsonb_agg(jsonb_build_object('scope', c.scope, 'status', c.status, 'reason', c.reason,
                                      'last_seen_at', c.last_seen_at) order by c.scope collate "C") as gaps
  from instance_scopes c where c.instance_id = i.id and c.valid_to is null
) s on true
where i.is_active and (cast(:names as text[]) is null or i.name = any (cast(:names as text[])))
on conflict (name) do nothing
returning id;

-- name: freeze
insert into review_item (review_id, instance_id, instance_name, db_type, instance_account_id, username, kind,
                         capabilities, capability_reasons, held)
select :review_id, i.id, i.name, i.db_type, a.id, a.username, a.kind,
       coalesce(s.permission_facts -> 'capabilities', '[]'), coalesce(s.permission_facts -> 'capability_reasons', '{}'),
       coalesce(h.held, '[]')
from instances i
join instance_accounts a on a.instance_id = i.id and a.is_active and a.kind <> 'predefined'
left join account_snapshots s on s.instance_account_id = a.id
left join lateral (
  select jsonb_agg(jsonb_build_object(
           'privilege', g.privilege, 'scope', g.scope, 'database', g.database_name, 'schema', g.schema_name,
           'object', g.object_name, 'column', g.column_name, 'grant_option', g.grant_option, 'effect', g.effect)
         order by g.scope collate "C", g.database_name collate "C", g.schema_name collate "C", g.object_name collate "C",
                  g.column_name collate "C", g.privilege collate "C", g.effect collate "C") as held
  from account_grant g where g.instance_account_id = a.id and g.valid_to is null
) h on true
where i.is_active and (cast(:names as text[]) is null or i.name = any (cast(:names as text[])))
  and (:scope = 'all' or s.permission_facts -> 'capabilities' ?| cast(:privileged as text[]))
order by i.name collate "C", a.username collate "C";

-- name: read_reviews
select id, name, scope, as_of, due_at, opened_by, closed_at, closed_by, sight
from review where cast(:name as text) is null or name = :name
order by id;

-- name: lock_review
select closed_at from review where id = :review_id for update;

-- name: read_items
select id, instance_name, db_type, instance_id, instance_account_id, username, kind, capabilities, capability_reasons,
       held, decision, note, decided_by, decided_at, proven_in, proven_at
from review_item where review_id = :review_id order by id;

-- name: read_present (`is_unread`: it is back, or was made again, and what it holds was not read since)
select a.id, a.is_active, coalesce(s.digest = '', false) as is_unread, coalesce(s.permission_facts -> 'capabilities', '[]') as capabilities
from instance_accounts a
left join account_snapshots s on s.instance_account_id = a.id
where a.id = any (cast(:ids as bigint[]));

-- name: read_unseen (scopes that the newest readings did not observe)
select instance_id, scope from instance_scopes where instance_id = any (cast(:ids as bigint[])) and valid_to is null;

-- name: read_proofs (of items whose revoke is done: the newest entry of the log by which the account went, or lost something
-- that it had; else the newest sync that ended well and looked at what is to be proven)
select r.instance_account_id, p.session_id, p.moment
from unnest(cast(:ids as bigint[]), cast(:is_own as boolean[]), cast(:reasons as jsonb[])) as d (id, is_own, reasons)
join review_item r on r.id = d.id
join instance_accounts a on a.id = r.instance_account_id
cross join lateral (
  select session_id, moment from (
    select 1 as place, c.session_id, c.change_time as moment, c.id
    from account_change_log c
    where c.instance_account_id = a.id and c.change_time > :as_of and (
      c.change_type = 'delete'
      or a.is_active and d.is_own and (
        exists (
          select from account_grant g
          join jsonb_to_recordset(r.held) as h (privilege text, scope text, "database" text, "schema" text, object text,
                                                "column" text, effect text)
            on g.privilege = h.privilege and g.scope = h.scope and g.database_name = h."database"
            and g.schema_name = h."schema" and g.object_name = h.object and g.column_name = h."column"
          where g.instance_account_id = a.id and g.valid_to = c.change_time and h.effect = 'grant' and g.effect = 'grant'
        )
        or exists (
          select from jsonb_array_elements(c.other_diff -> 'entries') e where d.reasons ? (e ->> 'field')
        )
      ))
    union all
    select 2, s.sync_session_id, s.started_at, s.id
    from sync_instance_records s
    where s.instance_id = a.instance_id and s.status = 'completed' and s.started_at > :as_of
      and (not a.is_active or jsonb_typeof(s.sync_details -> 'collection') = 'object')
  ) seen
  order by case when a.is_active and not d.is_own then -place else place end, id desc
  limit 1
) p;

-- name: decide
update review_item r
set decision = d.decision, note = d.note, decided_by = :decided_by, decided_at = clock_timestamp(), proven_in = null,
    proven_at = null
from unnest(cast(:ids as bigint[]), cast(:decisions as text[]), cast(:notes as text[])) as d (id, decision, note)
where r.review_id = :review_id and r.id = d.id
  and (r.decision is distinct from d.decision or r.note <> d.note);

-- name: write_proofs
update review_item r set proven_in = p.session_id, proven_at = p.moment
from unnest(cast(:ids as bigint[]), cast(:sessions as text[]), cast(:moments as timestamptz[]))
  as p (id, session_id, moment)
where r.review_id = :review_id and r.id = p.id;

-- name: close
update review set closed_at = clock_timestamp(), closed_by = :closed_by where id = :review_id and closed_at is null;
