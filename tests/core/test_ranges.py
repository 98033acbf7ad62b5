"""How chosen partitions become runs, and back."""

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.core.ranges import (
    TAG_BYTES,
    build_runs,
    find_chosen,
    find_listed,
    find_missing_ends,
    find_wrong_list,
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=3)
KEYS = st.lists(NAMES, unique=True, max_size=20)
"""No instance has a zero character in its name, nor what is no text."""
LISTED = "whalefall/instances"
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@given(KEYS, st.data())
def test_the_runs_cover_what_was_chosen_and_nothing_else(keys: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    at_most = data.draw(st.integers(1, 5))
    found = [find_chosen(keys, tags) for tags in build_runs(keys, chosen, at_most)]
    assert all(1 <= len(block) <= at_most for block in found)
    assert [key for block in found for key in block] == [key for key in keys if key in chosen]
    assert len(found) == ceil(len(chosen) / at_most)


def test_what_lies_side_by_side_is_a_range_and_what_does_not_a_list() -> None:
    assert build_runs("abc", "ab", 9, {"x": "1"}) == [{"x": "1", START: "a", END: "b"}]
    assert build_runs("abc", "b", 9) == [{"dagster/partition": "b"}]
    assert build_runs("abcxy", "ycxa", 9) == [{LISTED: '["a", "c", "x", "y"]'}]


def test_runs_of_one_launch_share_a_batch() -> None:
    two = build_runs("abc", "ac", 1)
    assert [tags["dagster/partition"] for tags in two] == ["a", "c"]
    assert two[0]["whalefall/batch_id"] == two[1]["whalefall/batch_id"]
    lists = build_runs("abcdefg", "aceg", 2)
    assert [tags[LISTED] for tags in lists] == ['["a", "c"]', '["e", "g"]']
    assert lists[0]["whalefall/batch_id"] == lists[1]["whalefall/batch_id"]


def test_a_long_list_is_several_tags_that_the_storages_index_takes() -> None:
    keys = [f"{'n' * 196}{number:04}" for number in range(100)]
    (tags,) = build_runs(keys, keys[::2], 100)
    assert all(len(text.encode()) <= TAG_BYTES for text in tags.values())
    assert len(tags) == 6
    assert find_chosen(keys, tags) == keys[::2]


@pytest.mark.parametrize(("last", "sizes"), [("é" * 6, [2000]), ("é" * 6 + "e", [1984, 17])])
def test_a_tag_is_as_full_as_can_be(last: str, sizes: list[int]) -> None:
    """In bytes of UTF-8, as the index counts them, with quotes, comma and brackets."""
    first = "é" * 990
    (tags,) = build_runs([first, "between", last], [first, last], 2)
    assert [len(text.encode()) for text in tags.values()] == sizes
    assert find_listed(tags) == [first, last]


@pytest.mark.parametrize(
    "text",
    [
        *("", "a, c", "{}", '"a"', "[1]", "[null]", '["a"', "[" * 100_000, "null", '[["a"]]'),
        *(r'["a", "b\u0000"]', r'["\ud800"]', '["\udcff"]'),
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_what_somebody_else_wrote_there_lists_nothing(text: str) -> None:
    for tags, wrong in (({LISTED: text}, LISTED), ({LISTED: '["a"]', f"{LISTED}.2": text}, f"{LISTED}.2")):
        assert find_listed(tags) == []
        assert find_wrong_list(tags) == f"the tag {wrong} is no JSON list of names"
        assert find_wrong_list({**tags, "dagster/partition": "a"}) is None


@pytest.mark.parametrize("suffixes", [("", ".1"), ("", ".3"), (".2",), ("", ".2", ".4"), ("", ".02"), ("", ".x\n")])
def test_tags_that_do_not_continue_the_list_are_wrong(suffixes: tuple[str, ...]) -> None:
    """Else names would be left out, and nothing would say so."""
    tags = {f"{LISTED}{suffix}": '["a"]' for suffix in suffixes}
    assert find_listed(tags) == []
    wrong = suffixes[-1].replace("\n", r"\n")
    assert find_wrong_list(tags) == f"the tag {LISTED}{wrong} does not continue {LISTED}, {LISTED}.2 and so on"


def test_other_tags_are_no_part_of_the_list() -> None:
    tags = {LISTED: '["a"]', f"{LISTED}.2": "[]", f"{LISTED}_of": "x", "whalefall/batch_id": "y"}
    assert (find_listed(tags), find_wrong_list(tags), find_wrong_list({})) == (["a"], None, None)


def test_a_selected_partition_or_range_is_what_counts() -> None:
    listed = {LISTED: json.dumps(["a", "c", "c"])}
    assert find_listed(listed) == ["a", "c"]
    assert find_chosen("abc", {**listed, "dagster/partition": "b"}) == ["b"]
    assert find_chosen("abc", {**listed, START: "b", END: "c"}) == ["b", "c"]
    assert find_listed({**listed, START: "b", END: "c"}) == []


@pytest.mark.parametrize(
    ("tags", "missing"),
    [
        ({}, []),
        ({"dagster/partition": "gone"}, []),
        ({START: "a", END: "b"}, []),
        ({START: "a", END: "gone"}, ["gone"]),
        ({START: "gone", END: "a"}, ["gone"]),
        ({START: "gone"}, ["gone"]),
        ({END: "b"}, []),
    ],
)
def test_ends_of_a_range_that_are_no_partitions_are_missing(tags: dict[str, str], missing: list[str]) -> None:
    assert find_missing_ends(["a", "b"], tags) == missing


def test_ends_that_are_no_partitions_stand_for_themselves() -> None:
    tags = {START: "a", END: "gone"}
    assert find_chosen(["a", "b"], tags) == ["a", "gone"]
    assert find_chosen(["a", "b"], {}) == []
