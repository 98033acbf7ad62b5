"""Cuts chosen partitions into runs: contiguous ranges, as Dagster's run tags select them, or else lists of names."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from uuid import uuid4

from whalefall_pipeline.core.runs import BATCH_TAG, INSTANCES_TAG, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

TAG_BYTES = 2000
"""Of one tag's value at most: Dagster's storage has an index on them, and PostgreSQL takes 2,700 there."""


def build_runs(
    keys: Sequence[str], chosen: Iterable[str], at_most: int, tags: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Return the tags of runs that sync the chosen keys: as few runs as there can be, of at most so many keys each.

    Where several are needed they share a batch id. A run over a range covers every key between its ends; where ranges
    would be more runs, since there are gaps, names are listed instead.
    """
    wanted = set(chosen)
    ordered = [key for key in keys if key in wanted]
    blocks = [list(block) for is_chosen, block in groupby(keys, wanted.__contains__) if is_chosen]
    ranges = [part for block in blocks for part in _cut(block, at_most)]
    lists = list(_cut(ordered, at_most))
    runs = [_to_range_tags(part) for part in ranges]
    if len(lists) < len(ranges):
        runs = [_to_list_tags(part) for part in lists]
    batch = {BATCH_TAG: str(uuid4())} if len(runs) > 1 else {}
    return [{**(tags or {}), **batch, **own} for own in runs]


def _cut(names: Sequence[str], at_most: int) -> Iterator[Sequence[str]]:
    return (names[start : start + at_most] for start in range(0, len(names), at_most))


def _to_range_tags(block: Sequence[str]) -> dict[str, str]:
    if len(block) == 1:
        return {PARTITION_TAG: block[0]}
    return {RANGE_START_TAG: block[0], RANGE_END_TAG: block[-1]}


def _to_list_tags(names: Sequence[str]) -> dict[str, str]:
    """Return the tags that list names, as JSON; the second and later ones have a number."""
    texts: list[list[str]] = [[]]
    for name in names:
        if len(_to_json([*texts[-1], name]).encode()) > TAG_BYTES:
            texts.append([])
        texts[-1].append(name)
    return {_name_tag(number): _to_json(part) for number, part in enumerate(texts, 1)}


def _to_json(names: Sequence[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


def _name_tag(number: int) -> str:
    return INSTANCES_TAG if number == 1 else f"{INSTANCES_TAG}.{number}"


def find_missing_ends(keys: Sequence[str], tags: Mapping[str, str]) -> list[str]:
    """Return the ends of a run's range that are no partition: nobody knows then what lies between them."""
    return [tags[tag] for tag in (RANGE_START_TAG, RANGE_END_TAG) if tag in tags and tags[tag] not in keys]


def find_chosen(keys: Sequence[str], tags: Mapping[str, str]) -> list[str]:
    """Return the partitions that a run's tags select of all keys, in their order; alone, ends that are no keys.

    Names that are listed are returned as they stand there, keys or not.
    """
    if PARTITION_TAG in tags:
        return [tags[PARTITION_TAG]]
    ends = [tags[tag] for tag in (RANGE_START_TAG, RANGE_END_TAG) if tag in tags]
    if not ends:
        return find_listed(tags)
    if len(ends) < 2 or not all(end in keys for end in ends):
        return ends
    return list(keys[keys.index(ends[0]) : keys.index(ends[1]) + 1])


def find_listed(tags: Mapping[str, str]) -> list[str]:
    """Return the names that a run's tags list, each once; none where partitions or a range are selected.

    A tag that is no list of names lists nothing: anybody may have written it.
    """
    if {PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG} & tags.keys():
        return []
    names: list[str] = []
    number = 1
    while (text := tags.get(_name_tag(number))) is not None:
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            return []
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):  # pyright: ignore[reportUnknownVariableType]
            return []
        names += listed
        number += 1
    return list(dict.fromkeys(names))
