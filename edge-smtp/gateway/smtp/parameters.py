"""Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531) and the
delivery status parameters RET, ENVID, NOTIFY, ORCPT (RFC 3461)."""

import re
from dataclasses import dataclass

from postroom.errors import BadSyntax

_LONGEST_ENVID = 100  # RFC 3461 section 4.4
_LONGEST_ORCPT = 500  # RFC 3461 section 4.2
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?")
_ORCPT_VALUE = re.compile(r"([A-Za-z0-9-]+);(.*)", re.DOTALL)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 section 4
_ENCODED = re.compile(r"\+([0-9A-F]{2})")
# utf-8-addr-xtext and utf-8-addr-unitext (RFC 6533 section 3)
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-~\u00a0-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})*")
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


@dataclass(frozen=True, slots=True)
class RcptParameters:
    notify: tuple[str, ...] = ()
    original: str = ""  # ORCPT, still encoded: "rfc822;Bob@example.test"


_NO_MAIL_PARAMETERS = MailParameters()
_NO_RCPT_PARAMETERS = RcptParameters()


def parse_mail_parameters(text: bytes) -> MailParameters:
    """Parse what follows the reverse-path. Raises BadSyntax, UnknownParameter."""
    if not text:
        return _NO_MAIL_PARAMETERS
    size, body, smtputf8, ret, envid = 0, "7BIT", False, "", ""
    for keyword, value in _split(text):
        match keyword:
            case "SIZE":
                size = _size(value)
            case "BODY":
                body = _one_of(value, ("7BIT", "8BITMIME"), "body-value", "RFC 6152 section 2")
            case "SMTPUTF8":
                if value:
                    raise BadSyntax("SMTPUTF8 parameter", value.encode(), "RFC 6531 section 3.4")
                smtputf8 = True
            case "RET":
                ret = _one_of(value, ("FULL", "HDRS"), "ret-value", "RFC 3461 section 4.3")
            case "ENVID":
                envid = _envid(value)
            case _:
                raise UnknownParameter("MAIL parameter", keyword.encode(), "RFC 5321")
    return MailParameters(size, body, smtputf8, ret, envid)


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
