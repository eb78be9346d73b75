"""What a ManageSieve server says (RFC 5804 sections 1.2, 1.3 and 4).

A string can be quoted or a literal, where it is one line; clients do not take both everywhere.
"""

_LONGEST_QUOTED = 1024  # octets between the quotes


def string(octets: bytes) -> bytes:
    """Quoted where it can be: Net_Sieve does not find names that are literals."""
    if octets.translate(None, b"\r\n\0") != octets:
        return literal(octets)
    quoted = octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return literal(octets) if len(quoted) > _LONGEST_QUOTED else b'"' + quoted + b'"'


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)


def ok(text: str = "", code: str = "", argument: bytes | None = None) -> bytes:
    """*text* had better be one line: sieve-connect takes an OK with a literal for a failure."""
    parts = [b"OK"]
    if code:
        more = b"" if argument is None else b" " + string(argument)
        parts.append(b"(%b%b)" % (code.encode(), more))
    if text:
        parts.append(string(text.encode("utf-8", "backslashreplace")))
    return b" ".join(parts) + b"\r\n"


def no(text: str, code: str = "") -> bytes:
    return _refusal(b"NO", text, code)


def bye(text: str, code: str = "") -> bytes:
    return _refusal(b"BYE", text, code)


def _refusal(kind: bytes, text: str, code: str) -> bytes:
    """Lines of *text* end in LF; they go out with CRLF (section 2.6)."""
    octets = text.replace("\n", "\r\n").encode("utf-8", "backslashreplace")
    # People read it, and Net_Sieve shows them the backslashes of a quoted string.
    plain = octets.translate(None, b'"\\') == octets
    coded = b" (%b)" % code.encode() if code else b""
    return kind + coded + b" " + (string(octets) if plain else literal(octets)) + b"\r\n"
