"""Labels of instances: how they are written, and how they choose."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.text import is_visible
from whalefall_pipeline.ledger.queries import read_instance_rows
from whalefall_pipeline.ledger.reader import Reader

LONGEST = 200
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", "-l", help="Only instances with KEY=VALUE; repeat it: with all of them.")
]


def parse_labels(items: Sequence[str] | None) -> dict[str, str]:
    """Return labels as they are written on a command line. Raises InvalidInputError for what is none."""
    labels: dict[str, str] = {}
    for item in items or ():
        key, equals, value = item.partition("=")
        if not equals:
            raise InvalidInputError(f"--label takes KEY=VALUE, not {item!r}")
        labels[key] = value
    check_labels(labels)
    return labels


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise InvalidInputError for a label that no instance may have."""
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            raise InvalidInputError(f"{key!r} is no label; take letters, digits, and _ . - between them")
        if len(value) > LONGEST or not is_visible(value) or value != value.strip():
            raise InvalidInputError(f"the label {key} can't be {value!r}")


def find_labelled(reader: Reader, items: Sequence[str] | None, *, removed: bool = False) -> list[str] | None:
    """Return the names of the instances that have all these labels; None where no label is asked for.

    Raises InvalidInputError where no instance has them: an empty answer would say that nothing is there.
    """
    if not items:
        return None
    rows = read_instance_rows(reader, removed=removed)
    return choose_labelled({row["name"]: row["labels"] for row in rows}, parse_labels(items))


def choose_labelled(instances: Mapping[str, Mapping[str, str]], labels: Mapping[str, str]) -> list[str]:
    """Return the names of those that have all these labels. Raises InvalidInputError where none has."""
    names = [name for name, own in instances.items() if labels.items() <= own.items()]
    if not names:
        wanted = " ".join(format_labels(labels))
        known = sorted({word for own in instances.values() for word in format_labels(own)})
        more = f"; there are {', '.join(known[:10])}" if known else "; none has any"
        raise InvalidInputError(f"no instance has the label {wanted}{more}")
    return names


def format_labels(labels: Mapping[str, str]) -> list[str]:
    """Return labels as they are written."""
    return [f"{key}={value}" for key, value in sorted(labels.items())]
