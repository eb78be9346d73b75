"""The human part of a report, in the sender's language. The words are in templates/*.j2."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from postroom.message.addresses import parse_addresses
from postroom.message.headers import fields
from postroom.message.parameters import languages as language_tags
from postroom.message.words import decode_words
from postroom.relay.notices.causes import cause_of, delay_cause_of
from postroom.relay.notices.wrapping import paragraphs, quoted, rows
from postroom.relay.reports import Action, Report, Told

if TYPE_CHECKING:  # loaded when the first report is written: a cold start has no time for it
    import jinja2

LANGUAGES = ("en", "de", "fr", "es", "zh")
MOST_PEOPLE = 100  # told of at length; the machine's part names everybody
_LONGEST_QUOTE = 2000  # characters of a peer's reply
_LONGEST_SUBJECT = 200
_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Person:
    """What the templates may say of one recipient. Dates are in words."""

    text: str  # name of the macro that says what happened
    address: str
    domain: str
    host: str  # who answered, "" when nobody did
    reply: str
    reason: str
    sender: str
    sender_domain: str
    postmaster: str
    size: str = ""
    period: str = ""  # how long it was tried
    until: str = ""
    since: str = ""
    suppressed: str = ""
    more_to_come: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    action: Action
    people: tuple[Person, ...]
    more: int  # who are not told of at length


@dataclass(frozen=True, slots=True)
class Letter:
    """What the templates may say of the message as a whole."""

    action: Action  # the gravest
    partly: bool  # it was addressed to others too, whom this report is not about
    subject: str
    sent: str
    hostname: str
    postmaster: str
    full: bool  # the whole message is attached


def choose_language(preferred: str, original: bytes) -> str:
    """The account's own choice, else what the message says of its sender, else English.

    *preferred*: a language tag, or ""; *original*: the message, or its header. Accept-Language
    (RFC 3282) tells what the sender reads, Content-Language what the message was written in.
    """
    found = [preferred]
    by_name = {field.name.lower(): field.value for field in fields(original)}
    for name in ("accept-language", "content-language"):
        found += [tag.decode("latin-1") for tag in language_tags(by_name.get(name, b"")[:500])]
    for tag in found:
        primary = tag.strip().lower().replace("_", "-").partition("-")[0]
        if primary in LANGUAGES:
            return primary
    return LANGUAGES[0]


def gravest(told: Sequence[Told]) -> Action:
    """The action that names the report: a failure before a delay before a success."""
    actions = {person.action for person in told}
    order: tuple[Action, ...] = get_args(Action)
    return next(action for action in order if action in actions)


def subject_line(report: Report, original: bytes, language: str) -> str:
    macro = _words(language).subject
    return str(macro(gravest(report.told), _subject_of(original)))


def human_text(report: Report, original: bytes, *, hostname: str, language: str, full: bool) -> str:
    """Return the text, LF line ends, lines of 76 columns where words allow it."""
    words = _words(language)
    postmaster = f"postmaster@{hostname}"
    letter = Letter(
        action=gravest(report.told),
        partly=_had_others(report, original),
        subject=_subject_of(original),
        sent=_date(words, report.received),
        hostname=hostname,
        postmaster=postmaster,
        full=full,
    )
    groups = [
        _group(words, report, action, postmaster)
        for action in get_args(Action)
        if any(told.action == action for told in report.told)
    ]
    layout = _environment().get_template("notice.j2")
    text = layout.render(language=language, report=letter, groups=groups)
    return text.strip() + "\n"


def _group(words: Any, report: Report, action: Action, postmaster: str) -> Group:
    told = [person for person in report.told if person.action == action]
    people = tuple(_person(words, report, person, postmaster) for person in told[:MOST_PEOPLE])
    return Group(action, people, len(told) - len(people))


def _person(words: Any, report: Report, told: Told, postmaster: str) -> Person:
    texts = {"failed": cause_of, "delayed": delay_cause_of}
    text = texts[told.action](told) if told.action in texts else told.action
    return Person(
        text=text,
        address=printable(told.address),
        domain=printable(told.address.rpartition("@")[2]),
        host=printable(told.peer),
        reply=printable(told.reply)[:_LONGEST_QUOTE],
        reason=printable(told.reason)[:_LONGEST_QUOTE],
        sender=printable(report.reverse_path),
        sender_domain=printable(report.reverse_path.rpartition("@")[2]),
        postmaster=postmaster,
        size=_size(report.size),
        period=_period(words, told.at - report.received),
        until=_date(words, told.until) if told.until else "",
        since=_day(words, told.since) if told.since else "",
        suppressed=told.suppressed,
        more_to_come=told.more_to_come,
    )


def printable(text: str) -> str:
    """One line of what strangers wrote; no sign of theirs may steer a terminal or turn a text."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _had_others(report: Report, original: bytes) -> bool:
    failed = {told.address.lower() for told in report.told if told.action == "failed"}
    for field in fields(original):
        if field.name.lower() in ("to", "cc"):
            addresses = {found.spec.lower() for found in parse_addresses(field.value[:10_000])}
            if addresses - failed - {""}:
                return True
    return False


def _subject_of(original: bytes) -> str:
    for field in fields(original):
        if field.name.lower() == "subject":
            text = printable(decode_words(field.value[: 4 * _LONGEST_SUBJECT]))
            return text if len(text) <= _LONGEST_SUBJECT else text[: _LONGEST_SUBJECT - 1] + "…"
    return ""


def _size(octets: int) -> str:
    for unit, size in (("MB", 1_000_000), ("kB", 1000)):
        if octets >= size:
            return f"{octets / size:.0f}\N{NO-BREAK SPACE}{unit}"
    return ""


def _period(words: Any, milliseconds: int) -> str:
    minutes = max(milliseconds // 60_000, 1)
    # "5 days" although the last attempt came minutes before they were over.
    days, hours = round(minutes / 1440), round(minutes / 60)
    return str(words.period(days if minutes >= 36 * 60 else 0, hours, minutes))


def _date(words: Any, milliseconds: int) -> str:
    when = _utc(milliseconds)
    return str(words.date(when.day, when.month, when.year, f"{when:%H}", f"{when:%M}"))


def _day(words: Any, milliseconds: int) -> str:
    when = _utc(milliseconds)
    return str(words.day_name(when.day, when.month, when.year))


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _words(language: str) -> Any:
    """The macros of a language, as attributes."""
    return _environment().get_template(f"{language}.j2").module


@lru_cache(maxsize=1)
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  (plain text)
    )
    environment.filters.update(p=paragraphs, rows=rows, quote=quoted)
    return environment
