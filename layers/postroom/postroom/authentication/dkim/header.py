"""Which header fields a signature covers (RFC 6376 sections 5.4 to 5.4.2)."""

import re
from typing import NamedTuple

# The whole field with its folds, and its name. A line that is no field is passed over.
_FIELD = re.compile(rb"^(([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)", re.MULTILINE)


# Listed once more than they are there ("oversigned"), so that nobody can add one: these are what
# a reader sees, where an answer goes, and how the body is shown. A client that shows the first of
# two From or Subject fields would else show a stranger's words under our signature (section 8.15).
# Date and MIME fields, too: those who sent mail through us get them added by submission, and a
# second Content-Type makes other parts of the same octets visible.
_OVERSIGNED = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
# Signed as often as they are there. Mailing lists and resenders add their own to mail that they
# leave unchanged otherwise, which must not break our signature.
_SIGNED = (
    "Sender",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Content-Disposition",
    "Content-ID",
    "Content-Description",
    "Content-Language",
    "List-ID",
    "List-Help",
    "List-Unsubscribe",  # RFC 8058 section 4: both of them must be covered
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Resent-Date",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Message-ID",
    "Auto-Submitted",
    "Autocrypt",
    "Feedback-ID",
    "CFBL-Address",  # RFC 9477 section 3.1.2
    "CFBL-Feedback-ID",
)
_MOST = 20  # fields of one name: more are an attack on whoever verifies; the lowest count

_NAMES = {name.lower().encode(): name for name in (*_OVERSIGNED, *_SIGNED)}
_NAMES |= {name.encode(): name for name in _NAMES.values()}


class Selection(NamedTuple):
    names: tuple[str, ...]  # for h=
    fields: tuple[bytes, ...]  # without CRLF, in the order of the names that are there


def select(header: bytes) -> Selection:
    """Choose what to sign of a header with CRLF line ends. From is always among the names
    (section 5.4)."""
    found: dict[str, list[bytes]] = {}
    for text, written in _FIELD.findall(header):
        name = _NAMES.get(written) or _NAMES.get(written.lower())
        if name is not None:
            found.setdefault(name, []).append(text)
    names: list[str] = []
    fields: list[bytes] = []
    for name in dict.fromkeys((*_OVERSIGNED, *found)):
        # Fields of one name are taken from the bottom up (section 5.4.2).
        texts = found.get(name, ())[: -_MOST - 1 : -1]
        fields += texts
        names += [name] * len(texts)
        if name in _OVERSIGNED and len(texts) < _MOST:
            names.append(name)
    return Selection(tuple(names), tuple([text.removesuffix(b"\r") for text in fields]))
