"""What the schedule requests: as few runs as settings allow, in one batch, and none where nothing is active."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterable, Iterator
from typing import Any, cast

import dagster as dg
import pytest

from whalefall_pipeline.core.sessions import BATCH_TAG
from whalefall_pipeline.defs.partitions import PARTITIONS_NAME
from whalefall_pipeline.defs.schedules import build_daily_sync
from whalefall_pipeline.settings import get_settings

PARTITION, START, END = "dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@pytest.fixture
def two_per_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WHALEFALL_PARTITIONS_PER_RUN", "2")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def tick(*names: str) -> list[Any]:
    """Return what the schedule answers where these instances are active: requests of runs, or why there are none."""
    with dg.instance_for_test() as instance, dg.build_schedule_context(instance=instance) as context:
        instance.add_dynamic_partitions(PARTITIONS_NAME, names)
        return [*cast("Iterable[Any]", build_daily_sync()(context))]


@pytest.mark.usefixtures("two_per_run")
def test_a_large_fleet_is_several_runs_in_one_batch() -> None:
    tags = [request.tags for request in tick("a", "b", "c", "d", "e")]
    ranges = [(tag.get(START), tag.get(END), tag.get(PARTITION)) for tag in tags]
    assert ranges == [("a", "b", None), ("c", "d", None), (None, None, "e")]
    assert len({tag[BATCH_TAG] for tag in tags}) == 1


def test_a_fleet_of_usual_size_is_one_run_without_a_batch() -> None:
    (request,) = tick("a", "b", "c")
    assert (request.tags[START], request.tags[END]) == ("a", "c")
    assert BATCH_TAG not in request.tags


def test_no_active_instance_requests_no_run_and_says_why() -> None:
    (skip,) = tick()
    assert isinstance(skip, dg.SkipReason)
    assert skip.skip_message == "no instance is active; register one with: whalefall instances add"
