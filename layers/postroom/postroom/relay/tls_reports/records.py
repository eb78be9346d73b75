"""Where a domain wants reports to go (RFC 8460 section 3). Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from postroom.directory.addresses import BadAddress, outside
from postroom.errors import BadSyntax

_MOST_PLACES = 8  # of one domain that get a report
_LONGEST_RECORD = 2_048  # characters
_RECORD = re.compile(r"v=TLSRPTv1[ \t]*;")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_VALUE = re.compile(r"[!-:<-~]+")
_URI = re.compile(r"[!-~]{1,1000}")


@dataclass(frozen=True, slots=True)
class ReportPlaces:
    """``mail`` are addresses, ``web`` https: URLs; what is neither is left out."""

    mail: tuple[str, ...] = ()
    web: tuple[str, ...] = ()


def places(records: tuple[str, ...]) -> ReportPlaces:
    """Read the TXT records of ``_smtp._tls.<domain>``. Raises BadSyntax when the one that counts
    breaks the rules; none, or several, is a domain that wants no reports."""
    found = [record for record in records if _RECORD.match(record)]
    return parse_tlsrpt_record(found[0]) if len(found) == 1 else ReportPlaces()


def parse_tlsrpt_record(text: str) -> ReportPlaces:
    """``v=TLSRPTv1; rua=mailto:tls@example.org,https://…``. Raises BadSyntax."""
    wrong = BadSyntax("tlsrpt-record", text.encode("utf-8", "replace"), "RFC 8460 section 3")
    version, *fields = (field.strip(" \t") for field in text[: _LONGEST_RECORD + 1].split(";"))
    if version != "v=TLSRPTv1" or len(text) > _LONGEST_RECORD:
        raise wrong
    if fields and not fields[-1]:
        fields.pop()
    uris: list[str] = []
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise wrong
        if name == "rua":
            uris += [uri.strip(" \t") for uri in value.split(",")]
        elif not _VALUE.fullmatch(value):
            raise wrong
    if not uris or not all(_URI.fullmatch(uri) for uri in uris):
        raise wrong
    mail = dict.fromkeys(address for uri in uris if (address := _address(uri)))
    web = dict.fromkeys(uri for uri in uris if _is_https(uri))
    return ReportPlaces(tuple(mail)[:_MOST_PLACES], tuple(web)[:_MOST_PLACES])


def _address(uri: str) -> str:
    """Of a mailto: URI (RFC 6068), without the fields that it may ask for; "" for what is none."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return ""
    try:
        return outside(unquote(rest.partition("?")[0], errors="strict"))
    except (BadAddress, UnicodeDecodeError):
        return ""


def _is_https(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
