"""For every account, object and privilege the verdict is what happens when the account logs in and tries."""

import sys
from collections.abc import Sequence

import pytest

from tests.adapters.mysql.access.population import Login, build, list_logins
from tests.adapters.mysql.access.trying import TRIES, decide_all, list_set_role, read_population, try_all
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Question, Verdict

SETTINGS = {
    "plain": ["SET GLOBAL partial_revokes = OFF"],
    "partial revokes": ["SET GLOBAL partial_revokes = ON"],
    "all roles on": ["SET GLOBAL partial_revokes = OFF", "SET GLOBAL activate_all_roles_on_login = ON"],
    "mandatory roles": ["SET GLOBAL partial_revokes = OFF", "SET GLOBAL mandatory_roles = 'r_name,r_deep'"],
}
Differences = list[tuple[str, Question, Verdict, Verdict]]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_verdict_is_what_happens(settable: MysqlServer, settings: str) -> None:
    server = settable
    is_mysql = server.flavour == "mysql"
    if settings != "plain" and not is_mysql:
        pytest.skip("a setting of MySQL")
    revokes = settings == "partial revokes"
    server.execute(*build(server.flavour, revokes=revokes))
    server.execute(*(SETTINGS[settings] if is_mysql else ()))
    judge(server, list_logins(revokes=revokes))


def test_what_public_holds_everybody_has(settable: MysqlServer) -> None:
    server = settable
    if server.flavour != "mariadb" or server.lacks("public"):
        pytest.skip("of MariaDB from 10.11 on")
    server.execute(*build(server.flavour))
    server.execute("GRANT SELECT ON appx.* TO PUBLIC", "GRANT r_longer TO PUBLIC", "GRANT DELETE ON shop.t TO PUBLIC")
    judge(server, list_logins())


def judge(server: MysqlServer, logins: Sequence[Login], enough: int = 40) -> None:
    """Compare all verdicts with what happens, and print how many there were."""
    population = read_population(server)
    decider = Decider(ACCESS, population)
    roles = list_set_role(population)
    differences: Differences = []
    counts = dict.fromkeys(Verdict, 0)
    for login in logins:
        verdicts = decide_all(decider, login.username)
        truth = try_all(server, login, roles)
        for question, true in truth.items():
            counts[true] += 1
            if verdicts[question] is not true:
                differences.append((login.username, question, verdicts[question], true))
    counted = ", ".join(f"{verdict}: {count}" for verdict, count in counts.items())
    sys.stdout.write(f"{population.version}: {len(logins)} accounts, {len(TRIES)} questions; {counted}\n")
    assert not differences, "\n".join(
        f"{name} {q.privilege} {q.securable}: {said}, but {true}" for name, q, said, true in differences
    )
    assert len(logins) >= enough
    assert min(counts[Verdict.YES], counts[Verdict.AFTER_STEP], counts[Verdict.NO]) > enough // 2


def test_an_anonymous_account_has_what_holds_for_everybody_too(settable: MysqlServer) -> None:
    server = settable
    server.execute("CREATE USER ''@localhost", *build(server.flavour))  # refused where it has rows already
    server.execute("GRANT INSERT ON shop.* TO ''@localhost", "GRANT SELECT ON appx.t TO ''@localhost")
    population = read_population(server)
    verdicts = decide_all(Decider(ACCESS, population), "@localhost")
    assert verdicts == try_all(server, Login("somebody", host="localhost"), {}, "@localhost")
    assert list(verdicts.values()).count(Verdict.YES) > 4
    judge(server, [login for login in list_logins() if login.host == "localhost"], enough=5)
