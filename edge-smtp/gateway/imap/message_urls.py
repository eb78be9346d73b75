"""URLs of messages and their parts (RFC 5092), as far as CATENATE takes them: of this account, on
this server (RFC 4469 section 3)."""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from gateway.imap.commands import BodySection
from gateway.imap.parser_fetch import fetch_item
from gateway.imap.sequence_set import LARGEST_NUMBER
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax
from postroom.mailboxes.names import SEPARATOR

_RFC = "RFC 5092 section 11"
_URL = re.compile(
    rb"(?P<slash>/?)"
    rb"(?:(?P<mailbox>[^;?]*[^;?/])/?(?:;UIDVALIDITY=(?P<uid_validity>[1-9][0-9]{0,9}))?/)?"
    rb";UID=(?P<uid>[1-9][0-9]{0,9})"
    rb"(?:/;SECTION=(?P<section>[^;?]+?))?"
    rb"(?:/;PARTIAL=(?P<first>[0-9]{1,19})(?:\.(?P<length>[1-9][0-9]{0,18}))?)?",
    re.IGNORECASE,
)
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:|//")
_CHARACTERS = re.compile(rb"(?:[!$&'()*+,;=:@/A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*")
_TO_THE_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """``section``: what FETCH would call it."""

    mailbox: str
    uid: int
    uid_validity: int | None = None
    section: BodySection = BodySection(peek=True)  # noqa: RUF009  (it is immutable)


def parse_message_url(url: bytes, selected: str | None) -> MessageUrl:
    """Return what the URL names. Raises BadSyntax.

    *selected*: the selected mailbox, where a relative URL begins: ``;UID=…`` is in it, ``name/…``
    is beside it. With a scheme or server it is no message of this session, even if it were.
    """
    match = None if _SCHEME.match(url) or not _CHARACTERS.fullmatch(url) else _URL.fullmatch(url)
    if match is None or (match["slash"] and match["mailbox"] is None):
        raise BadSyntax("URL of a message of yours", url, _RFC)
    uid = int(match["uid"])
    uid_validity = int(match["uid_validity"]) if match["uid_validity"] else None
    if max(uid, uid_validity or 0) > LARGEST_NUMBER:
        raise BadSyntax("nz-number", url, _RFC)
    mailbox = _mailbox(match["mailbox"], bool(match["slash"]), selected, url)
    section = _section(match["section"])
    if match["first"]:
        length = int(match["length"] or _TO_THE_END)
        section = replace(section, partial=(int(match["first"]), length))
    return MessageUrl(mailbox, uid, uid_validity, section)


def _mailbox(encoded: bytes | None, absolute: bool, selected: str | None, url: bytes) -> str:
    if encoded is None:
        if selected is None:
            raise BadSyntax("URL with a mailbox, none is selected", url, _RFC)
        return selected
    try:
        name = unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("mailbox name in UTF-8", url, "RFC 5092 section 8") from error
    if absolute or selected is None:
        return name
    above, separator, _ = selected.rpartition(SEPARATOR)
    return above + separator + name


def _section(encoded: bytes | None) -> BodySection:
    if encoded is None:
        return BodySection(peek=True)
    s = Scanner(b"BODY.PEEK[" + unquote_to_bytes(encoded) + b"]", utf8=True)
    section = fetch_item(s)
    if not isinstance(section, BodySection) or s.at < len(s.text):
        raise BadSyntax("section-spec", encoded, _RFC)
    return section
