"""How the toy server's language spells names: in double quotes, as JSON does."""

import json


def quote(name: str) -> str:
    """Return a name as statements spell it."""
    return json.dumps(name)
