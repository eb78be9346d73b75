"""Action redirect (RFC 5228 section 4.2), with ``:list`` (RFC 6134 section 2.7) and what the next
server is asked for (RFC 6009 sections 5 and 6)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from postroom.sieve.actions import Redirect
from postroom.sieve.commands.filing import COPY_TAG
from postroom.sieve.commands.lists import list_name
from postroom.sieve.commands.outbound import parse_outbound
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("redirect-dsn", "redirect-deliverby")

_T = TypeVar("_T")
_CONDITIONS = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_MODES = {"notify": "N", "return": "R"}
_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:([+-])(\d\d):?(\d\d)|[Zz])",
    re.ASCII,
)


def _redirect(call: Call) -> Step:
    to = _list_name(call) if call.has("list") else _address(call)
    notify = _notify(call)
    ret = _ret(call)
    by = _by(call)
    by_mode = _by_mode(call)
    cancels_keep = not call.has("copy")
    is_list = call.has("list")

    def step(run: Run) -> None:
        target = to(run)
        action = Redirect(
            address="" if is_list else target,
            message=run.letter.redirected,
            notify=notify(run),
            ret=ret(run),
            by=by(run),
            by_mode=by_mode(run),
            list_name=target if is_list else "",
        )
        if action.by is not None and _is_late(run, action.by) and "R" in action.by_mode:
            raise run.failure("the time by which the message must arrive has passed")
        decide(run, action, cancels_keep=cancels_keep)

    return step


def _is_late(run: Run, by: int) -> bool:
    """Whether the message would come back at once (RFC 2852 section 4.1)."""
    return by <= run.world.now().timestamp()


def _address(call: Call) -> Callable[[Run], str]:
    constant = call.constant(0)
    if constant is not None:
        address = parse_outbound(constant) or ""
        if not address:
            call.wrong(_no_address(constant), 0)
        return lambda run: address
    text = call.text(0)

    def at_run(run: Run) -> str:
        written = text(run)
        found = parse_outbound(written)
        if found is None:
            raise run.failure(_no_address(written))
        return found

    return at_run


def _no_address(text: str) -> str:
    return f'"{text[:320]}" is not a mail address: write it like "bob@example.com"'


def _list_name(call: Call) -> Callable[[Run], str]:
    text = call.text(0)

    def at_run(run: Run) -> str:
        name = list_name(text(run))
        if not run.world.has_list(name):
            raise run.failure(f'there is no list "{name[:320]}" to redirect to')
        return name

    return at_run


def _notify(call: Call) -> Callable[[Run], tuple[str, ...]]:
    """NEVER, or conditions with commas between them (RFC 6009 section 5)."""

    def read(text: str) -> tuple[str, ...] | None:
        names = tuple(text.upper().split(","))
        if names == ("NEVER",) or (_CONDITIONS.issuperset(names) and len(set(names)) == len(names)):
            return names
        return None

    return _option(call, "notify", read, (), 'NEVER, or "SUCCESS,FAILURE,DELAY" or some of these')


def _ret(call: Call) -> Callable[[Run], str]:
    def read(text: str) -> str | None:
        return text.upper() if text.upper() in {"FULL", "HDRS"} else None

    return _option(call, "ret", read, "", '"FULL" or "HDRS"')


def _by(call: Call) -> Callable[[Run], int | None]:
    if call.has("bytimerelative"):
        seconds = call.number("bytimerelative")
        return lambda run: int(run.world.now().timestamp()) + seconds
    none: int | None = None
    return _option(call, "bytimeabsolute", _moment, none, "a time like 2026-11-25T20:00:00+01:00")


def _moment(text: str) -> int | None:
    """Seconds since 1970 of a date-time of RFC 3339; the colon in its zone may be missing, as it
    is in the "zone" of RFC 5260."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    *when, sign, hours, minutes = match.groups()
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone(-offset if sign == "-" else offset) if sign else UTC
        return int(datetime(*map(int, when), tzinfo=zone).timestamp())  # type: ignore[arg-type, misc]
    except (ValueError, OverflowError):
        return None


def _by_mode(call: Call) -> Callable[[Run], str]:
    timed = call.has("bytimerelative") or call.has("bytimeabsolute")
    for name in ("bymode", "bytrace"):
        if call.has(name) and not timed:
            call.wrong(f":{name} needs :bytimerelative or :bytimeabsolute", name)
    mode = _option(
        call, "bymode", lambda text: _MODES.get(text.lower()), "N", '"notify" or "return"'
    )
    trace = "T" if call.has("bytrace") else ""
    return lambda run: mode(run) + trace if timed else ""


def _option(
    call: Call, name: str, read: Callable[[str], _T | None], default: _T, wanted: str
) -> Callable[[Run], _T]:
    """Compile the string of a tag, which *read* understands or returns None."""
    if not call.has(name):
        return lambda run: default

    def problem(text: str) -> str:
        return f'"{text[:80]}" is no value for :{name}: use {wanted}'

    constant = call.constant(name)
    if constant is not None:
        fixed = read(constant)
        if fixed is None:
            call.wrong(problem(constant), name)
        return lambda run: default if fixed is None else fixed
    text = call.text(name)

    def at_run(run: Run) -> _T:
        written = text(run)
        found = read(written)
        if found is None:
            raise run.failure(problem(written))
        return found

    return at_run


DEFINITIONS = (
    Definition(
        "redirect",
        "action",
        _redirect,
        takes=(Shape.STRING,),
        tags=(
            COPY_TAG,
            Tag("list", extension="extlists"),
            Tag("notify", Shape.STRING, extension="redirect-dsn"),
            Tag("ret", Shape.STRING, extension="redirect-dsn"),
            Tag("bytimerelative", Shape.NUMBER, extension="redirect-deliverby", group="by"),
            Tag("bytimeabsolute", Shape.STRING, extension="redirect-deliverby", group="by"),
            Tag("bymode", Shape.STRING, extension="redirect-deliverby"),
            Tag("bytrace", extension="redirect-deliverby"),
        ),
    ),
)
