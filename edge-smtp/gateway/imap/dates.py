"""Dates on the wire (RFC 9051 section 9, rules ``date``, ``date-time``)."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from postroom.errors import BadSyntax

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
# The day is ``SP DIGIT`` or two digits; one digit alone is sent by clients and hides nothing.
_DATE_TIME = re.compile(
    rb" ?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) "
    rb"([+-])([0-9]{2})([0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAY = 24 * 3600


def parse_date(text: bytes) -> date:
    """Parse ``1-Feb-1994``."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise _bad("date", text)
    try:
        return date(int(match[3]), _MONTH_NUMBERS[match[2].lower()], int(match[1]))
    except (KeyError, ValueError) as error:
        raise _bad("date", text) from error


def parse_date_time(text: bytes) -> int:
    """Parse ``17-Jul-1996 02:44:25 -0700`` (without its quotes) to seconds since 1970."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise _bad("date-time", text)
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    try:
        local = datetime(
            int(year),
            _MONTH_NUMBERS[month.lower()],
            int(day),
            int(hour),
            int(minute),
            min(int(second), 59) if second == b"60" else int(second),  # a leap second
            tzinfo=UTC,
        )
    except (KeyError, ValueError) as error:
        raise _bad("date-time", text) from error
    east = int(zone_hours) * 3600 + int(zone_minutes) * 60
    seconds = (local - _EPOCH) // timedelta(seconds=1)
    return seconds - east if sign == b"+" else seconds + east


def render_date_time(seconds: int) -> bytes:
    """Render seconds since 1970 as ``"17-Jul-1996 09:44:25 +0000"``, quotes included."""
    day, second = divmod(seconds, _DAY)
    minute, second = divmod(second, 60)
    return b"%b%02d:%02d:%02d +0000" % (_day(day), minute // 60, minute % 60, second) + b'"'


def seconds_of(day: date) -> int:
    """The first second of the day, in UTC, since 1970."""
    return (day.toordinal() - _FIRST_DAY) * _DAY


@lru_cache(maxsize=8192)
def _day(number: int) -> bytes:
    # A stored date beyond the calendar (a client may APPEND year 0001 +2359) shows its nearest day.
    day = date.fromordinal(min(max(number + _FIRST_DAY, 1), date.max.toordinal()))
    return b'"%2d-%b-%04d ' % (day.day, _MONTHS[day.month - 1].encode(), day.year)


def _bad(rule: str, text: bytes) -> BadSyntax:
    return BadSyntax(rule, text, "RFC 9051 section 9")
