"""Cuts chosen partitions into runs: contiguous ranges, as Dagster's run tags select them, or else lists of names."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby, takewhile
from typing import cast
from uuid import uuid4

from whalefall_pipeline.core.runs import BATCH_TAG, INSTANCES_TAG, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from whalefall_pipeline.core.text import is_unicode, make_visible

TAG_BYTES = 2000
"""Of one tag's value at most: Dagster's storage has an index on them, and PostgreSQL takes 2,700 there."""
_SELECTING = frozenset({PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG})


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

    Nor are there any where `find_wrong_list` finds something: a part of a list is not what somebody meant.
    """
    if _SELECTING & tags.keys() or find_wrong_list(tags):
        return []
    names = (name for tag in _name_tags(tags) for name in _read_names(tags[tag]) or ())
    return list(dict.fromkeys(names))


def find_wrong_list(tags: Mapping[str, str]) -> str | None:
    """Return in one line what is wrong with the tags that list names: anybody may have written them.

    None: nothing is, or there are none, or partitions or a range are selected instead.
    """
    if _SELECTING & tags.keys():
        return None
    wanted = _name_tags(tags)
    for tag in sorted(tag for tag in tags if tag == INSTANCES_TAG or tag.startswith(f"{INSTANCES_TAG}.")):
        if tag not in wanted:
            return f"the tag {make_visible(tag)} does not continue {INSTANCES_TAG}, {INSTANCES_TAG}.2 and so on"
        if _read_names(tags[tag]) is None:
            return f"the tag {tag} is no JSON list of names"
    return None


def _name_tags(tags: Mapping[str, str]) -> list[str]:
    """Return the tags that list names, as far as they are numbered without a gap."""
    return list(takewhile(tags.__contains__, map(_name_tag, count(1))))


def _read_names(text: str) -> list[str] | None:
    """Return the names that a tag lists; None: it is no list of texts that can be names."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list):
        return None
    items = cast("list[object]", listed)
    names = [item for item in items if isinstance(item, str) and is_unicode(item) and "\0" not in item]
    return names if len(names) == len(items) else None
