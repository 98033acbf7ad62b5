"""What the attributes of accounts on both servers have in common. Pure."""

import json
from typing import cast

from whalefall_pipeline.core.model import Json


def keep_set(**values: Json) -> dict[str, Json]:
    """Leave out what is not set: nothing, an empty text or list, a zero limit, a flag that is off."""
    return {name: value for name, value in values.items() if value}


def to_names(document: str | None) -> list[Json]:
    """Read a JSON list of names; nothing is an empty one."""
    return cast("list[Json]", json.loads(document)) if document else []
