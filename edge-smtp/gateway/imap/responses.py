"""What the server says, as octets (RFC 9051 section 7). FETCH is in ``fetch``."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from gateway.imap.names import encode_name
from gateway.imap.sequence_set import render_ranges, render_sequence_set
from postroom.mailboxes.records import SYSTEM_FLAGS

_PLAIN = re.compile(rb"[\x20-\x7e]*")  # can be quoted in any session
_ATOM = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]+')
_LONGEST_QUOTED = 1000
_RANGES_A_LINE = 500
_SYSTEM_ORDER = {flag: position for position, flag in enumerate(SYSTEM_FLAGS)}


# Words.


def string(octets: bytes, utf8: bool = False) -> bytes:
    """A quoted string if possible, else a literal. *utf8*: the client takes UTF-8 in quotes."""
    if len(octets) <= _LONGEST_QUOTED and (_PLAIN.fullmatch(octets) or (utf8 and _is_text(octets))):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def _is_text(octets: bytes) -> bool:
    try:
        return octets.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def nstring(octets: bytes | None, utf8: bool = False) -> bytes:
    return b"NIL" if octets is None else string(octets, utf8)


def astring(octets: bytes) -> bytes:
    return octets if _ATOM.fullmatch(octets) else string(octets)


@lru_cache(maxsize=1024)
def mailbox(name: str, utf8: bool) -> bytes:
    """A mailbox name, quoted: UTF-8 in a session of IMAP4rev2 or UTF8=ACCEPT, else modified
    UTF-7 (RFC 9051 appendix A, RFC 6855 section 3)."""
    return string(encode_name(name, utf8), utf8)


def flag_words(flags: Iterable[str]) -> bytes:
    """Flags, system flags first, without the parentheses."""
    ordered = sorted(flags, key=lambda flag: (_SYSTEM_ORDER.get(flag, 9), flag))
    return " ".join(ordered).encode("utf-8", "replace")


@lru_cache(maxsize=1024)  # a hundred keywords of a hundred octets are 30 KB
def flags_of(flags: frozenset[str], recent: bool) -> bytes:
    """The flags of a message, without the parentheses."""
    words = flag_words(flags)
    return words if not recent else b"\\Recent " + words if words else b"\\Recent"


# Lines of state. Those with a tag end a command.


def tagged(tag: bytes, condition: bytes, text: str, code: bytes = b"") -> bytes:
    """``tag OK [code] text``; the text is a sentence of ours or names what the client sent."""
    # An octet of the client's must not end the line, nor be 8-bit where the client expects none.
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if " " <= c <= "~" else "?" for c in text)
    bracketed = b"[" + code + b"] " if code else b""
    return b"%b %b %b%b\r\n" % (tag, condition, bracketed, text.encode("ascii"))


def untagged(condition: bytes, text: str, code: bytes = b"") -> bytes:
    return tagged(b"*", condition, text, code)


def continuation(text: bytes = b"OK") -> bytes:
    return b"+ " + text + b"\r\n"


def capability(names: Sequence[str]) -> bytes:
    return b"* CAPABILITY " + " ".join(names).encode("ascii") + b"\r\n"


def enabled(names: Sequence[str]) -> bytes:
    return " ".join(["* ENABLED", *names]).encode("ascii") + b"\r\n"


def id_of(fields: Mapping[str, str] | None) -> bytes:
    """RFC 2971 section 3.2."""
    if not fields:
        return b"* ID NIL\r\n"
    words = (string(word.encode()) for pair in fields.items() for word in pair)
    return b"* ID (" + b" ".join(words) + b")\r\n"


# Mailboxes.


def list_line(
    name: str,
    attributes: Iterable[str],
    utf8: bool,
    *,
    child_info: Iterable[str] = (),
    old_name: str | None = None,
    verb: bytes = b"LIST",
) -> bytes:
    """One mailbox (section 7.3.1). *verb*: LIST, LSUB or XLIST. *child_info*: the selection options
    that names below it fulfil (RFC 5258 section 3.5). *old_name*: RFC 9051 section 6.3.9.7."""
    extended = []
    options = [b'"' + option.encode("ascii") + b'"' for option in child_info]
    if options:
        extended.append(b'"CHILDINFO" (' + b" ".join(options) + b")")
    if old_name is not None:
        extended.append(b'"OLDNAME" (' + mailbox(old_name, utf8) + b")")
    return b'* %b (%b) "/" %b%b\r\n' % (
        verb,
        " ".join(attributes).encode("ascii"),
        mailbox(name, utf8),
        b" (" + b" ".join(extended) + b")" if extended else b"",
    )


def delimiter(verb: bytes) -> bytes:
    """The answer to ``LIST "" ""``: the hierarchy delimiter and the root's name."""
    return b'* %b (\\Noselect) "/" ""\r\n' % verb


def namespace() -> bytes:
    """The user's own, without a prefix, and that of other users (RFC 9051 section 6.3.10)."""
    return b'* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL\r\n'


def object_id(name: str) -> bytes:
    """RFC 8474 section 7."""
    return b"(" + name.encode("ascii") + b")"


def status(name: str, items: Mapping[str, int | bytes], utf8: bool) -> bytes:
    """*items*: numbers, and what is written as it is."""
    words = []
    for item, value in items.items():
        words += [item.encode("ascii"), value if isinstance(value, bytes) else b"%d" % value]
    return b"* STATUS %b (%b)\r\n" % (mailbox(name, utf8), b" ".join(words))


# The selected mailbox.


def flags(names: Iterable[str]) -> bytes:
    return b"* FLAGS (" + flag_words(names) + b")\r\n"


def permanent_flags(names: Iterable[str], new_keywords: bool) -> bytes:
    r"""*new_keywords*: ``\*``, the client may make more."""
    words = [word for word in (flag_words(names), b"\\*" if new_keywords else b"") if word]
    return untagged(b"OK", "Flags permitted", b"PERMANENTFLAGS (" + b" ".join(words) + b")")


def exists(count: int) -> bytes:
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    return b"* %d RECENT\r\n" % count


def expunge(number: int) -> bytes:
    return b"* %d EXPUNGE\r\n" % number


def vanished(uids: Sequence[range], earlier: bool = False) -> bytes:
    """RFC 7162 section 3.2.10: ascending ranges, in several responses when there are many."""
    head = b"* VANISHED (EARLIER) " if earlier else b"* VANISHED "
    return b"".join(
        head + render_ranges(uids[first : first + _RANGES_A_LINE]) + b"\r\n"
        for first in range(0, len(uids), _RANGES_A_LINE)
    )


# Response codes of COPY, MOVE and APPEND (RFC 4315).


def append_uid(uid_validity: int, uids: Sequence[int]) -> bytes:
    return b"APPENDUID %d %b" % (uid_validity, render_sequence_set(uids))


def copy_uid(uid_validity: int, pairs: Sequence[tuple[int, int]]) -> bytes:
    """*pairs* of source and target UID; the two sets correspond number by number."""
    sources = render_sequence_set(source for source, _ in pairs)
    return b"COPYUID %d %b %b" % (
        uid_validity,
        sources,
        render_sequence_set(target for _, target in pairs),
    )
