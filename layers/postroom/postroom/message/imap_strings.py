"""Octets as IMAP strings (RFC 9051 section 4.3): quoted when that is safe, a literal otherwise."""

import re

# Some clients read a quoted string into a buffer of one line: no longer ones.
_PLAIN = re.compile(rb"[ !#-\[\]-~]{0,1000}").fullmatch
_QUOTABLE = re.compile(rb"[ -~]{0,1000}").fullmatch
_SPECIAL = re.compile(rb"([\"\\])")
_RUN = re.compile(rb"[ \t\r\n]{2}|[\t\r\n]")
_LINE = re.compile(rb"[ \t]*\r?\n[ \t]*|[\r\t]")


def string(octets: bytes) -> bytes:
    """Return an IMAP ``string``. NUL, which no string may hold, becomes U+FFFD."""
    if _PLAIN(octets):
        return b'"' + octets + b'"'
    if _QUOTABLE(octets):
        return b'"' + _SPECIAL.sub(rb"\\\1", octets) + b'"'
    if b"\0" in octets:
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
