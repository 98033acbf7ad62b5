"""How chosen partitions become runs, and back."""

from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.core.ranges import build_ranges, build_run_tags, find_chosen

KEYS = st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=20)


@given(KEYS, st.data())
def test_the_runs_cover_what_was_chosen_and_nothing_else(keys: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    at_most = data.draw(st.integers(1, 5))
    blocks = build_ranges(keys, chosen, at_most)
    assert all(1 <= len(block) <= at_most for block in blocks)
    found = [find_chosen(keys, tags) for tags in build_run_tags(blocks)]
    assert found == blocks
    assert sorted(key for block in found for key in block) == sorted(chosen)


def test_runs_of_one_launch_share_a_batch() -> None:
    alone = build_run_tags([["a", "b"]], {"x": "1"})
    assert alone == [{"x": "1", "dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}]
    two = build_run_tags([["a"], ["c"]])
    assert [tags["dagster/partition"] for tags in two] == ["a", "c"]
    assert two[0]["whalefall/batch_id"] == two[1]["whalefall/batch_id"]


def test_ends_that_are_no_partitions_stand_for_themselves() -> None:
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "gone"}
    assert find_chosen(["a", "b"], tags) == ["a", "gone"]
    assert find_chosen(["a", "b"], {}) == []
