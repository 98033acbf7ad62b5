"""Which passwords expire: every one that the server keeps, be it empty, and none of another's."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import pymysql
import pytest

from tests.adapters.mysql.access.population import Login
from tests.adapters.mysql.access.test_logins import is_let_in
from tests.adapters.mysql.access.trying import read_population
from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from tests.servers import mysql as servers
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.names import quote_account
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Gate, GateState, Question
from whalefall_pipeline.core.model import Account, AccountState, Json, Kind, Securable
from whalefall_pipeline.core.rules import PASSWORD_EXPIRED

AGE = {
    "mysql": "UPDATE mysql.user SET password_last_changed = '2020-01-01' WHERE user = 'aged'",
    "mariadb": "UPDATE mysql.global_priv SET priv = json_set(priv, '$.password_last_changed', 1) WHERE user = 'aged'",
}
NEVER = "*" + "0" * 40


def find_reasons(attributes: Mapping[str, Json]) -> list[str]:
    state = AccountState.of(Account("ann@%", Kind.USER, attributes))
    return RULES.own_capabilities(state, datetime.now(UTC))[PASSWORD_EXPIRED]


def test_an_empty_password_grows_old_too(server: MysqlServer) -> None:
    server.execute("CREATE USER aged PASSWORD EXPIRE INTERVAL 1 DAY", AGE[server.flavour], "FLUSH PRIVILEGES")
    attributes = read(server)[0]["aged@%"].attributes
    assert attributes["has_password"] is False
    assert find_reasons(attributes) == ["the password is older than 1 days"]
    assert not is_let_in(server, Login("aged"))


@pytest.mark.parametrize("days", [65_535, 3_000_000, 4_294_967])
def test_a_lifetime_may_be_longer_than_time_is_reckoned(mariadb: MysqlServer, days: int) -> None:
    mariadb.execute(f"CREATE USER ann IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL {days} DAY")
    account = read(mariadb)[0]["ann@%"]
    assert account.attributes["password_lifetime_days"] == days
    assert not find_reasons(account.attributes)
    RULES.passes_at(account, datetime.now(UTC))


def test_who_is_known_to_another_does_not_expire(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    me = f"{getuser()}@localhost"
    with servers.start("mariadb", [f"--socket=/tmp/{tmp_path.parent.name}.{id(tmp_path)}.sock"]) as running:
        server = MysqlServer(running)
        socket = str(server.query("SELECT @@socket")[0][0])
        for method in ("unix_socket", f"mysql_native_password USING '{NEVER}' OR unix_socket"):
            server.execute(f"CREATE OR REPLACE USER {quote_account(me, 'mariadb')} IDENTIFIED VIA {method}")
            server.execute(f"GRANT ALL ON *.* TO {quote_account(me, 'mariadb')}")
            server.execute(f"ALTER USER {quote_account(me, 'mariadb')} PASSWORD EXPIRE")
            with closing(pymysql.connect(unix_socket=socket, user=getuser())) as own, own.cursor() as cursor:
                assert cursor.execute("SELECT 1") == 1
            has_password = bool(read(server)[0][me].attributes["has_password"])
            gate = find_gate(server, me)
            assert gate.state is GateState.OPEN
            assert ("only by unix_socket" in gate.reason) is has_password
            assert bool(find_reasons(read(server)[0][me].attributes)) is has_password
        server.close()


def find_gate(server: MysqlServer, username: str) -> Gate:
    question = Question("SELECT", Securable("table", "mysql", "", "db"))
    answer = Decider(ACCESS, read_population(server)).decide(username, question)
    return next(gate for gate in answer.gates if gate.name == "login")
