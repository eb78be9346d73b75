"""RFC 5322 dates (section 3.3, obsolete forms of section 4.3) as seconds since 1970."""

import calendar
import re

_DATE = re.compile(
    rb"(?:[A-Za-z]+[.,]?\s*)?([0-9]{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]*\.?[\s,-]+([0-9]{2,4})"
    rb"(?:[\s,]+([0-9]{1,2})[:.]([0-9]{1,2})(?:[:.]([0-9]{1,2})(?:\.[0-9]+)?)?)?"
    rb"(?:\s*(?:([+-])([0-9]{2}):?([0-9]{2})|([A-Za-z]{1,5})))?"
)
# asctime, as some programs still write it: "Mon Nov 24 12:58:53 2026"
_ASCTIME = re.compile(
    rb"[A-Za-z]{3}\s+([A-Za-z]{3})\s+([0-9]{1,2})\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s+([0-9]{4})"
)
_COMMENT = re.compile(rb"\([^()]{0,200}\)")
_MONTHS = {
    name: number
    for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
# RFC 5322 section 4.3; military letters say nothing certain and count as -0000, like the rest.
_ZONES = {
    b"edt": -4,
    b"est": -5,
    b"cdt": -5,
    b"cst": -6,
    b"mdt": -6,
    b"mst": -7,
    b"pdt": -7,
    b"pst": -8,
}
_LONGEST = 200


def parse_date(value: bytes) -> int | None:
    """Return the seconds since 1970 that a Date field names, or None when it names no day."""
    found = parse_zoned_date(value)
    return None if found is None else found[0]


def parse_zoned_date(value: bytes) -> tuple[int, int] | None:
    """The same, and how many minutes its zone is ahead of UTC."""
    value = value[:_LONGEST].strip()
    if b"(" in value:
        value = _COMMENT.sub(b" ", value).strip()
    match = _DATE.match(value)
    if match is None:
        return _parse_asctime(value)
    day, month, year, hour, minute, second, sign, zone_hour, zone_minute, zone = match.groups()
    seconds = _seconds(year, month, day, hour, minute, second)
    if seconds is None:
        return None
    if sign:
        minutes = int(zone_hour) * 60 + int(zone_minute)
        minutes = minutes if sign == b"+" else -minutes
    else:
        minutes = _ZONES.get(zone.lower(), 0) * 60 if zone else 0
    return seconds - minutes * 60, minutes


def _parse_asctime(value: bytes) -> tuple[int, int] | None:
    match = _ASCTIME.match(value)
    if match is None:
        return None
    month, day, hour, minute, second, year = match.groups()
    seconds = _seconds(year, month, day, hour, minute, second)
    return None if seconds is None else (seconds, 0)


def _seconds(
    year: bytes,
    month: bytes,
    day: bytes,
    hour: bytes | None,
    minute: bytes | None,
    second: bytes | None,
) -> int | None:
    month_number = _MONTHS.get(month.lower())
    if month_number is None:
        return None
    full_year = int(year)
    if len(year) == 2:  # RFC 5322 section 4.3
        full_year += 2000 if full_year < 50 else 1900
    elif len(year) == 3:
        full_year += 1900
    days = calendar.monthrange(full_year, month_number)[1] if full_year >= 1 else 0
    clock = int(hour or 0), int(minute or 0), int(second or 0)
    if not 1 <= int(day) <= days or clock[0] > 23 or clock[1] > 59 or clock[2] > 60:
        return None
    return calendar.timegm((full_year, month_number, int(day), *clock))
