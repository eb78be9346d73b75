"""When an alias or a masked address ends, as people write it."""

import re
from datetime import UTC, date, datetime, time, timedelta

from postroom.errors import BadSetting

_SPAN = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_DAY = 86_400  # seconds


def parse_expiry(text: str) -> int:
    """Return the second since 1970 from which on it is closed, 0 for never.

    ``2027-03-31`` is the last day it is open, in UTC; ``2027-03-31T18:00+02:00`` says it to the
    minute; without a zone it is UTC. Nothing, and ``never``, is never. Raises BadSetting.
    """
    text = text.strip()
    if text in ("", "never"):
        return 0
    try:
        seconds = int(_moment(text).timestamp())
    except (ValueError, OverflowError):
        seconds = 0
    if seconds <= 0:
        raise BadSetting(f"{text!r} is no time to end: write 2027-03-31, 2027-03-31T18:00 or never")
    return seconds


def _moment(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def parse_expiry_or_span(text: str, now: float) -> int:
    """`parse_expiry`, or a time from *now* on: ``12h``, ``30d``, ``2w``. Raises BadSetting."""
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        return parse_expiry(text)
    return int(now) + int(span[1]) * _HOURS[span[2]] * 3600


def format_expiry(expires: int) -> str:
    """What `parse_expiry` understands: a date where that says it all, "" for never."""
    if not expires:
        return ""
    if expires % _DAY == 0:
        return datetime.fromtimestamp(expires - _DAY, UTC).strftime("%Y-%m-%d")
    return datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z")
