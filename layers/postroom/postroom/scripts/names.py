"""Names of scripts: Net-Unicode without control characters (RFC 5804 section 1.6, RFC 5198)."""

import unicodedata

from postroom.scripts.errors import BadScriptName

LONGEST_NAME = 128  # characters, the least that a server must allow

# Control characters, half pairs of surrogates, LINE SEPARATOR and PARAGRAPH SEPARATOR.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def canonical(name: str) -> str:
    """Return the name as we keep it, in NFC. Raises BadScriptName."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if not name:
        raise BadScriptName("it is empty")
    if len(name) > LONGEST_NAME:
        raise BadScriptName(f"it has more than {LONGEST_NAME} characters")
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        raise BadScriptName("it holds a control character or a line separator")
    return name
