"""Shows nested names and values to people, as a tree."""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from whalefall_pipeline.cli.output import Lines

Tree: TypeAlias = Mapping[str, Any]
BRANCHES = (("├── ", "│   "), ("└── ", "    "))
"""What stands before an item and before what is below it, for all but the last, and for the last."""


def show_tree(out: Lines, title: str, tree: Tree) -> None:
    """Print a title and what is below it; empty lists and branches are left out."""
    out.print(title, "bold")
    _grow(out, tree, "")


def _grow(out: Lines, tree: Tree, before: str) -> None:
    items = [(key, value) for key, value in tree.items() if value not in ([], {})]
    for number, (key, value) in enumerate(items):
        branch, below = BRANCHES[number == len(items) - 1]
        style = "yellow" if key.startswith(("not observed: ", "excluded: ")) else ""
        if isinstance(value, Mapping):
            out.print(f"{before}{branch}{key}", style)
            _grow(out, cast("Tree", value), before + below)
        else:
            out.print(f"{before}{branch}{key}: {_to_text(value)}", style)


def _to_text(value: object) -> str:
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
