"""Tag lists: ``v=1; a=rsa-sha256; d=example.org`` (RFC 6376 section 3.2).

The form of DKIM's signatures and keys; DMARC, TLS-RPT and BIMI records are written in it, too.
"""

import re
from collections.abc import Mapping

from postroom.errors import BadSyntax

_FWS = r"[ \t\r\n]*"
_TAG = re.compile(rf"{_FWS}([A-Za-z][A-Za-z0-9_]*){_FWS}=([^;]*)")
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e \t\r\n]*")
_LONGEST = 65_535  # octets, of a TXT record and more than any signature


def parse_tags(text: str) -> Mapping[str, str]:
    """Return the tags in their order, values without white space around them.

    Names keep their case: they are case-sensitive. Raises BadSyntax, also for a tag given twice
    ("the entire tag-list is invalid").
    """
    if len(text) > _LONGEST:
        raise _bad(text)
    tags: dict[str, str] = {}
    parts = text.split(";")
    if len(parts) > 1 and not parts[-1].strip(" \t\r\n"):
        parts.pop()  # a semicolon at the end is allowed
    for part in parts:
        found = _TAG.fullmatch(part)
        if found is None or _VALUE.fullmatch(found[2]) is None or found[1] in tags:
            raise _bad(part)
        tags[found[1]] = found[2].strip(" \t\r\n")
    return tags


def _bad(text: str) -> BadSyntax:
    return BadSyntax("tag-list", text.encode("utf-8", "replace"), "RFC 6376 section 3.2")
