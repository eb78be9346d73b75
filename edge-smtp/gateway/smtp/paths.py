"""Reverse-path and forward-path (RFC 5321 section 4.1.2, RFC 6531 section 3.3)."""

import ipaddress
import re

from postroom.errors import BadSyntax

_REFERENCE = "RFC 5321 section 4.1.2"
# RFC 5321 section 4.5.3.1 speaks of 64 octets for a local part and 256 for a path, and of avoiding
# limits where one can: return paths of mailing services (VERP, SRS, BATV) are often longer.
_LONGEST_PATH = 512  # octets
_LONGEST_DOMAIN = 255

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff]"
_DOT_STRING = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
_QUOTED = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a0-\U0010ffff]|\\[\x20-\x7e])*"'
# Underscores are not in the grammar, but in names that send mail.
_LET_DIG = r"[A-Za-z0-9_\u00a0-\U0010ffff]"
_LABEL = rf"{_LET_DIG}(?:[A-Za-z0-9_\-\u00a0-\U0010ffff]*{_LET_DIG})?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[\x21-\x5a\x5e-\x7e]+\]"
_SOURCE_ROUTE = rf"@{_DOMAIN}(?:,@{_DOMAIN})*:"  # accepted and ignored (appendix C)
_PATH = re.compile(
    rf"<(?:{_SOURCE_ROUTE})?((?P<local>{_DOT_STRING}|{_QUOTED})"
    rf"@(?:(?P<domain>{_DOMAIN})|(?P<literal>{_LITERAL})))>"
)
_POSTMASTER = re.compile("<(postmaster)>", re.IGNORECASE)  # needs no domain (section 4.1.1.3)
_TAGGED_LITERAL = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[\x21-\x5a\x5e-\x7e]+")


def parse_reverse_path(text: bytes) -> tuple[str, bytes]:
    """Return the address that *text* begins with, "" for ``<>``, and what follows the path.

    Source routes are dropped. The address may hold letters beyond ASCII: whether SMTPUTF8 was
    asked for stands behind it, so the caller looks. Raises BadSyntax.
    """
    if text.startswith(b"<>"):
        return "", text[2:]
    return _parse_path(text, "Reverse-path")


def parse_forward_path(text: bytes) -> tuple[str, bytes]:
    """As `parse_reverse_path`, never empty; ``<Postmaster>`` may stand without a domain."""
    return _parse_path(text, "Forward-path")


def _parse_path(text: bytes, rule: str) -> tuple[str, bytes]:
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise BadSyntax(rule, text, "RFC 6531 section 3.3") from error
    match = _PATH.match(decoded)
    if match is None:
        if rule == "Forward-path" and (match := _POSTMASTER.match(decoded)):
            return match[1], decoded[match.end() :].encode()
        raise BadSyntax(rule, text, _REFERENCE)
    _check_lengths(match, rule, text)
    literal = match["literal"]
    if literal is not None and not is_address_literal(literal):
        raise BadSyntax("address-literal", text, "RFC 5321 section 4.1.3")
    return match[1], decoded[match.end() :].encode()


def _check_lengths(match: re.Match[str], rule: str, text: bytes) -> None:
    if len(match[1]) <= 64:
        return  # no UTF-8 makes these too long
    domain = match["domain"] or match["literal"]
    if len(domain.encode()) > _LONGEST_DOMAIN or len(match[1].encode()) > _LONGEST_PATH:
        raise BadSyntax(rule, text, "RFC 5321 section 4.5.3.1")


def is_address_literal(text: str) -> bool:
    """``[192.0.2.1]``, ``[IPv6:2001:db8::1]`` or ``[tag:...]`` (RFC 5321 section 4.1.3)."""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    inside = text[1:-1]
    try:
        if inside[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(inside[5:])
        elif ":" in inside:
            return _TAGGED_LITERAL.fullmatch(inside) is not None
        else:
            ipaddress.IPv4Address(inside)
    except ValueError:
        return False
    return True
