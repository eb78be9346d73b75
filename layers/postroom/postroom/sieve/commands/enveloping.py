"""Test envelope (RFC 5228 section 5.4), with what DSN and Deliver-By say there (RFC 6009)."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from postroom.errors import BadSyntax
from postroom.message.xtext import decode_xtext, parse_original_recipient
from postroom.sieve.language.definitions import Call, Definition, Shape, Tag, Test
from postroom.sieve.language.words import closest
from postroom.sieve.matching.address_parts import PART_TAGS, Part, address_part, is_address
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("envelope", "envelope-dsn", "envelope-deliverby")

_ZONE = re.compile(r"[+-][0-9]{4}", re.ASCII)
_HOP = r"@[^\s@,:.]++(?:\.[^\s@,:.]++)*+"
_SOURCE_ROUTE = re.compile(rf"\A{_HOP}(?:,{_HOP})*+:")
_MODES = {"N": "notify", "R": "return"}

Read = Callable[[Run, Part], Sequence[str]]


def _envelope(call: Call) -> Test:
    match = matcher(call, 1)
    part = address_part(call)
    reads = _reads(call)
    counts = call.chosen("match") == "count"
    constants = call.constants(0)
    if constants is not None:
        chosen = [reads[name.lower()] for name in constants if _is_known(call, reads, name)]

        def test(run: Run) -> bool:
            return match(run, _values(run, chosen, part, counts))

        return test
    names = call.texts(0)

    def test_variables(run: Run) -> bool:
        chosen = []
        for name in names(run):
            if name.lower() not in reads:
                raise run.failure(f'there is no envelope part "{name[:80]}"')
            chosen.append(reads[name.lower()])
        return match(run, _values(run, chosen, part, counts))

    return test_variables


def _values(run: Run, chosen: Sequence[Read], part: Part, counts: bool) -> Sequence[str]:
    found = [value for read in chosen for value in read(run, part)]
    # A null reverse-path counts as none (RFC 5231 section 4.2).
    return [value for value in found if value] if counts else found


def _is_known(call: Call, reads: dict[str, Read], name: str) -> bool:
    lower = name.lower()
    if lower not in reads:
        call.wrong(f'there is no envelope part "{name[:80]}"{closest(name, reads)}', 0)
        return False
    if lower in _OF_DSN:
        call.needs("envelope-dsn", f'the envelope part "{lower}"')
    if lower.startswith("by"):
        call.needs("envelope-deliverby", f'the envelope part "{lower}"')
    return True


def _reads(call: Call) -> dict[str, Read]:
    zone = _zone(call)
    return {
        "from": lambda run, part: _path(run, part, run.envelope.sender),
        "to": lambda run, part: _path(run, part, run.envelope.recipient),
        **_OF_DSN,
        "bytimeabsolute": lambda run, part: _by_time(run, zone(run)),
        "bytimerelative": lambda run, part: _known(run.envelope.by),
        "bymode": _by_mode,
        "bytrace": _by_trace,
    }


def _path(run: Run, part: Part, address: str) -> Sequence[str]:
    if not address:
        return ("",)  # whatever part of it is asked for
    address = _SOURCE_ROUTE.sub("", address)
    if "@" in address and not is_address(address):
        return ()
    found = part(run, address)
    return () if found is None else (found,)


def _original(run: Run, part: Part) -> Sequence[str]:
    """ORCPT, decoded; an address part is one of the address in it."""
    try:
        kind, value = parse_original_recipient(run.envelope.original)
    except BadSyntax:
        return _known(run.envelope.original or None)
    whole = part(run, value)
    if whole == value:
        return (f"{kind};{value}",)
    return () if whole is None else (whole,)


def _envelope_id(run: Run, part: Part) -> Sequence[str]:
    written = run.envelope.envid
    try:
        return _known(decode_xtext(written) or None)
    except BadSyntax:
        return (written,)


_OF_DSN: dict[str, Read] = {
    "notify": lambda run, part: run.envelope.notify,
    "orcpt": _original,
    "ret": lambda run, part: _known(run.envelope.ret or None),
    "envid": _envelope_id,
}


def _by_time(run: Run, zone: tzinfo | None) -> Sequence[str]:
    if run.envelope.by is None:
        return ()
    now = run.world.now()
    try:
        by = (now + timedelta(seconds=run.envelope.by)).astimezone(zone or now.tzinfo or UTC)
    except OverflowError:
        return ()
    return (by.isoformat(timespec="seconds"),)


def _by_mode(run: Run, part: Part) -> Sequence[str]:
    return _known(_MODES.get(run.envelope.by_mode[:1].upper()))


def _by_trace(run: Run, part: Part) -> Sequence[str]:
    mode = run.envelope.by_mode
    return ("true" if "T" in mode.upper() else "false",) if mode else ()


def _known(value: object) -> Sequence[str]:
    return () if value is None else (str(value),)


def _zone(call: Call) -> Callable[[Run], tzinfo | None]:
    """The zone of "bytimeabsolute" (RFC 6009 section 4)."""
    if not call.has("zone"):
        return lambda run: None
    text = call.text("zone")
    constant = call.constant("zone")
    if constant is not None and not _ZONE.fullmatch(constant):
        call.wrong(_no_zone(constant), "zone")

    def at_run(run: Run) -> tzinfo | None:
        written = text(run)
        if not _ZONE.fullmatch(written):
            raise run.failure(_no_zone(written))
        try:
            return datetime.strptime(written, "%z").tzinfo
        except ValueError as error:  # +9999
            raise run.failure(_no_zone(written)) from error

    return at_run


def _no_zone(text: str) -> str:
    return f'"{text[:80]}" is no time zone: write how far it is ahead of UTC, like "+0100"'


DEFINITIONS = (
    Definition(
        "envelope",
        "test",
        _envelope,
        takes=(Shape.STRINGS, Shape.STRINGS),
        tags=(
            *MATCH_TAGS,
            *PART_TAGS,
            Tag("zone", Shape.STRING, extension="envelope-deliverby"),
        ),
        extension="envelope",
    ),
)
