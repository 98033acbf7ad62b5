"""Cuts chosen partitions into runs: contiguous ranges, as Dagster's run tags select them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from uuid import uuid4

from whalefall_pipeline.core.runs import BATCH_TAG, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG


def build_ranges(keys: Sequence[str], chosen: Iterable[str], at_most: int) -> list[list[str]]:
    """Cut chosen keys into runs: contiguous in the order of `keys`, at most so many each.

    A run over a range covers every key between its ends, so a gap begins another run.
    """
    wanted = set(chosen)
    blocks = [list(block) for is_chosen, block in groupby(keys, wanted.__contains__) if is_chosen]
    return [block[start : start + at_most] for block in blocks for start in range(0, len(block), at_most)]


def build_run_tags(blocks: Sequence[Sequence[str]], tags: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return each block's run tags: the range that selects it, and one batch id for all where there are several."""
    batch = {BATCH_TAG: str(uuid4())} if len(blocks) > 1 else {}
    return [{**(tags or {}), **batch, **_to_range_tags(block)} for block in blocks]


def _to_range_tags(block: Sequence[str]) -> dict[str, str]:
    if len(block) == 1:
        return {PARTITION_TAG: block[0]}
    return {RANGE_START_TAG: block[0], RANGE_END_TAG: block[-1]}


def find_missing_ends(keys: Sequence[str], tags: Mapping[str, str]) -> list[str]:
    """Return the ends of a run's range that are no partition: nobody knows then what lies between them."""
    return [tags[tag] for tag in (RANGE_START_TAG, RANGE_END_TAG) if tag in tags and tags[tag] not in keys]


def find_chosen(keys: Sequence[str], tags: Mapping[str, str]) -> list[str]:
    """Return the partitions that a run's tags select of all keys, in their order; alone, ends that are no keys."""
    if PARTITION_TAG in tags:
        return [tags[PARTITION_TAG]]
    ends = [tags[tag] for tag in (RANGE_START_TAG, RANGE_END_TAG) if tag in tags]
    if len(ends) < 2 or not all(end in keys for end in ends):
        return ends
    return list(keys[keys.index(ends[0]) : keys.index(ends[1]) + 1])
