"""SASLprep: one spelling for names and passwords that look alike (RFC 4013)."""

import stringprep
import unicodedata

from postroom.errors import BadSyntax

_REFERENCE = "RFC 4013 section 2.3"
# RFC 4013 section 2.3, in its order.
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """Return the prepared string. Raises BadSyntax, which does not show the text.

    Code points that Unicode 3.2 did not know pass, as in a query (RFC 3454 section 7): a password
    with a newer emoji in it must do the same here as in the client.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in text
        if not stringprep.in_table_b1(letter)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibited(letter) for letter in prepared for prohibited in _PROHIBITED):
        raise BadSyntax("string without control characters", b"...", _REFERENCE)
    if any(map(stringprep.in_table_d1, prepared)):
        _check_bidi(prepared)
    return prepared


def _check_bidi(text: str) -> None:
    """RFC 3454 section 6: right-to-left text stands alone and at both ends."""
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    if not ends or any(map(stringprep.in_table_d2, text)):
        raise BadSyntax("string of one direction", b"...", "RFC 4013 section 2.4")
