"""Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), the
delivery status parameters RET, ENVID, NOTIFY, ORCPT (RFC 3461), and where they are offered HOLDFOR
and HOLDUNTIL (RFC 4865), BY (RFC 2852), REQUIRETLS (RFC 8689), AUTH (RFC 4954)."""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from postroom.errors import BadSyntax

_LONGEST_ENVID = 100  # RFC 3461 section 4.4
_LONGEST_ORCPT = 500  # RFC 3461 section 4.2
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?")
_ORCPT_VALUE = re.compile(r"([A-Za-z0-9-]+);(.*)", re.DOTALL)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 section 4
_ENCODED = re.compile(r"\+([0-9A-F]{2})")
# utf-8-addr-xtext and utf-8-addr-unitext (RFC 6533 section 3)
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-~\u00a0-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})*")
_HOLD_FOR = re.compile(r"[1-9][0-9]{0,8}")  # RFC 4865 section 4, future-release-integer
# date-time of RFC 3339 section 5.6
_HOLD_UNTIL = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
_BY = re.compile(r"([+-]?[0-9]{1,9});([RN]T?)", re.IGNORECASE)  # RFC 2852 section 4, by-value
_SPACES = re.compile(r"[ \t]+")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


class UnknownParameter(BadSyntax):
    """A parameter of an extension that we do not offer (555, RFC 5321 section 4.1.1.11)."""


@dataclass(frozen=True, slots=True)
class MailParameters:
    size: int = 0  # octets, 0 when the client did not say
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""  # FULL or HDRS
    envid: str = ""  # still encoded
    hold_for: int = 0  # seconds, 0 when not asked
    hold_until: int = 0  # milliseconds since 1970, 0 when not asked
    by_time: int = 0  # seconds from now, may be negative
    by_mode: str = ""  # R, N, RT or NT; "" when no deadline was given
    requiretls: bool = False


@dataclass(frozen=True, slots=True)
class RcptParameters:
    notify: tuple[str, ...] = ()
    original: str = ""  # ORCPT, still encoded: "rfc822;Bob@example.test"


_NO_MAIL_PARAMETERS = MailParameters()
_NO_RCPT_PARAMETERS = RcptParameters()


ALWAYS_OFFERED = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID"})


def parse_mail_parameters(text: bytes, offered: Container[str] = ALWAYS_OFFERED) -> MailParameters:
    """Parse what follows the reverse-path. *offered*: keywords, in capitals.

    Raises BadSyntax, UnknownParameter.
    """
    if not text:
        return _NO_MAIL_PARAMETERS
    size, body, smtputf8, ret, envid = 0, "7BIT", False, "", ""
    hold_for = hold_until = by_time = 0
    by_mode, requiretls = "", False
    for keyword, value in _split(text):
        if keyword not in offered:
            raise UnknownParameter("MAIL parameter", keyword.encode(), "RFC 5321")
        match keyword:
            case "SIZE":
                size = _size(value)
            case "BODY":
                body = _one_of(value, ("7BIT", "8BITMIME"), "body-value", "RFC 6152 section 2")
            case "SMTPUTF8":
                smtputf8 = _flag(value, "SMTPUTF8 parameter", "RFC 6531 section 3.4")
            case "RET":
                ret = _one_of(value, ("FULL", "HDRS"), "ret-value", "RFC 3461 section 4.3")
            case "ENVID":
                envid = _envid(value)
            case "HOLDFOR":
                hold_for = _hold_for(value)
            case "HOLDUNTIL":
                hold_until = _hold_until(value)
            case "BY":
                by_time, by_mode = _by(value)
            case "REQUIRETLS":
                requiretls = _flag(value, "REQUIRETLS parameter", "RFC 8689 section 2")
            case "AUTH":
                _auth(value)
    if hold_for and hold_until:
        raise BadSyntax("single hold-param", b"...", "RFC 4865 section 4")
    return MailParameters(
        size, body, smtputf8, ret, envid, hold_for, hold_until, by_time, by_mode, requiretls
    )


def parse_rcpt_parameters(text: bytes, *, smtputf8: bool = False) -> RcptParameters:
    """Parse what follows the forward-path. Raises BadSyntax, UnknownParameter."""
    if not text:
        return _NO_RCPT_PARAMETERS
    notify: tuple[str, ...] = ()
    original = ""
    for keyword, value in _split(text):
        match keyword:
            case "NOTIFY":
                notify = _notify(value)
            case "ORCPT":
                original = _orcpt(value, smtputf8)
            case _:
                raise UnknownParameter("RCPT parameter", keyword.encode(), "RFC 5321")
    return RcptParameters(notify, original)


def _split(text: bytes) -> list[tuple[str, str]]:
    """Keywords in capitals with their values, "" for none. Each at most once."""
    decoded = text.decode()  # the path's parser has checked that it is UTF-8
    if not decoded.strip(" \t"):
        return []
    if decoded[0] not in " \t":
        raise BadSyntax("parameter", text, "RFC 5321 section 4.1.2")
    found: dict[str, str] = {}
    for word in _SPACES.split(decoded.strip(" \t")):
        match = _PARAMETER.fullmatch(word)
        if match is None or match[1].upper() in found:
            raise BadSyntax("esmtp-param", word.encode(), "RFC 5321 section 4.1.2")
        found[match[1].upper()] = match[2] or ""
    return list(found.items())


def _size(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise BadSyntax("size-value", value.encode(), "RFC 1870 section 3")
    return int(value)


def _flag(value: str, rule: str, reference: str) -> bool:
    if value:
        raise BadSyntax(rule, value.encode(), reference)
    return True


def _hold_for(value: str) -> int:
    if _HOLD_FOR.fullmatch(value) is None:
        raise BadSyntax("future-release-interval", value.encode(), "RFC 4865 section 4")
    return int(value)


def _hold_until(value: str) -> int:
    """Milliseconds since 1970."""
    try:
        if _HOLD_UNTIL.fullmatch(value) is None:
            raise ValueError(value)
        return int(datetime.fromisoformat(value.upper()).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise BadSyntax("date-time", value.encode(), "RFC 3339 section 5.6") from error


def _by(value: str) -> tuple[int, str]:
    match = _BY.fullmatch(value)
    if match is None:
        raise BadSyntax("by-value", value.encode(), "RFC 2852 section 4")
    seconds, mode = int(match[1]), match[2].upper()
    if seconds <= 0 and mode.startswith("R"):  # to be returned before it was sent
        raise BadSyntax("by-time for by-mode R, which is positive", value.encode(), "RFC 2852")
    return seconds, mode


def _auth(value: str) -> None:
    """Who wrote it, as another server says. We know who our client is, so it tells nothing
    (RFC 4954 section 5 lets us parse it and forget it)."""
    if value != "<>" and (not value or not _is_xtext(value)):
        raise BadSyntax("AUTH parameter", value.encode(), "RFC 4954 section 5")


def _one_of(value: str, allowed: tuple[str, ...], rule: str, reference: str) -> str:
    if value.upper() not in allowed:
        raise BadSyntax(rule, value.encode(), reference)
    return value.upper()


def _envid(value: str) -> str:
    if not 1 <= len(value) <= _LONGEST_ENVID or not _is_xtext(value):
        raise BadSyntax("envid-parameter", value.encode(), "RFC 3461 section 4.4")
    return value


def _notify(value: str) -> tuple[str, ...]:
    wanted = tuple(value.upper().split(","))
    if wanted != ("NEVER",) and (len(set(wanted)) != len(wanted) or not _NOTIFY.issuperset(wanted)):
        raise BadSyntax("notify-esmtp-value", value.encode(), "RFC 3461 section 4.1")
    return wanted


def _orcpt(value: str, smtputf8: bool) -> str:
    match = _ORCPT_VALUE.fullmatch(value)
    if match is None or len(value.encode()) > _LONGEST_ORCPT:
        raise BadSyntax("original-recipient-address", value.encode(), "RFC 3461 section 4.2")
    if match[1].lower() == "utf-8":
        good = _UTF8_ADDRESS.fullmatch(match[2]) is not None and (smtputf8 or match[2].isascii())
    else:
        good = _is_xtext(match[2])
    if not match[2] or not good:
        raise BadSyntax("xtext", value.encode(), "RFC 3461 section 4")
    return value


def _is_xtext(value: str) -> bool:
    """Whether it is xtext that stands for printable ASCII (RFC 3461 sections 4.2 and 4.4)."""
    return _XTEXT.fullmatch(value) is not None and all(
        0x20 <= int(code, 16) <= 0x7E for code in _ENCODED.findall(value)
    )
