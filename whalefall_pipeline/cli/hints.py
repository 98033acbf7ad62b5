"""Says that a list of grants is not all: that more accounts can than have."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import Records
from whalefall_pipeline.ledger.reader import Reader

AT_MOST = 20
"""Instances that are looked at for one line."""


class Named(NamedTuple):
    """An object as it was named."""

    kind: str | None
    path: Sequence[str]


def print_more(reader: Reader, rows: Records, privilege: str, named: Named, at: datetime | None) -> None:
    """Print how many accounts can do what fewer were granted, if these are more; over many instances, where to ask."""
    words = ["whalefall", "who-can", privilege, "ON", *([named.kind] if named.kind else []), _to_text(named.path)]
    command = shlex.join(words)
    instances = sorted({row["instance"] for row in rows})
    if not rows or len(instances) > AT_MOST:
        warn(f"these are single grants; who can by roles and wider grants: {command}")
        return
    can = sum(_count(reader, name, privilege, named, at) for name in instances)
    have = len({(row["instance"], row["username"]) for row in rows if row["effect"] == "grant"})
    if can > have:
        warn(f"{can} accounts can, {have} have it granted: {command}")


def _count(reader: Reader, instance: str, privilege: str, named: Named, at: datetime | None) -> int:
    """Return how many accounts of an instance can; where the question can't be asked there, none."""
    # Only where a question is asked of one privilege on one object.
    from whalefall_pipeline.cli.asking import Asking, find_cases, load_cases  # noqa: PLC0415
    from whalefall_pipeline.core.access.decide import Decider  # noqa: PLC0415
    from whalefall_pipeline.ledger.access import read_asked  # noqa: PLC0415

    asking = Asking(privilege.upper(), named.kind, tuple(named.path))
    asked = [item for item in read_asked(reader, instance, at=at) if item.read_at]
    try:
        cases = find_cases(reader, asked, asking, at, named=True) if asked else []
    except InvalidInputError:
        return 0
    answers = [
        answer
        for case, population in load_cases(reader, cases, at)
        for decider in [Decider(case.access, population)]
        for question in case.questions
        for answer in decider.find_who_can(question)
        if answer.kind.is_counted
    ]
    return len({answer.username for answer in answers})


def _to_text(path: Sequence[str]) -> str:
    return ".".join(_quote(name) for name in path)


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if "." in name or '"' in name else name
