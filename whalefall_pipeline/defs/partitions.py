"""The partitions: one per active instance, its name the key."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import dagster as dg

INSTANCES = dg.DynamicPartitionsDefinition(name="instances")
PARTITIONS_NAME = "instances"


def diff_partitions(present: Iterable[str], active: Iterable[str]) -> tuple[list[str], list[str]]:
    """Give the keys to add and the keys to delete, so that the partitions equal the active instances."""
    present, active = list(present), list(active)
    return sorted(set(active) - set(present)), sorted(set(present) - set(active))


def build_ranges(keys: Sequence[str], chosen: Iterable[str], at_most: int) -> list[list[str]]:
    """Cut chosen keys into runs: contiguous in the order of `keys`, at most so many each.

    A run over a range covers every key between its ends, so a gap begins another run.
    """
    wanted = set(chosen)
    blocks = [list(block) for is_chosen, block in groupby(keys, wanted.__contains__) if is_chosen]
    return [block[start : start + at_most] for block in blocks for start in range(0, len(block), at_most)]


def build_range_tags(block: Sequence[str]) -> dict[str, str]:
    """Give the run tags that select a contiguous block of partitions."""
    if len(block) == 1:
        return {"dagster/partition": block[0]}
    return {"dagster/asset_partition_range_start": block[0], "dagster/asset_partition_range_end": block[-1]}
