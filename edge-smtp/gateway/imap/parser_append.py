"""The words of APPEND and REPLACE (RFC 4466 section 6, RFC 4469 section 5, RFC 6855 section 4)."""

from collections.abc import Callable

from gateway.imap.commands import Command
from gateway.imap.commands_append import Append, NewMessage, Part, Replace, Text, Url
from gateway.imap.dates import parse_date_time
from gateway.imap.sequence_set import LARGEST_NUMBER, STAR
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax


def append(s: Scanner, tag: bytes) -> Command:
    s.space()
    mailbox = s.mailbox()
    return Append(tag, mailbox, tuple(_messages(s)))


def replace(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_replace(s: Scanner, tag: bytes) -> Command:
        s.space()
        number = STAR if s.skip(b"*") else s.number(1)
        if number > LARGEST_NUMBER:
            raise BadSyntax("seq-number", b"%d" % number, "RFC 8508 section 5")
        s.space()
        mailbox = s.mailbox()
        parts = tuple(_messages(s))
        _only_one(parts)
        return Replace(tag, uid, number, mailbox, parts)

    return parse_replace


def more_parts(command: Append | Replace, text: bytes, after: Text) -> tuple[Part, ...]:
    """Parse what comes after the octets of a Text: up to the head of the next literal of a
    message, or to the end of the command. Raises BadSyntax."""
    s = Scanner(text if b"}\r\n" in text else text.rstrip(b" "), utf8=True)
    if after.utf8:
        s.expect(b")", "utf8-literal")
    parts: list[Part] = []
    if after.catenated and not s.skip(b")"):
        s.space()
        parts = _cat_parts(s)
    if s.at < len(text.rstrip(b" ")) and not _waits(parts):
        parts += _messages(s)
    s.end()
    if isinstance(command, Replace):
        _only_one((NewMessage(), *parts))
    return tuple(parts)


def _only_one(parts: tuple[Part, ...]) -> None:
    if sum(isinstance(part, NewMessage) for part in parts) > 1:
        raise BadSyntax("append-message", b"more than one message", "RFC 8508 section 4.7")


def _waits(parts: list[Part]) -> bool:
    return bool(parts) and isinstance(parts[-1], Text)


def _messages(s: Scanner) -> list[Part]:
    """append-messages, as far as they are there."""
    parts: list[Part] = []
    while not _waits(parts) and (not parts or s.text[s.at :].strip(b" ")):
        s.space()
        parts.append(_options(s))
        if s.text[s.at : s.at + 10].upper() == b"CATENATE (":
            s.at += 10
            parts += _cat_parts(s)
        else:
            parts.append(_text(s))
    return parts


def _options(s: Scanner) -> NewMessage:
    flags: tuple[str, ...] = ()
    if s.next_is(b"("):
        flags = s.flags()
        s.space()
    internal_date = None
    if s.next_is(b'"'):
        internal_date = parse_date_time(s.string("date-time"))
        s.space()
    return NewMessage(flags, internal_date)


def _cat_parts(s: Scanner) -> list[Part]:
    """Parts of CATENATE, up to its closing parenthesis or to the head of a literal."""
    parts: list[Part] = []
    while True:
        if s.text[s.at : s.at + 6].upper() == b"UTF8 (":
            parts.append(_text(s, catenated=True))
        else:
            name = s.keyword()
            s.space()
            if name == "URL":
                parts.append(Url(s.astring()))
            elif name == "TEXT":
                parts.append(_literal(s, catenated=True, utf8=False))
            else:
                raise BadSyntax("cat-part", name.encode(), "RFC 4469 section 5")
        if _waits(parts) or s.skip(b")"):
            return parts
        s.space()


def _text(s: Scanner, catenated: bool = False) -> Text:
    utf8 = s.text[s.at : s.at + 6].upper() == b"UTF8 ("
    if utf8:
        s.at += 6
    return _literal(s, catenated, utf8)


def _literal(s: Scanner, catenated: bool, utf8: bool) -> Text:
    binary, size = s.literal_head()
    if utf8 and not binary:
        raise s.bad("literal8", "RFC 6855 section 4")
    if s.at < len(s.text):
        raise s.bad("end of the line")  # the octets are not in the command
    return Text(size, catenated, utf8, binary)
