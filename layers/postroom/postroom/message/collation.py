"""The collation i;unicode-casemap (RFC 5051): how IMAP searches, sorts and threads texts (RFC 5255
section 4.2) and JMAP sorts (RFC 8620 section 5.5)."""

import unicodedata

_AT_ONCE = 65_536  # characters: a translation holds the interpreter, and others want to run
_PLANE = 0x10000


def casemap(text: str) -> str:
    """Return the text as the collation compares it: equality, order and substrings are those of
    the results.

    Each character is replaced by its simple titlecase and that by its full decomposition, so
    an accent is a character of its own: "e" is found in "É", but "é" is not in "E".
    """
    if text.isascii():
        return text.upper()
    if len(text) <= _AT_ONCE:
        return text.translate(_MAPPING)
    starts = range(0, len(text), _AT_ONCE)
    return "".join([text[start : start + _AT_ONCE].translate(_MAPPING) for start in starts])


class _Mapping(dict[int, str]):
    """What becomes of a character, found out when it is met first (RFC 5051 section 2)."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        title = character.title()
        # The full mapping of a few characters is several: those have no simple one.
        mapped = unicodedata.normalize("NFKD", title if len(title) == 1 else character)
        if code < _PLANE:  # the rest is rare, and too much to remember
            self[code] = mapped
        return mapped


_MAPPING = _Mapping()
