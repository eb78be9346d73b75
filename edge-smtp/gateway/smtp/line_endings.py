"""A CR or LF on its own in the text of a message (RFC 5321 section 2.3.8).

It ends a line for some servers and not for others. A message that two servers split differently
can hide a second one (SMTP smuggling), so such text is refused, or made plain by a setting.
"""

import re

_BARE_CR = re.compile(rb"\r(?!\n)")
_NO_ENDINGS = bytes(octet for octet in range(256) if octet not in b"\r\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_BARE_LF_AND_DOT = re.compile(rb"\r(?!\n)|(?<!\r)\n(\.?)")


def has_bare(octets: bytes) -> bool:
    """Whether a CR or LF stands alone. *octets* must not begin or end inside a CRLF."""
    # Half the time of counting CRLF, CR and LF: a search that jumps from CR to CR, and, once each
    # CR is known to have its LF, a look at what stays when all else is taken away.
    if _BARE_CR.search(octets) is not None:
        return True
    endings = octets.translate(None, _NO_ENDINGS)
    return endings != b"\r\n" * (len(endings) // 2)


def normalise(octets: bytes, *, dot_stuffed: bool = False) -> bytes:
    """Let a bare LF end a line and a bare CR be a space, as Postfix does.

    A sender for whom a bare LF ends a line has doubled the dot after it: *dot_stuffed* removes
    one. *octets* must not begin or end inside a CRLF.
    """
    if not has_bare(octets):
        return octets
    pattern = _BARE_LF_AND_DOT if dot_stuffed else _BARE
    return pattern.sub(lambda match: b" " if match[0] == b"\r" else b"\r\n", octets)
