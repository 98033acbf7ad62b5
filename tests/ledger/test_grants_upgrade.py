"""A ledger that has a row for each grant of each account: what it holds reads the same after the upgrade."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.ledger.rows import read
from tests.ledger.test_grants import IN_NO_ORDER
from tests.ledger.test_migrations import upgrade_to
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.ledger.version import MIGRATIONS

BEFORE = "0019"
GRANTS = MIGRATIONS / "versions" / "0020_grants.sql"
MANY = 900
MINE = "select privilege, count(*) as many from account_grant g where valid_to is null group by privilege"
READER = "pg_signal_backend"
"""A role that is on every server."""
FILL = f"""
insert into instances (name, db_type, host, port)
select 'instance ' || n, 'postgresql', 'h', n from generate_series(1, 2) n;
insert into instance_accounts (instance_id, username, db_type, kind, created_at, updated_at)
select i.id, 'account ' || n, 'postgresql', 'user', now(), now() from instances i, generate_series(1, 5) n;
insert into account_grant
select a.id, a.instance_id, case n % 4 when 0 then 'MEMBER' else 'SELECT' end, 'grant', n % 3 = 0,
       case n % 4 when 0 then 'role' else 'table' end, '', 'schema ' || n % 7, 'name ' || n % 40, '',
       timestamptz '2026-01-01' + make_interval(days => n % 5),
       case when n % 2 = 0 then timestamptz '2026-02-01' + make_interval(days => n % 3) end
from instance_accounts a, generate_series(1, 60) n;
insert into account_grant
select min(id), 1, 'SELECT', 'grant', false, 'table', '', '', 'wide ' || n, '', timestamptz '2026-03-01', null
from instance_accounts, generate_series(1, {MANY}) n group by n;
insert into account_changes (instance_id, db_type, change_time, session_id, instance_account_id, username, change_type,
                             message, in_intervals)
select a.instance_id, a.db_type, timestamptz '2026-03-01', 's', a.id, a.username, 'add', '', true
from instance_accounts a;
grant select on account_grant to {READER}, public;
grant select (scope) on account_grant to pg_read_all_stats;
create view mine with (security_barrier) as {MINE};
"""
VIEWS = ("account_grant", "grant_history", "current_grants", "current_memberships", "account_change_log", "mine")


@pytest.fixture
def before(ledger: Engine) -> Engine:
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, BEFORE)
        connection.exec_driver_sql(FILL.replace("%", "%%"))
    return ledger


def _read_views(ledger: Engine) -> dict[str, Any]:
    return {
        name: read(ledger, f"select to_jsonb(v) as row, count(*) as many from {name} v group by 1 order by 1")
        for name in VIEWS
    }


def test_views_give_what_they_gave(before: Engine) -> None:
    given = _read_views(before)
    assert len(given["account_grant"]) > MANY
    upgrade_ledger(before)
    assert _read_views(before) == given
    (row,) = read(before, "select max(cardinality(grants)) as many, count(*) filter (where of_roles) as of_roles"
                          " from account_holding")  # fmt: skip
    assert row["many"] == 400
    assert row["of_roles"]
    (row,) = read(
        before, "select count(*) as many, count(distinct (instance_id, number)) as numbers from instance_grant"
    )
    assert row["many"] == row["numbers"] > MANY
    assert read(before, IN_NO_ORDER) == []


def test_who_could_read_the_table_can_read_the_view(before: Engine) -> None:
    upgrade_ledger(before)
    (row,) = read(
        before,
        "select array_agg(coalesce(r.rolname, 'public') order by a.grantee) as readers"
        " from pg_class c cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee"
        " where c.oid = 'account_grant'::regclass and a.grantee <> a.grantor and a.privilege_type = 'SELECT'",
    )
    assert row["readers"] == ["public", READER]
    with before.begin() as connection:
        connection.execute(text("grant usage on schema public to pg_read_all_stats"))
        connection.execute(text("set local role pg_read_all_stats"))
        assert connection.execute(text("select count(scope) from account_grant")).scalar_one() > MANY
    with before.begin() as connection:
        connection.execute(text(f"grant usage on schema public to {READER}"))
        connection.execute(text(f"set local role {READER}"))
        assert connection.execute(text("select count(*) from account_grant")).scalar_one() > MANY
        for name in ("instance_grant", "account_holding"):
            assert connection.execute(text(f"select count(*) from {name}")).scalar_one()


@pytest.mark.parametrize("option", ["security_barrier", "security_invoker"])
def test_views_of_others_keep_their_options(before: Engine, option: str) -> None:
    with before.begin() as connection:
        connection.execute(text(f"create or replace view mine with ({option}) as {MINE}"))
    (row,) = read(before, "select reloptions from pg_class where relname = 'mine'")
    assert row["reloptions"] == [f"{option}=true"]
    upgrade_ledger(before)
    assert read(before, "select reloptions from pg_class where relname = 'mine'") == [row]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("create materialized view kept as select * from account_grant", "materialized view kept"),
        ("create schema theirs; create view theirs.kept as select 1 as one from account_grant;"
         " alter view theirs.kept owner to pg_monitor", "view theirs.kept"),
        ("create function counted() returns bigint language sql begin atomic select count(*) from account_grant; end",
         "function counted()"),
        ("create policy few on account_grant using (scope = 'table')", "policy few on table account_grant"),
        ("create function refuse() returns trigger language plpgsql as 'begin return null; end';"
         " create trigger refusing before insert on account_grant for each row execute function refuse()",
         "trigger refusing on table account_grant"),
        ("create publication published for table account_grant", "publication of table account_grant"),
    ],
)  # fmt: skip
def test_what_can_not_be_written_anew_is_named_and_nothing_is_done(before: Engine, made: str, named: str) -> None:
    """By an owner that is no superuser, as `whalefall db grants` has it."""
    owner = "wf_upgrading"
    with before.begin() as connection:
        connection.exec_driver_sql(made)
        connection.execute(text(f"create role {owner}"))
        connection.execute(text(f"grant create, usage on schema public to {owner}"))
        for name in ("account_grant", "mine"):
            connection.execute(text(f"alter table {name} owner to {owner}"))
        given = connection.execute(text("select count(*) from account_grant")).scalar_one()
    try:
        with before.connect() as connection:
            connection.execute(text(f"set role {owner}"))
            with pytest.raises(DBAPIError, match=re.escape(named)):
                connection.exec_driver_sql(GRANTS.read_text().replace("%", "%%"))
        assert read(before, "select count(*) as many from account_grant") == [{"many": given}]
    finally:
        with before.begin() as connection:
            connection.execute(text("drop publication if exists published"))
            connection.execute(text(f"reassign owned by {owner} to current_user"))
            connection.execute(text(f"drop owned by {owner}"))
            connection.execute(text(f"drop role {owner}"))
