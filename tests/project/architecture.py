"""Draws the picture of the modules in docs/architecture.md, by `make architecture`.

The arrows are the imports that the code has, as import-linter's own graph finds them.
"""

from pathlib import Path

import grimp

PACKAGE = "whalefall_pipeline"
ADAPTERS = f"{PACKAGE}.adapters"
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"


def build_picture() -> str:
    """Build the Mermaid text of the package's folders and modules, and of the engines in `adapters`.

    An arrow that follows from others is left out: who imports `sync` imports what that imports.
    """
    uses = list_uses()
    lines = ["graph TD"]
    for name in sorted(uses):
        lines.append(f'  {_to_id(name)}["{_to_label(name)}"]')
        lines += [f"  {_to_id(name)} --> {_to_id(used)}" for used in sorted(_reduce(name, uses))]
    return "\n".join(lines) + "\n"


def write_picture() -> None:
    """Put the picture of the code as it is into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + build_picture() + END + rest.partition(END)[2], encoding="utf-8")


def read_picture() -> str:
    """Return the picture that stands in the page."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def list_uses() -> dict[str, set[str]]:
    """Return what each part imports directly.

    In `adapters` the engines and the list of them are parts of their own, beside what they have in common.
    """
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    engines = {name for name in graph.find_children(ADAPTERS) if graph.find_children(name)}
    parts = graph.find_children(PACKAGE) | engines | {f"{ADAPTERS}.registry"}
    uses: dict[str, set[str]] = {part: set() for part in parts}
    for module in graph.modules:
        part = _find_part(module, parts)
        for imported in graph.find_modules_directly_imported_by(module):
            used = _find_part(imported, parts)
            if part and used and part != used:
                uses[part].add(used)
    return uses


def _find_part(module: str, parts: set[str]) -> str | None:
    """Return the innermost part that a module is in; None for the package itself."""
    found = [part for part in parts if module == part or module.startswith(f"{part}.")]
    return max(found, key=len, default=None)


def _reduce(name: str, uses: dict[str, set[str]]) -> set[str]:
    return {used for used in uses[name] if not any(used in reach(other, uses) for other in uses[name] - {used})}


def reach(name: str, uses: dict[str, set[str]]) -> set[str]:
    """Return all that a part uses, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = uses[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _to_label(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.").replace(".", "/")


def _to_id(name: str) -> str:
    return _to_label(name).replace("/", "_")


if __name__ == "__main__":
    write_picture()
