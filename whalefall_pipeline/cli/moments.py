"""Reads moments as people write them."""

import re
from datetime import UTC, datetime, timedelta

from whalefall_pipeline.core.errors import InvalidInstanceError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str) -> datetime:
    """Give the moment of `7d` (or h, m, w: so long ago), a date, or a date and time; UTC where no zone is given."""
    ago = re.fullmatch(r"(\d+)([mhdw])", text.strip().removesuffix(" ago"))
    if ago:
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInstanceError(f"{text!r} is no moment; write 7d, 12h, 2026-11-01 or 2026-11-01T08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
