"""``mailto:`` URIs (RFC 6068), as a way to notify somebody (RFC 5436). Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from postroom.errors import PostroomError
from postroom.sieve.commands.outbound import parse_mailbox_list

SCHEME = "mailto:"
MOST_RECIPIENTS = 8  # of one notification: a script is no mailing list
MOST_FIELDS = 16
LONGEST = 8_000  # characters

# qchar, and the signs that RFC 3986 section 3.4 adds.
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$'()*+,;:@/?-]|%[0-9A-Fa-f]{2})*")
_TO = re.compile(r"(?:[A-Za-z0-9._~!$'*+,:@-]|%[0-9A-Fa-f]{2})*")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
# Made anew for each notification, or unsafe in the hands of others (RFC 5436 section 2.7, RFC 6068
# section 4): ignored.
_IGNORED = frozenset(
    {
        "apparently-to",
        "auto-submitted",
        "bcc",
        "date",
        "delivered-to",
        "from",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "sender",
    }
)
_IGNORED_PREFIXES = ("resent-", "content-", "dkim-", "arc-", "list-")


class BadMailto(PostroomError):
    """A URI that nobody can be notified by."""

    def __init__(self, rule: str, found: str) -> None:
        super().__init__(f'"{found[:80]}" is not a {rule} (RFC 6068 section 2)')


@dataclass(frozen=True, slots=True)
class Mailto:
    """What a URI asks for. Addresses are ``local@domain``; nothing holds a line end but ``body``,
    in which they are CRLF."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    fields: tuple[tuple[str, str], ...] = ()  # other header fields, names as written


def parse_mailto(uri: str) -> Mailto:
    """Read a URI. Raises BadMailto."""
    if uri[: len(SCHEME)].lower() != SCHEME or len(uri) > LONGEST:
        raise BadMailto("mailto URI", uri)
    path, question, query = uri[len(SCHEME) :].partition("?")
    if _TO.fullmatch(path) is None:
        raise BadMailto("mailto recipient", path)
    to = list(_addresses(path))
    cc: list[str] = []
    subject = body = ""
    fields = []
    for name, value in _fields(query) if question else ():
        match name.lower():
            case "to":
                to += _addresses(value)
            case "cc":
                cc += _addresses(value)
            case "subject":
                subject = _line(value)
            case "body":
                body = _text(value)
            case known if known not in _IGNORED and not known.startswith(_IGNORED_PREFIXES):
                fields.append((name, _line(value)))
    if len(to) + len(cc) > MOST_RECIPIENTS:
        raise BadMailto(f"mailto URI of at most {MOST_RECIPIENTS} recipients", uri)
    return Mailto(tuple(to), tuple(cc), subject, body, tuple(fields))


def _fields(query: str) -> list[tuple[str, str]]:
    """The header fields of a URI, values still encoded."""
    found = []
    for item in query.split("&"):
        name, equals, value = item.partition("=")
        if not equals or _QUERY.fullmatch(name) is None or _QUERY.fullmatch(value) is None:
            raise BadMailto("mailto header field", item)
        name = _decoded(name)
        if _FIELD_NAME.fullmatch(name) is None:
            raise BadMailto("name of a header field", name)
        found.append((name, value))
    if len(found) > MOST_FIELDS:
        raise BadMailto(f"mailto URI of at most {MOST_FIELDS} header fields", query)
    return found


def _addresses(encoded: str) -> tuple[str, ...]:
    if not encoded:
        return ()
    # The comma between two is encoded in URIs of RFC 2368, which RFC 5436 knows.
    text = _decoded(encoded)
    found = parse_mailbox_list(text)
    if found is None:
        raise BadMailto("list of mail addresses", text)
    return found


def _decoded(encoded: str) -> str:
    return unquote_to_bytes(encoded).decode("utf-8", "replace")


def _line(encoded: str) -> str:
    return _CONTROLS.sub(" ", _decoded(encoded)).strip()


def _text(encoded: str) -> str:
    return "\r\n".join(_decoded(encoded).replace("\r\n", "\n").replace("\r", "\n").split("\n"))
