"""Whatever a client sends, the parser answers with a value or BadSyntax."""

import re
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.imap.parser import parse
from postroom.errors import BadSyntax

WORDS = """
a NOOP UID FETCH SEARCH STORE LIST STATUS APPEND SELECT ID AUTHENTICATE LOGIN COPY ENABLE CREATE (
) [ ] < > {3}\r\n {3+}\r\n ~{2}\r\n " \\ \\Seen \\* 1:* 1,2 $ * % BODY[ BODY.PEEK[HEADER.FIELDS
BINARY[1] 1.2 TEXT OR NOT FROM HEADER CHARSET UTF-8 RETURN MODSEQ (CHANGEDSINCE (UNCHANGEDSINCE
FLAGS +FLAGS.SILENT 1-Feb-1994 "17-Jul-1996 02:44:25 -0700" &AOk- &- INBOX NIL <0.5> USE
SINCE LARGER KEYWORD 99999999999
"""
TOKENS = st.sampled_from(
    [word.encode() for word in re.split(r"(?<!\r)[ \n]", WORDS)]
    + [b" ", b'"x"', b"\xc3\xa9", b"\xff"]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(TOKENS, max_size=14), st.sampled_from([b" ", b""]), st.booleans())
def test_words_in_any_order(words: list[bytes], between: bytes, utf8: bool) -> None:
    with suppress(BadSyntax):
        parse(b"a " + between.join(words), utf8)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [b"", b"FETCH 1 ", b"SEARCH ", b"LIST ", b"LOGIN ", b"APPEND ", b"STORE 1 ", b"ID "]
    ),
    st.binary(max_size=60),
)
def test_any_octets(verb: bytes, octets: bytes) -> None:
    with suppress(BadSyntax):
        parse(b"a " + verb + octets)
