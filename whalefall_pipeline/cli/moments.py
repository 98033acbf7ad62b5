"""Reads moments as people write them."""

import re
from datetime import UTC, datetime, timedelta

from whalefall_pipeline.core.errors import InvalidInstanceError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str) -> datetime:
    """Give the moment of `7d` (or h, m, w: so long ago), a date, or a date and time; UTC where no zone is given.

    Raises InvalidInstanceError for anything else, and for a moment that is still to come: nothing is known of it.
    """
    now = datetime.now(UTC)
    try:
        moment = _parse(text.strip(), now)
    except (ValueError, OverflowError):
        raise InvalidInstanceError(f"{text!r} is no moment; write 7d, 12h, 2026-11-01 or 2026-11-01T08:00") from None
    if moment > now:
        raise InvalidInstanceError(f"{text!r} is still to come; times without a zone are UTC")
    return moment


def _parse(text: str, now: datetime) -> datetime:
    ago = re.fullmatch(r"(\d+)([mhdw])( ago)?", text)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
