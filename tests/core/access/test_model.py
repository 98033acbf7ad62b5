"""The values of effective access: what a path comes to, since when, and who acts in the end."""

from datetime import UTC, datetime

import pytest

from whalefall_pipeline.core.access.model import (
    Acting,
    Answer,
    Danger,
    Escalation,
    GateQuestion,
    Link,
    Path,
    Population,
    Question,
    Seeds,
    Source,
    Verdict,
)
from whalefall_pipeline.core.model import Held, Kind, Securable

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
ROLE = Link("ana", "role", "member of role", since=EARLY)
STEP = Link("role", "boss", "member of boss", "SET ROLE boss", since=LATE)
SOURCE = Source("boss", "SELECT on orders", "grant it", since=None)
HELD = Held("SELECT", Securable("table", "shop", "public", "orders"))


def test_a_path_says_its_links_its_steps_and_its_source_in_order() -> None:
    path = Path((ROLE, STEP), SOURCE)
    assert str(path) == "member of role, member of boss, SELECT on orders"
    assert path.steps == ("SET ROLE boss", "grant it")
    assert Path((), SOURCE._replace(step="")).steps == ()


@pytest.mark.parametrize(
    ("links", "actor"),
    [((), "boss"), ((ROLE,), "ana"), ((ROLE, STEP), "boss"), ((STEP, Link("boss", "top", "member of top")), "boss")],
)
def test_who_acts_is_whom_the_last_step_leads_to_or_who_logs_in(links: tuple[Link, ...], actor: str) -> None:
    assert Path(links, SOURCE).actor == actor


def test_a_path_holds_since_its_youngest_part_that_is_known() -> None:
    assert Path((ROLE, STEP), SOURCE).since == LATE
    assert Path((ROLE,), SOURCE).since == EARLY
    assert Path((ROLE,), SOURCE._replace(since=LATE)).since == LATE
    assert Path((), SOURCE).since is None


def test_a_way_to_a_danger_says_the_same() -> None:
    danger = Danger("boss", "", 1, "may write files", "write one", since=LATE)
    way = Escalation("ana", (ROLE, STEP), danger)
    assert (str(way), way.since) == ("member of role, member of boss, may write files", LATE)
    assert way.steps == ("SET ROLE boss", "write one")
    assert Escalation("ana", (ROLE,), danger._replace(since=None)).since == EARLY
    assert Escalation("ana", (), danger._replace(since=None)).since is None


def test_an_identity_is_found_once_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def find_identity(name: str) -> set[str]:
        asked.append(name)
        return {name, "its role"}

    acting = Acting("ana", "boss", find_identity)
    assert asked == []
    assert acting.identity == {"boss", "its role"}
    assert acting.identity == {"boss", "its role"}
    assert asked == ["boss"]


def test_a_population_knows_since_when_who_holds_what() -> None:
    population = Population({}, {("ana", HELD): EARLY})
    assert population.find_since("ana", HELD) == EARLY
    assert population.find_since("bob", HELD) is None


def test_what_is_not_said_of_a_value_is_the_usual() -> None:
    question = Question(HELD.privilege, HELD.securable)
    assert not any((ROLE.own, ROLE.adds, SOURCE.own, Danger("a", "b", 1, "may", "do").own))
    assert not GateQuestion("connect", question).by_login
    assert not any((Seeds(()).by_principals, Seeds(()).by_user_part))
    assert Answer("ana", Kind.USER, question, Verdict.NO).complete
