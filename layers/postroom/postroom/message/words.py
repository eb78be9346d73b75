"""Encoded words and charsets (RFC 2047): octets become text, whatever they are."""

import binascii
import codecs
import re
from functools import lru_cache

_ENCODED_WORD = re.compile(rb"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(rb"(\?=)[ \t\r\n]+(?==\?[^?\s]+\?[bBqQ]\?)")
_Q_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")

# Names seen in mail that Python does not know, and names that mean more than they say: mail that
# claims ISO-8859-1 or US-ASCII is Windows-1252 in practice (WHATWG Encoding, section 4.2).
_ALIASES = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "x-unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "x-big5": "big5hkscs",
    "big5": "big5hkscs",
    "cp-850": "cp850",
}


def decode_words(value: bytes) -> str:
    """Return a header value as text: encoded words decoded, raw octets guessed. Never raises."""
    if b"=?" not in value:
        return guess(value)
    value = _BETWEEN.sub(rb"\1", value)
    pieces: list[str] = []
    position = 0
    pending: list[bytes] = []  # adjacent words may share one multi-octet character
    charset = ""
    for match in _ENCODED_WORD.finditer(value):
        name = match[1].decode("latin-1").partition("*")[0].lower()  # RFC 2231 section 5
        octets = _decode_word(match[2], match[3])
        if pending and (match.start() != position or name != charset):
            pieces.append(charset_to_str(b"".join(pending), charset))
            pending = []
        if match.start() != position:
            pieces.append(guess(value[position : match.start()]))
        pending.append(octets)
        charset, position = name, match.end()
    if pending:
        pieces.append(charset_to_str(b"".join(pending), charset))
    pieces.append(guess(value[position:]))
    return "".join(pieces)


def charset_to_str(octets: bytes, charset: str) -> str:
    """Decode octets in a charset as mail names it. Unknown or broken: the best guess."""
    codec = _codec(charset)
    if codec is None:
        return guess(octets)
    try:
        text = codec.decode(octets, "replace")[0]
    except (UnicodeError, ValueError):
        return guess(octets)
    # Half a pair of surrogates is no text: UTF-8 cannot write it. Only UTF-7 lets it pass.
    return text.encode("utf-8", "replace").decode() if codec.name == "utf-7" else text


def guess(octets: bytes) -> str:
    """Decode octets of no stated charset: UTF-8 (RFC 6532), else Latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


@lru_cache(maxsize=256)
def _codec(charset: str) -> codecs.CodecInfo | None:
    name = charset.strip().strip("\"'").lower()[:40]
    try:
        # Codecs such as "zip" or "rot13" do not turn octets into text: bytes.decode refuses them.
        b"a".decode(_ALIASES.get(name, name), "replace")
        found = codecs.lookup(_ALIASES.get(name, name))
    except (LookupError, ValueError):
        return None
    return None if found.name.replace("_", "-") in _NOT_FOR_MAIL else found


_NOT_FOR_MAIL = {"unicode-escape", "raw-unicode-escape", "idna", "punycode"}


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        text = text.replace(b"_", b" ")
        return _Q_HEX.sub(lambda found: bytes((int(found[1], 16),)), text)
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
