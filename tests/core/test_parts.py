"""Which scopes of coverage are parts of others, and which only look so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import NAMES
from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.exclusions import leave_out, sees, to_observations
from whalefall_pipeline.core.model import Coverage, Grant, Observation, Reading, Securable, Seen
from whalefall_pipeline.core.parts import PARTS, to_whole

OBSERVED = Observation(Seen.OBSERVED)
WHY = "nobody may connect to it"


@given(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.sampled_from(sorted(PARTS)))
def test_a_part_is_one_of_a_whole_whose_name_may_have_slashes(name: str, part: str) -> None:
    for whole in ("server", f"database:{name}"):
        assert to_whole(f"{whole}/{part}") == whole
        assert to_whole(whole) == ""


def test_all_parts_that_engines_tell_apart_are_known() -> None:
    told = {
        scope.rpartition("/")[2]
        for adapter in ADAPTERS.values()
        for kind in adapter.rules.categories
        for database in ("", "shop")
        if "/" in (scope := adapter.rules.observed_by(kind, database))
    }
    assert told
    assert told <= PARTS


@pytest.mark.parametrize("name", ["shop/2025", "shop/", "/shop", "shop/x/y"])
def test_a_database_is_read_though_one_with_the_beginning_of_its_name_is_excluded(name: str) -> None:
    coverage: Coverage = {"server": OBSERVED, "database:shop": OBSERVED, f"database:{name}": OBSERVED}
    grants = [Grant("ana", "SELECT", Securable("table", database, "public", "t")) for database in ("shop", name)]
    reading = leave_out(Reading.of(grants, coverage), {"database:shop": WHY})
    assert reading.grants == (grants[1],)
    assert reading.coverage == {**coverage, **to_observations({"database:shop": WHY})}
    assert sees(RULES, "table", name, reading.coverage)
    denied = {"server": OBSERVED, "database:shop": Observation(Seen.DENIED, "no")}
    assert sees(RULES, "table", name, denied), "it was dropped: what lists the databases no longer has it"
