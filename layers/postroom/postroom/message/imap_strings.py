"""Octets as IMAP strings (RFC 9051 section 4.3): quoted when that is safe, a literal otherwise."""

import re

_UNSAFE = re.compile(rb"[^\x20-\x7e]")
_SPECIAL = re.compile(rb"([\"\\])")
_LONGEST_QUOTED = 1000  # some clients read a quoted string into a buffer of one line
_RUN = re.compile(rb"[ \t\r\n]{2}|[\t\r\n]")
_LINE = re.compile(rb"[ \t]*\r?\n[ \t]*|[\r\t]")


def string(octets: bytes) -> bytes:
    """Return an IMAP ``string``. NUL, which no string may hold, becomes U+FFFD."""
    if _UNSAFE.search(octets) is None:
        if len(octets) <= _LONGEST_QUOTED:
            if b'"' in octets or b"\\" in octets:
                octets = _SPECIAL.sub(rb"\\\1", octets)
            return b'"' + octets + b'"'
    elif b"\0" in octets:
        octets = octets.replace(b"\0", b"\xef\xbf\xbd")
    return b"{%d}\r\n%b" % (len(octets), octets)


def nstring(octets: bytes | None) -> bytes:
    """Return an IMAP ``nstring``: NIL for None."""
    return b"NIL" if octets is None else string(octets)


def for_humans(octets: bytes) -> bytes:
    """Put a text on one line, each run of white space as one space, as Dovecot shows it."""
    return b" ".join(octets.split()) if _RUN.search(octets) else octets.strip(b" ")


def one_line(octets: bytes) -> bytes:
    """Put a folded value on one line and trim it: each fold, tab or CR becomes one space."""
    if b"\n" in octets or b"\r" in octets or b"\t" in octets:
        octets = _LINE.sub(b" ", octets)
    return octets.strip(b" ")
