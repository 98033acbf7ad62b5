"""The server's own tables: whoever is said to read one reads it, and nobody is said to change what nobody changes."""

import pytest

from tests.adapters.mysql.access.population import Login
from tests.adapters.mysql.access.trying import connect, is_allowed, read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Question, Verdict
from whalefall_pipeline.core.model import Securable

GRANTS = {"nothing": "", "process": "PROCESS", "data": "SELECT, INSERT, UPDATE, DELETE"}
TRIES = {"SELECT": "SELECT 1 FROM {} LIMIT 1", "DELETE": "DELETE FROM {} WHERE false"}
REFUSED = frozenset({1044, 1142, 1227})
ASKS_MORE = {"log_status": "BACKUP_ADMIN beside SELECT", "ALL_PLUGINS": "a folder of plugins that can be read"}


@pytest.mark.parametrize("grants", GRANTS)
def test_the_servers_own_tables_are_open_to_whom_it_is_said(settable: MysqlServer, grants: str) -> None:
    server = settable
    server.execute("CREATE USER ann", *([f"GRANT {GRANTS[grants]} ON *.* TO ann"] if GRANTS[grants] else []))
    decider = Decider(ACCESS, read_population(server))
    listed = server.query(
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema IN ('information_schema', 'performance_schema')"
    )
    assert len(listed) > 100
    seen: set[bool] = set()
    with connect(server, Login("ann")) as cursor:
        for database, name in listed:
            for privilege in ("SELECT", "DELETE") if database == "information_schema" else ("SELECT",):
                if name in ASKS_MORE:
                    continue
                question = Question(privilege, Securable("table", str(database), "", str(name)))
                done = is_allowed(cursor, TRIES[privilege].format(f"{database}.{name}"), REFUSED)
                seen.add(done)
                assert decider.decide("ann@%", question).verdict is (Verdict.YES if done else Verdict.NO), question
    assert seen == {False, True}
