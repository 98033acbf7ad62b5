"""Says that a list of grants is not all: that more accounts can than have."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.core.access.model import Path
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
    command = _to_command(privilege, named)
    instances = sorted({row["instance"] for row in rows})
    if not rows or len(instances) > AT_MOST:
        warn(f"these are single grants; who can by roles and wider grants: {command}")
        return
    can = sum(len(_find_able(reader, name, privilege, named, at)) for name in instances)
    have = len({(row["instance"], row["username"]) for row in rows if row["effect"] == "grant"})
    if can > have:
        warn(f"{can} accounts can, {have} have it granted: {command}")


def print_able(reader: Reader, instance: str | None, privilege: str, named: Named, at: datetime | None) -> bool:
    """Print how many accounts can do what nobody was granted by that name; return whether any grant means the object.

    A grant on all of the server means no object: where no other is there, the name may be a slip of the pen.
    """
    from whalefall_pipeline.ledger.access import read_asked  # noqa: PLC0415 - as below

    instances = [item.name for item in read_asked(reader, instance, at=at)]
    if len(instances) > AT_MOST:
        return False
    found = [_find_able(reader, name, privilege, named, at) for name in instances]
    is_meant = any(narrow for able in found for narrow in able.values())
    if is_meant:
        command = _to_command(privilege, named)
        warn(f"{sum(map(len, found))} accounts can, none has it granted by this name: {command}")
    return is_meant


def _find_able(reader: Reader, instance: str, privilege: str, named: Named, at: datetime | None) -> Mapping[str, bool]:
    """Return the accounts of an instance that can, and whether by a grant on less than the whole server.

    Where the question can't be asked there, none.
    """
    # Only where a question is asked of one privilege on one object.
    from whalefall_pipeline.cli.asking import Asking, find_cases, load_cases  # noqa: PLC0415
    from whalefall_pipeline.core.access.decide import Decider  # noqa: PLC0415
    from whalefall_pipeline.ledger.access import read_asked  # noqa: PLC0415

    asking = Asking(privilege.upper(), named.kind, tuple(named.path))
    asked = [item for item in read_asked(reader, instance, at=at) if item.read_at]
    try:
        cases = find_cases(reader, asked, asking, at, named=True) if asked else []
    except InvalidInputError:
        return {}
    answers = [
        answer
        for case, population in load_cases(reader, cases, at)
        for decider in [Decider(case.access, population)]
        for question in case.questions
        for answer in decider.find_who_can(question)
        if answer.kind.is_counted
    ]
    return {answer.username: any(_is_narrow(path) for path in answer.paths) for answer in answers}


def _is_narrow(path: Path) -> bool:
    held = path.source.held
    return held is not None and bool(held.securable.database)


def _to_command(privilege: str, named: Named) -> str:
    words = ["whalefall", "who-can", privilege, "ON", *([named.kind] if named.kind else []), _to_text(named.path)]
    return shlex.join(words)


def _to_text(path: Sequence[str]) -> str:
    return ".".join(_quote(name) for name in path)


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if "." in name or '"' in name else name
