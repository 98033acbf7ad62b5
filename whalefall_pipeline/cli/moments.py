"""Reads moments as people write them, and writes them as people read them."""

import re
import sys
from datetime import UTC, datetime, timedelta

from whalefall_pipeline.core.errors import InvalidInputError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str) -> datetime:
    """Return the moment of `7d` (or h, m, w: so long ago), a date, or a date and time; UTC where no zone is given.

    Raises InvalidInputError for anything else, and for a moment that is still to come: nothing is known of it.
    """
    now = datetime.now(UTC)
    try:
        moment = _parse(text.strip(), now)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{text!r} is no moment; write 7d, 12h, 2026-11-01 or 2026-11-01T08:00") from None
    if moment > now:
        raise InvalidInputError(f"{text!r} is still to come; times without a zone are UTC")
    return moment


def parse_expiry(text: str) -> datetime:
    """Return the moment of `90d` (or h, m, w: so long from now), a date, or a date and time; UTC without a zone.

    Raises InvalidInputError for anything else, and for a moment that is past.
    """
    now = datetime.now(UTC)
    try:
        ahead = re.fullmatch(r"(\d+)([mhdw])", text.strip())
        moment = now + timedelta(**{UNITS[ahead[2]]: int(ahead[1])}) if ahead else _parse(text.strip(), now)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{text!r} is no moment; write 90d, 2027-03-31 or 2027-03-31T08:00") from None
    if moment <= now:
        raise InvalidInputError(f"{text!r} is past; times without a zone are UTC")
    return moment


def format_moment(moment: datetime | None) -> str:
    """Return a moment to the second: in local time on a terminal, else in UTC; as `parse_moment` would read it."""
    if moment is None:
        return ""
    there = moment.astimezone() if sys.stdout.isatty() else moment.astimezone(UTC)
    return there.replace(microsecond=0).isoformat(" ").replace("+00:00", " UTC")


def _parse(text: str, now: datetime) -> datetime:
    ago = re.fullmatch(r"(\d+)([mhdw])( ago)?", text)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(text.removesuffix("UTC").rstrip())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
