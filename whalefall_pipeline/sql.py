"""Loads the SQL that stands in `.sql` files beside the code: blocks that paste into a client."""

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


def load_sql(package: str, filename: str) -> dict[str, str]:
    """Return the statements of a package's `.sql` file by name.

    A block begins with a line `-- name: the_name` and goes to the next one; a final semicolon is left out. Raises
    ValueError when a name stands twice.
    """
    text = resources.files(package).joinpath(filename).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{filename} names a statement twice")
    return {name: body.strip().removesuffix(";") for name, body in zip(names, bodies, strict=True)}
