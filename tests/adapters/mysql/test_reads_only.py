"""The server's own log of statements has nothing of the collector's but questions and settings of its session."""

import re

from tests.adapters.mysql.servers import read
from tests.engines.mysql import COLLECTOR, MysqlServer

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
