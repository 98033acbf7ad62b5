"""The login that `instances grants` makes sees what an administrator sees, and says what each line opens."""

import re

import pytest

from tests.adapters.mysql.servers import read
from tests.engines.engine import ACCOUNT as PROBE
from tests.engines.mysql import MysqlServer
from tests.engines.test_scopes import grant_all
from whalefall_pipeline.adapters.engine import Opening, Product
from whalefall_pipeline.adapters.mysql import MysqlAdapter
from whalefall_pipeline.adapters.mysql.definers import DEFINERS
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Coverage, Login, Seen

LEAST = Login("wf least", "A secret 4 the test!")
ACCOUNT = "'wf least'@'localhost'"


def test_the_script_is_enough_and_every_line_is_needed(server: MysqlServer) -> None:
    server.create_accounts([PROBE])
    grant_all(server)
    create, *lines = server.adapter.build_collector(f"{LEAST.username}@localhost", Product(server.flavour))
    server.execute(create.statement, f"ALTER USER {ACCOUNT} IDENTIFIED BY '{LEAST.password}' ACCOUNT UNLOCK")
    server.execute(*(line.statement for line in lines))

    # the usual collector of these tests may read all of mysql.* and see all definers, as an administrator may
    (accounts, found), (all_accounts, whole) = read(server, LEAST), read(server)
    assert accounts == all_accounts
    assert (found.held, found.attributes) == (whole.held, whole.attributes)
    assert found.coverage == whole.coverage
    assert list_unseen(found.coverage) == {}

    for line in lines:
        server.execute(line.statement.replace("GRANT ", "REVOKE ", 1).replace(" TO ", " FROM "))
        said = read_what_is_missing(server)
        assert said, line
        assert all(name_of(line) in reason for reason in said.values()), (line, said)
        assert (set(said) == {DEFINERS}) is line.is_optional
        server.execute(line.statement)
    assert read_what_is_missing(server) == {}


def read_what_is_missing(server: MysqlServer) -> dict[str, str]:
    """Return the scopes that are not observed, with the reason; `accounts` where nothing can be read without them."""
    try:
        return list_unseen(read(server, LEAST)[1].coverage)
    except SyncDataError as error:
        return {"accounts": str(error)}


def list_unseen(coverage: Coverage) -> dict[str, str]:
    return {scope: seen.reason for scope, seen in coverage.items() if seen.status is not Seen.OBSERVED}


def name_of(line: Opening) -> str:
    """Return what a line grants, as a reason has to name it: the table, or the first privilege on the whole server."""
    found = re.search(r"ON (mysql\.\w+)", line.statement)
    return found[1] if found else "SHOW VIEW"


@pytest.mark.parametrize(
    ("product", "words"),
    [
        (Product("mysql", (8, 0, 17)), ("ACCOUNT LOCK", "SELECT ON *.*")),
        (Product("mysql", (8, 0, 18)), ("IDENTIFIED BY RANDOM PASSWORD", "EVENT, SELECT ON *.*")),
        (Product("mysql", (8, 4)), ("IDENTIFIED BY RANDOM PASSWORD", "SHOW_ROUTINE ON *.*")),
        (Product("mysql"), ("IDENTIFIED BY RANDOM PASSWORD", "SHOW_ROUTINE ON *.*")),
        (Product("mariadb", (10, 4)), ("ACCOUNT LOCK", "mysql.global_priv")),
    ],
)
def test_a_script_is_of_a_version(product: Product, words: tuple[str, ...]) -> None:
    text = "\n".join(line.statement for line in MysqlAdapter().build_collector("reader", product))
    assert all(word in text for word in words)
    assert "'reader'@'%'" in text
