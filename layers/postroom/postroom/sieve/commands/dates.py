"""The tests date and currentdate (RFC 5260)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from postroom.message.dates import parse_zoned_date
from postroom.message.parameters import without_comments
from postroom.sieve.commands.fields import INDEX_TAGS, Choose, choice, names
from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("date",)

_ZONE = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_BEFORE_JULIAN = 678576  # 17 November 1858, counted from 1 January of year 1
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# The moment as it is on the clocks of a zone, and minutes of that zone ahead of UTC.
Moment = tuple[datetime, int]
Part = Callable[[datetime, int], str]
Zone = Callable[[Run, int, int], int]  # seconds since 1970, the zone as written -> the zone to use


def _date(call: Call) -> Test:
    match = matcher(call, 2)
    named = names(call, 0)
    part = _part(call, 1)
    zone = _zone(call)
    choose: Choose[bytes] = choice(call)

    def test(run: Run) -> bool:
        (name,) = named(run)
        found = choose(run.letter.header.raw(name))
        written = _written(found[0]) if found else None
        if written is None:
            return match(run, ())
        seconds, original = written
        moment = _moment(seconds, zone(run, seconds, original))
        return match(run, () if moment is None else (part(run)(*moment),))

    return test


def _currentdate(call: Call) -> Test:
    match = matcher(call, 1)
    part = _part(call, 0)
    zone = _zone(call)

    def test(run: Run) -> bool:
        seconds = int(run.world.now().timestamp())
        moment = _moment(seconds, zone(run, seconds, 0))
        return match(run, () if moment is None else (part(run)(*moment),))

    return test


def date_field(now: datetime) -> bytes:
    """A Date field for this moment, with its CRLF (RFC 5322 section 3.6.1)."""
    ahead = (now.utcoffset() or timedelta()) // timedelta(minutes=1)
    return f"Date: {_std11(now, ahead)}\r\n".encode()


@lru_cache(maxsize=64)  # many rules ask for parts of one date
def _written(value: bytes) -> tuple[int, int] | None:
    """The date that a field is, or that stands after its last semicolon as in Received. None for
    one that no calendar or clock has."""
    if b"(" in value:
        value = without_comments(value)  # a semicolon may be in one
    return parse_zoned_date(value.rpartition(b";")[2])


def _moment(seconds: int, zone: int) -> Moment | None:
    try:
        return _EPOCH + timedelta(seconds=seconds, minutes=zone), zone
    except OverflowError:  # the year 10000
        return None


def _zone(call: Call) -> Zone:
    """Minutes ahead of UTC: as asked for, as written, or those of the user's zone that day."""
    if call.has("originalzone"):
        return lambda run, seconds, original: original
    if not call.has("zone"):
        return _local_zone
    constant = call.constant("zone")
    if constant is None:
        text = call.text("zone")

        def from_variables(run: Run, seconds: int, original: int) -> int:
            minutes = _minutes(text(run))
            if minutes is None:
                raise run.failure(_no_zone(text(run)))
            return minutes

        return from_variables
    minutes = _minutes(constant)
    if minutes is None:
        call.wrong(_no_zone(constant), "zone")
        return _local_zone
    known = minutes
    return lambda run, seconds, original: known


def _no_zone(text: str) -> str:
    return f'"{text}" is no time zone: write how far it is ahead of UTC, like "+0100" or "-0530"'


def _minutes(zone: str) -> int | None:
    match = _ZONE.fullmatch(zone)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return -minutes if match[1] == "-" else minutes


def _local_zone(run: Run, seconds: int, original: int) -> int:
    try:
        when = _EPOCH + timedelta(seconds=seconds)
        offset = when.astimezone(run.world.now().tzinfo or UTC).utcoffset() or timedelta()
    except OverflowError:
        return 0
    return offset // timedelta(minutes=1)


def _part(call: Call, key: int) -> Callable[[Run], Part]:
    constant = call.constant(key)
    if constant is None:
        text = call.text(key)

        def from_variables(run: Run) -> Part:
            part = _PARTS.get(text(run).lower())
            if part is None:
                raise run.failure(_no_part(text(run)))
            return part

        return from_variables
    known = _PARTS.get(constant.lower())
    if known is None:
        call.wrong(_no_part(constant), key)
        known = _PARTS["date"]
    part = known
    return lambda run: part


def _no_part(name: str) -> str:
    return f'"{name}" is no part of a date: use one of {", ".join(sorted(_PARTS))}'


def _zone_part(when: datetime, zone: int) -> str:
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}{abs(zone) % 60:02}"


def _date_part(when: datetime, zone: int) -> str:
    return f"{when.year:04}-{when.month:02}-{when.day:02}"


def _time_part(when: datetime, zone: int) -> str:
    return f"{when.hour:02}:{when.minute:02}:{when.second:02}"


def _iso8601(when: datetime, zone: int) -> str:
    offset = _zone_part(when, zone)
    ahead = f"{offset[:3]}:{offset[3:]}" if zone else "Z"
    return f"{_date_part(when, zone)}T{_time_part(when, zone)}{ahead}"


def _std11(when: datetime, zone: int) -> str:
    day = f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when.year:04}"
    return f"{day} {_time_part(when, zone)} {_zone_part(when, zone)}"


# RFC 5260 section 4.2.
_PARTS: dict[str, Part] = {
    "year": lambda when, zone: f"{when.year:04}",
    "month": lambda when, zone: f"{when.month:02}",
    "day": lambda when, zone: f"{when.day:02}",
    "date": _date_part,
    "julian": lambda when, zone: str(when.toordinal() - _DAY_BEFORE_JULIAN),
    "hour": lambda when, zone: f"{when.hour:02}",
    "minute": lambda when, zone: f"{when.minute:02}",
    "second": lambda when, zone: f"{when.second:02}",
    "time": _time_part,
    "iso8601": _iso8601,
    "std11": _std11,
    "zone": _zone_part,
    "weekday": lambda when, zone: str((when.weekday() + 1) % 7),
}

_ZONE_TAG = Tag("zone", Shape.STRING, group="zone")

DEFINITIONS = (
    Definition(
        "date",
        "test",
        _date,
        takes=(Shape.STRING, Shape.STRING, Shape.STRINGS),
        tags=(*MATCH_TAGS, *INDEX_TAGS, _ZONE_TAG, Tag("originalzone", group="zone")),
        extension="date",
    ),
    Definition(
        "currentdate",
        "test",
        _currentdate,
        takes=(Shape.STRING, Shape.STRINGS),
        tags=(*MATCH_TAGS, _ZONE_TAG),
        extension="date",
    ),
)
