"""Action vacation (RFC 5230), with ``:seconds`` (RFC 6131) and ``:fcc`` (RFC 8580).

Whether an answer goes out, and what it looks like, is for `postroom.autoreply`.
"""

import hashlib
from collections.abc import Callable

from postroom.sieve.actions import Vacation
from postroom.sieve.commands.destinations import FCC_TAGS, fcc
from postroom.sieve.commands.outbound import parse_mailbox_list, parse_outbound
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("vacation", "vacation-seconds")

DAY = 86_400  # seconds
USUAL = 7 * DAY  # RFC 5230 section 4.1
LONGEST = 365 * DAY  # RFC 5230 section 4.1: more than 30 days


def _vacation(call: Call) -> Step:
    seconds = _seconds(call)
    subject = call.text("subject") if call.has("subject") else None
    sender = _sender(call)
    addresses = _addresses(call)
    reason = _reason(call)
    handle = call.text("handle") if call.has("handle") else None
    copy = fcc(call)
    mime = call.has("mime")
    usual_handle = _digest(call)

    def step(run: Run) -> None:
        action = Vacation(
            reason=reason(run),
            seconds=seconds,
            # A line end in it, by way of a variable, would begin another field.
            subject=" ".join(subject(run).split()) if subject else "",
            from_address=sender(run),
            addresses=addresses(run),
            mime=mime,
            handle=handle(run) if handle else usual_handle,
            fcc=copy(run),
        )
        decide(run, action)

    return step


def _seconds(call: Call) -> int:
    if call.has("seconds"):
        return min(call.number("seconds"), LONGEST)  # 0: every message (RFC 6131 section 2)
    if not call.has("days"):
        return USUAL
    days = call.number("days")
    if not 1 <= days <= LONGEST // DAY:
        nearest = 1 if days < 1 else LONGEST // DAY
        call.warn(f":days {days} cannot be: {nearest} is used")
    return min(max(days, 1) * DAY, LONGEST)


def _sender(call: Call) -> Callable[[Run], str]:
    """``:from``, as written, once it is a mailbox-list (RFC 5230 section 4.3)."""
    if not call.has("from"):
        return lambda run: ""
    text = call.text("from")
    constant = call.constant("from")
    if constant is not None and parse_mailbox_list(constant) is None:
        call.wrong(_no_sender(constant), "from")

    def at_run(run: Run) -> str:
        found = text(run)
        if parse_mailbox_list(found) is None:
            raise run.failure(_no_sender(found))
        return " ".join(found.split())

    return at_run


def _no_sender(text: str) -> str:
    return f'"{text[:320]}" cannot be the :from of an answer: write it like "bob@example.com"'


def _addresses(call: Call) -> Callable[[Run], tuple[str, ...]]:
    """``:addresses``; what is no address is nobody's, and ignored."""
    if not call.has("addresses"):
        return lambda run: ()
    texts = call.texts("addresses")
    for text in call.constants("addresses") or ():
        if parse_outbound(text) is None:
            call.warn(f'"{text[:320]}" in :addresses is not a mail address: it is ignored')

    def at_run(run: Run) -> tuple[str, ...]:
        return tuple(address for text in texts(run) if (address := parse_outbound(text)))

    return at_run


def _reason(call: Call) -> Callable[[Run], str]:
    text = call.text(0)
    mime = call.has("mime")
    constant = call.constant(0)
    if mime and constant is not None and not _has_ascii_header(constant):
        call.wrong(_BAD_ENTITY, 0)

    def at_run(run: Run) -> str:
        found = text(run)
        if len(found) > run.limits.reason:
            raise run.failure(f"an answer longer than {run.limits.reason} characters")
        if mime and not _has_ascii_header(found):
            raise run.failure(_BAD_ENTITY)
        return found

    return at_run


_BAD_ENTITY = "the header of a :mime answer can hold ASCII only: use encoded words (RFC 2047)"


def _has_ascii_header(entity: str) -> bool:
    """RFC 5230 section 5."""
    header = entity.replace("\r\n", "\n").partition("\n\n")[0]
    return entity.startswith(("\n", "\r\n")) or header.isascii()


def _digest(call: Call) -> str:
    """What tells this answer from others of the script, when it has no name: its arguments before
    variables are filled in (RFC 5230 section 4.2)."""
    digest = hashlib.sha256()
    for key in ("subject", "from", "mime", 0):
        written = call.written(key) if key != "mime" and call.has(key) else str(call.has(key))
        octets = written.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%d:" % (call.has(key), len(octets)) + octets)
    return digest.hexdigest()


DEFINITIONS = (
    Definition(
        "vacation",
        "action",
        _vacation,
        takes=(Shape.STRING,),
        tags=(
            Tag("days", Shape.NUMBER, group="period"),
            Tag("seconds", Shape.NUMBER, group="period", extension="vacation-seconds"),
            Tag("subject", Shape.STRING),
            Tag("from", Shape.STRING),
            Tag("addresses", Shape.STRINGS),
            Tag("mime"),
            Tag("handle", Shape.STRING),
            *FCC_TAGS,
        ),
        # RFC 6131 section 2: vacation-seconds implies vacation.
        extension="vacation|vacation-seconds",
    ),
)
