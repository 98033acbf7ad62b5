"""The questions that history is kept for are answered by index, on a ledger with enough rows for that to matter."""

from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, TextClause, text

from tests.conftest import making_ledger
from tests.ledger.granting import grant
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.ledger import access, changes, history, queries
from whalefall_pipeline.ledger.database import open_ledger

# 20 instances of 200 accounts with 40 grants each, half of which have ended: 160,000 rows. Each name stands in many
# instances, so that a fleet is searched, and each account is a member of one of 50 roles.
FILL = """
insert into instances (name, db_type, host, port)
select 'instance ' || n, case n % 2 when 0 then 'postgresql' else 'mysql' end, 'localhost', n
from generate_series(1, 20) n;

insert into instance_accounts (instance_id, username, db_type, kind, created_at, updated_at)
select i.id, 'account ' || n, i.db_type, 'user', now(), now() from instances i, generate_series(1, 200) n;

insert into account_attributes (instance_account_id, instance_id, kind, attributes, valid_from, valid_to)
select a.id, a.instance_id, 'user', '{{}}', now() - make_interval(days => n), case when n > 1 then now() end
from instance_accounts a, generate_series(1, 5) n;

{grants}
insert into finding (instance_id, rule_id, username, object, outcome, severity, title, message, detail, opened_at,
                     closed_at, opened_in)
select a.instance_id, 'ALL-0' || n % 5, a.username, n, 'found', 'low', '', '', '{{}}', now(),
       case when n % 2 = 0 then now() end, 's'
from instance_accounts a, generate_series(1, 10) n;

analyze instances, instance_accounts, account_attributes, instance_grant, account_holding, finding;
"""
GRANTS = """
select a.id, a.instance_id, case when n = 1 then 'MEMBER' else 'SELECT' end, 'grant', false,
       case when n = 1 then 'role' when n < 4 then 'database' when n < 6 then 'schema' else 'table' end,
       case when n = 1 then '' else 'db' || n % 3 end,
       case when n < 4 or a.instance_id % 2 = 1 then '' when n < 6 then 'schema' || n else 'schema' || n % 5 end,
       case when n = 1 then 'role' || a.id % 50 when n < 6 then '' else 'table' || (a.id * 7 + n) % 2000 end, '',
       now() - make_interval(days => 10 + n), case when n % 2 = 0 then now() - make_interval(days => n % 9) end
from instance_accounts a, generate_series(1, 40) n
"""
AT = datetime.now(UTC) - timedelta(days=5)
PATTERNS: Mapping[str, object] = {
    "whole": [],
    "ids": [17, 18, 19],
    "instances": [3],
    "patterns": [0],
    "numbers": [0, 0],
    "scopes": ["table", "database"],
    "databases": ["db1", None],
    "schemas": ["schema1", None],
    "objects": ["table7", None],
    "columns": [None, None],
    "privileges": [None, None],
}
SEEDS: Mapping[str, object] = {
    "privileges": ["SELECT"],
    "scopes": ["table"],
    "databases": ["db1"],
    "schemas": ["schema1"],
    "objects": ["table7"],
    "instances": [3],
    "attributes": ['{"superuser": true}'],
    "usernames": ["role7"],
    "everybodys": [],
    "by_principals": [3],
    "by_user_part": [],
    "also": [],
}
ON_OBJECT = text(queries.SQL["who_has_on_object"])
QUESTIONS: Sequence[tuple[str, TextClause, Mapping[str, object]]] = [
    ("any privilege on a table", ON_OBJECT, {"name": "table7"}),
    ("on a table of a schema", ON_OBJECT, {"name": "table7", "before": "schema1"}),
    ("on a whole path", ON_OBJECT, {"name": "table7", "before": "schema1", "first": "db1"}),
    ("on a database", ON_OBJECT, {"name": "db1"}),
    ("members of a role", ON_OBJECT, {"name": "role7", "privilege": "MEMBER"}),
    ("members of a role then", history.SQL["members_at"], {"role": "role7", "instance_id": 3, "at": AT}),
    ("grants of an account then", history.SQL["grants_at"], {"instance_id": 3, "username": "account 7", "at": AT}),
    ("attributes then", history.SQL["attributes_at"], {"instance_id": 3, "username": "account 7", "at": AT}),
    ("what is known by a name", text(access.SQL["known"]), {"instances": [3], "name": "table7"}),
    ("names of databases", text(access.SQL["databases"]), {"scope": "database"}),
    ("what bears on a question then", text(access.SQL["held"]), {**PATTERNS, "at": AT}),
    ("all that an account holds then", text(access.SQL["all_held"]), {"ids": [17], "at": AT}),
    ("grants of an account now", changes.SQL["read_grants"], {"ids": [17]}),
]


@pytest.fixture(scope="module")
def filled(ledger_server: PostgresqlServer) -> Generator[Engine]:
    with making_ledger(ledger_server) as url:
        engine = open_ledger(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(FILL.format(grants=grant(GRANTS)).replace("%", "%%"))
        yield engine
        engine.dispose()


def explain(connection: Connection, statement: TextClause, values: Mapping[str, object]) -> list[str]:
    unset = ("privilege", "before", "first", "username", "instance", "account", "kind", "chosen")
    optional = dict.fromkeys(unset) | ({} if "at" in values else {"at": None})
    given = {name: value for name, value in {**optional, **values}.items() if f":{name}" in statement.text}
    return list(connection.execute(text(f"explain {statement.text}"), given).scalars())


@pytest.mark.parametrize(("statement", "values"), [item[1:] for item in QUESTIONS], ids=[item[0] for item in QUESTIONS])
def test_a_question_is_an_index_scan(filled: Engine, statement: TextClause, values: Mapping[str, object]) -> None:
    with filled.connect() as connection:
        plan = explain(connection, statement, values)
    kept = ("instance_grant", "account_holding", "account_attributes")
    assert [line for line in plan if "Seq Scan" in line and any(table in line for table in kept)] == [], "\n".join(plan)
    assert any("Index Cond" in line for line in plan)


def test_who_may_come_to_a_grant_is_looked_up_by_index(filled: Engine) -> None:
    """Of all its accounts, of what they are set to, and of grants and memberships only those that matter."""
    with filled.connect() as connection:
        plan = explain(connection, text(access.SQL["relevant"]), SEEDS)
    kept = ("instance_grant", "account_holding", "account_attributes")
    assert [line for line in plan if "Seq Scan" in line and any(table in line for table in kept)] == [], "\n".join(plan)
    indexes = ("account_holding_instance", "instance_grant_object", "instance_grant_scope", "account_attributes_now")
    for index in indexes:
        assert any(index in line for line in plan), index


@pytest.mark.parametrize("status", [None, "closed", "open", "waived", "unknown"])
def test_findings_of_an_instance_are_looked_up_by_index(filled: Engine, status: str | None) -> None:
    unset = dict.fromkeys(("chosen", "account", "rule", "severities", "since"))
    values = {**unset, "instance": "instance 3", "status": status, "at_most": 10}
    with filled.connect() as connection:
        plan = explain(connection, text(queries.SQL["findings"]), values)
    index = "finding_closed" if status == "closed" else "finding_open"
    assert any(index in line for line in plan), "\n".join(plan)
