"""What a user sets in a form: being away. `generating` makes a script of it.

Kept as ``account/<id>`` : ``form``, so that a page or a command can show it again. Times are the
user's own: dates, or times of day, on the clocks of a time zone.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from postroom.autoreply.answered import SHORTEST
from postroom.errors import PostroomError
from postroom.sieve.commands.outbound import parse_outbound

DAY = 86_400  # seconds
USUAL_INTERVAL = 7 * DAY  # RFC 5230 section 4.1
LONGEST_INTERVAL = 365 * DAY
LONGEST_TEXT = 16 * 1024  # characters; of HTML as well. Encoded twice over it fits a Sieve string
LONGEST_SUBJECT = 500
MOST_ADDRESSES = 100
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::[0-9]{2})?)?")
_YEARS = range(1970, 9000)


class BadForm(PostroomError):
    """A form that cannot be saved, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Without a subject it has that of the message, after ``Auto:``."""

    text: str
    subject: str = ""
    html: str = ""  # a twin of the text for clients that show it


@dataclass(frozen=True, slots=True)
class Away:
    """Answers while somebody is away. Senders are *inside* who write from the user's own domain or
    one of its alias domains: by the envelope, because that is where the answer goes."""

    outside: Reply | None  # None: those get no answer
    inside: Reply | Literal["same"] | None = "same"
    start: str = ""  # "2026-07-01", from its midnight on, or "2026-07-01 17:30"; "": at once
    until: str = ""  # "2026-07-14", to the end of that day, or a time; "": until it is turned off
    zone: str = "UTC"  # IANA name
    interval: int = USUAL_INTERVAL  # seconds until the same correspondent is answered again
    only_known: bool = False  # only to whom the user has written before
    addresses: tuple[str, ...] = ()  # more of the user's own, beyond those we know
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    away: Away | None = None


def check(form: Form) -> None:
    """Raises BadForm."""
    if form.away is not None:
        _check_away(form.away)


def _check_away(away: Away) -> None:
    for where, reply in (("outside", away.outside), ("inside", away.inside)):
        if isinstance(reply, Reply):
            _check_reply(where, reply)
    if away.outside is None and (away.inside is None or away.inside == "same"):
        raise BadForm("nobody would be answered: give a text for inside or outside of the domain")
    if not SHORTEST <= away.interval <= LONGEST_INTERVAL:
        raise BadForm(f"the interval can be {SHORTEST} seconds to {LONGEST_INTERVAL // DAY} days")
    start, until = window(away)
    if start is not None and until is not None and start >= until:
        raise BadForm(f"it would end ({away.until}) before it starts ({away.start})")
    if len(away.addresses) > MOST_ADDRESSES:
        raise BadForm(f"at most {MOST_ADDRESSES} more addresses, not {len(away.addresses)}")
    for address in away.addresses:
        if parse_outbound(address) is None:
            raise BadForm(f'"{address[:320]}" is not an address')


def _check_reply(where: str, reply: Reply) -> None:
    if not reply.text.strip():
        raise BadForm(f"the text for {where} is empty")
    for what, text, longest in (
        ("text", reply.text, LONGEST_TEXT),
        ("HTML", reply.html, LONGEST_TEXT),
        ("subject", reply.subject, LONGEST_SUBJECT),
    ):
        if len(text) > longest:
            raise BadForm(f"the {what} for {where} is longer than {longest} characters")


def window(away: Away) -> tuple[datetime | None, datetime | None]:
    """When it begins and ends, in UTC; None where it is open. Raises BadForm.

    Of an hour that clocks show twice the first is meant for the start, the second for the end. One
    that they leave out is as long after the change as it says.
    """
    return _moment(away.start, away.zone, end=False), _moment(away.until, away.zone, end=True)


def _moment(text: str, zone: str, *, end: bool) -> datetime | None:
    try:
        place = ZoneInfo(zone)
    # ZoneInfoNotFoundError is a KeyError; a name with a path in it, or a folder's, is another.
    except (KeyError, ValueError, OSError) as error:
        raise BadForm(f'"{zone[:80]}" is no time zone: write it like Europe/Berlin') from error
    if not text:
        return None
    match = _DATE.fullmatch(text)
    try:
        day = date.fromisoformat(match[1] if match else "")
        clock = datetime.strptime((match and match[2]) or "00:00", "%H:%M").time()  # noqa: DTZ007
    except ValueError as error:
        raise BadForm(
            f'"{text[:80]}" is no date: write 2026-07-01 or "2026-07-01 17:30"'
        ) from error
    if day.year not in _YEARS:
        raise BadForm(f'"{text[:80]}" is too far away')
    if end and match and not match[2]:
        day += timedelta(days=1)
    first = datetime.combine(day, clock, place).astimezone(UTC)
    second = datetime.combine(day, clock, place).replace(fold=1).astimezone(UTC)
    return max(first, second) if end else first
