"""The partitions: one per active instance, its name the key."""

from collections.abc import Iterable

import dagster as dg

from whalefall_pipeline.core.runs import PARTITIONS_NAME

INSTANCES = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)


def diff_partitions(present: Iterable[str], active: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the keys to add and the keys to delete, so that the partitions equal the active instances."""
    present, active = list(present), list(active)
    return sorted(set(active) - set(present)), sorted(set(present) - set(active))
