"""Modules that run as somebody else make a no unknown, for whoever may run them. See `access_code` for the source."""

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.documented import CARD, DATABASE, ON_SERVER, ORDERS, SELECT
from tests.adapters.sqlserver.test_access import build, shop
from tests.engines.sqlserver import SqlserverEngine
from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Answer, Question, Verdict
from whalefall_pipeline.core.model import Securable

__all__ = ["shop"]

USE = f"USE [{DATABASE}]"
RUN = "GRANT EXECUTE ON OBJECT::[dbo].[pays] TO"
PAYS = f"what routine {DATABASE}.dbo.pays, which runs as [{DATABASE}].[kim], does"


@pytest.fixture
def module(shop: SqlserverEngine) -> SqlserverEngine:
    """A module that runs as `kim`, who reads orders."""
    shop.standin.execute(USE, "CREATE USER [kim] WITHOUT LOGIN", f"{SELECT} [kim]")
    add_module(shop, "pays", "kim")
    return shop


def add_module(shop: SqlserverEngine, name: str, runs_as: str) -> None:
    tables = shop.standin.tables
    ((number,),) = tables.run(f"select principal_id from {DATABASE}.sys.database_principals where name = ?", [runs_as])
    tables.add_module(DATABASE, name, number)


def read_answer(
    shop: SqlserverEngine, readings: Readings, *statements: str, question: Question | None = None
) -> Answer:
    population = build(shop, readings, (USE, *statements))
    return Decider(ACCESS, population).decide("ann", question or Question("SELECT", ORDERS))


@pytest.mark.parametrize(
    "statements",
    [
        (f"{RUN} [ann]",),
        ("GRANT EXECUTE ON SCHEMA::[dbo] TO [ann]",),
        ("GRANT EXECUTE TO [ann]",),
        (f"{RUN} [readers]", "ALTER ROLE [readers] ADD MEMBER [ann]"),
        (f"{RUN} [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [ann]"),
        ("ALTER AUTHORIZATION ON OBJECT::[dbo].[pays] TO [ann]",),
    ],
    ids=["the module", "its schema", "its database", "a role", "by a step", "its owner"],
)
def test_who_may_run_it_may_do_what_it_does(
    module: SqlserverEngine, readings: Readings, statements: tuple[str, ...]
) -> None:
    answer = read_answer(module, readings, *statements)
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (PAYS,))
    assert read_answer(module, readings, question=Question("SELECT", CARD)).verdict is Verdict.UNKNOWN


def test_a_no_stays_one_where_nothing_runs_as_somebody_who_can(module: SqlserverEngine, readings: Readings) -> None:
    assert read_answer(module, readings).verdict is Verdict.NO, "ann may not run it"
    for question in (
        Question("DELETE", ORDERS),
        Question("ALTER TRACE", ON_SERVER),
        Question("SELECT", Securable("table", "master", "dbo", "orders")),
    ):
        answer = read_answer(module, readings, f"{RUN} [ann]", question=question)
        assert (answer.verdict, answer.unseen) == (Verdict.NO, ()), question
    module.standin.execute(USE, "DENY SELECT ON SCHEMA::[dbo] TO [kim]")
    assert read_answer(module, readings).verdict is Verdict.NO, "it runs as somebody who is denied it"


def test_a_module_may_run_another(module: SqlserverEngine, readings: Readings) -> None:
    module.standin.execute(USE, "CREATE USER [zoe] WITHOUT LOGIN", f"{RUN} [zoe]")
    add_module(module, "calls", "zoe")
    answer = read_answer(module, readings, "GRANT EXECUTE ON OBJECT::[dbo].[calls] TO [ann]")
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (PAYS,))


def test_few_are_named(module: SqlserverEngine, readings: Readings) -> None:
    for number in range(4):
        add_module(module, f"pays{number}", "kim")
    answer = read_answer(module, readings, "GRANT EXECUTE TO [ann]")
    assert (len(answer.unseen), answer.unseen[0], answer.unseen[-1]) == (4, PAYS, "and 2 more such")
