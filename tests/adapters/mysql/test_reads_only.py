"""The server's own log of statements has nothing of the collector's but questions and settings of its session."""

import re

import pytest

from tests.adapters.mysql.servers import read
from tests.engines.mysql import COLLECTOR, MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits

COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
ASKED = re.compile(r"(select|show|set|start transaction|commit|rollback)\b", re.IGNORECASE)


def test_a_collector_only_reads(server: MysqlServer) -> None:
    ((output,),) = server.query("SELECT @@GLOBAL.log_output")
    server.execute("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = ON", "TRUNCATE mysql.general_log")
    try:
        read(server)
    finally:
        server.execute("SET GLOBAL general_log = OFF", f"SET GLOBAL log_output = '{output}'")
    rows = server.query(
        "SELECT command_type, convert(argument USING utf8mb4), thread_id FROM mysql.general_log"
        f" WHERE user_host LIKE '%{COLLECTOR}%'"
    )
    said = [
        COMMENT.sub("", str(argument)) for command, argument, _ in rows if command in ("Query", "Prepare", "Execute")
    ]
    assert len(said) > 10
    assert [statement for statement in said if not ASKED.match(statement)] == []
    assert [
        statement for statement in said if re.search(r"\b(for update|into outfile|lock in share)\b", statement)
    ] == []
    assert {str(command) for command, _, _ in rows} <= {"Connect", "Query", "Quit"}
    assert len({thread for _, _, thread in rows}) == 1  # one connection for all of it


@pytest.mark.parametrize("statement", ["FLUSH PRIVILEGES", "FLUSH TABLES", "CREATE TABLE mysql.wf_made (id int)"])
def test_nobody_waits_for_a_reading(server: MysqlServer, statement: str) -> None:
    """Whose transaction is open and has read all that it reads; whoever had to wait would get an error."""
    ((usual,),) = server.query("SELECT @@SESSION.lock_wait_timeout")
    server.execute("SET SESSION lock_wait_timeout = 1")
    with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
        session.read_accounts()
        session.read_grants()
        server.execute(
            "CREATE USER wf_waiting",
            "GRANT SELECT ON mysql.* TO wf_waiting",
            "ALTER USER wf_waiting ACCOUNT LOCK",
            "DROP USER wf_waiting",
            statement,
        )
    server.execute(f"SET SESSION lock_wait_timeout = {usual}", "DROP TABLE IF EXISTS mysql.wf_made")
