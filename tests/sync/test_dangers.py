"""Who is a superuser, or could become one, is known after every sync, and found again only where that may differ."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.engines.scripted import FLAGS, OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.core.access.danger_summary import DangerSummary, Risk
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.sync import dangers


def set_role(member: str, name: str) -> list[Grant]:
    return [Grant(member, option, Securable("role", object=name)) for option in ("MEMBER", "SET")]


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    fleet.adapter.access = ACCESS
    fleet.adapter.tells_rows = True
    predefined = Account("pg_execute_server_program", Kind.PREDEFINED, {**FLAGS, "rolcanlogin": False})
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana"), user("bob"), role("dba"), predefined]
    fleet.adapter.grants = [*set_role("ana", "root"), *set_role("bob", "dba")]
    return fleet


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many accounts were looked at, each time that they were."""
    looked: list[int] = []
    summarise = dangers.summarise

    def count(access: object, population: Population, basis: tuple[str, ...]) -> DangerSummary:
        looked.append(len(population.accounts))
        return summarise(ACCESS, population, basis)

    monkeypatch.setattr(dangers, "summarise", count)
    return looked


def sync(fleet: Fleet) -> DangerSummary:
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert outcome.dangers is not None
    return outcome.dangers


def test_what_an_older_version_kept_is_found_anew(fleet: Fleet, found: list[int], ledger: Engine) -> None:
    told = sync(fleet)
    with ledger.begin() as connection:
        connection.execute(text("update instances set danger_summary = danger_summary - 'takings'"))
    assert sync(fleet) == told
    assert len(found) == 2
    assert [(one.username, one.accounts) for one in told.takings.superusers] == [("ana", 0)]


def test_superusers_and_who_could_become_one_are_counted(fleet: Fleet, ledger: Engine) -> None:
    told = sync(fleet)
    assert (told.superusers, told.could_become) == (1, 1)
    assert list(told.listed) == [Risk("root", True, ""), Risk("ana", False, "member of root, superuser")]
    (row,) = read(ledger, "select danger_summary d from instances")
    assert DangerSummary.from_json(row["d"]) == told


def test_without_a_change_they_are_told_and_not_looked_for(fleet: Fleet, found: list[int]) -> None:
    first = sync(fleet)
    assert sync(fleet) == first
    fleet.adapter.grants.append(select_on("bob", "orders"))
    assert sync(fleet) == first
    fleet.adapter.coverage["database:hr"] = Observation(Seen.DENIED, "no CONNECT")
    assert sync(fleet) == first
    assert sync(fleet) == first
    assert found == [5]


def test_what_bears_on_them_has_them_found_anew(fleet: Fleet, found: list[int]) -> None:
    sync(fleet)
    fleet.adapter.grants += set_role("bob", "pg_execute_server_program")
    assert (sync(fleet).could_become, len(found)) == (2, 2)
    fleet.adapter.accounts[3] = Account("dba", Kind.ROLE, {**FLAGS, "rolcanlogin": False, "rolsuper": True})
    assert (sync(fleet).superusers, len(found)) == (2, 3)
    del fleet.adapter.accounts[0]
    fleet.adapter.grants = [item for item in fleet.adapter.grants if item.securable.object != "root"]
    told = sync(fleet)
    assert (told.superusers, told.could_become, len(found)) == (1, 1, 4)
    assert "bob" in {risk.username for risk in told.listed}


def test_an_account_that_is_gone_is_no_danger(fleet: Fleet, found: list[int]) -> None:
    sync(fleet)
    del fleet.adapter.accounts[0]
    fleet.adapter.grants = set_role("bob", "dba")
    told = sync(fleet)
    assert (told.superusers, told.could_become) == (0, 0)


def test_an_adapter_without_rules_of_access_says_nothing(ledger: Engine, tmp_path: Path) -> None:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    fleet.adapter.accounts, fleet.adapter.coverage = [user("root", rolsuper=True)], {"server": OBSERVED}
    (outcome,) = fleet.sync()
    assert (outcome.error, outcome.dangers) == (None, None)


def test_few_are_listed_and_all_are_counted(fleet: Fleet) -> None:
    fleet.adapter.accounts += [user(f"u{number}", rolsuper=True) for number in range(30)]
    told = sync(fleet)
    assert (told.superusers, len(told.listed)) == (31, 20)
