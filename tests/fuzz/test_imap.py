"""Whatever a client sends, the parser answers with a value or BadSyntax."""

import re
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.imap.commands_append import Append, Text
from gateway.imap.literals import CommandReader, MessageLiteral
from gateway.imap.message_urls import parse_message_url
from gateway.imap.parser import parse
from gateway.imap.parser_append import more_parts
from postroom.errors import BadSyntax

WORDS = """
a NOOP UID FETCH SEARCH STORE LIST STATUS APPEND SELECT ID AUTHENTICATE LOGIN COPY ENABLE CREATE (
) [ ] < > {3}\r\n {3+}\r\n ~{2}\r\n " \\ \\Seen \\* 1:* 1,2 $ * % BODY[ BODY.PEEK[HEADER.FIELDS
BINARY[1] 1.2 TEXT OR NOT FROM HEADER CHARSET UTF-8 RETURN MODSEQ (CHANGEDSINCE (UNCHANGEDSINCE
FLAGS +FLAGS.SILENT 1-Feb-1994 "17-Jul-1996 02:44:25 -0700" &AOk- &- INBOX NIL <0.5> USE
SINCE LARGER KEYWORD 99999999999 REPLACE CATENATE (URL /x/;UID=1 TEXT UTF8 (~{0+}\r\n (QRESYNC (7
GETMETADATA SETMETADATA /private/comment /shared/vendor (DEPTH infinity METADATA GETQUOTA
SORT THREAD ESEARCH CANCELUPDATE REFERENCES DATE REVERSE IN PARTIAL 1:2 -1:-2 subtree personal
SETACL DELETEACL GETACL LISTRIGHTS MYRIGHTS anyone -bob +lrs "-" ++ lrswipkxtecda
SAVEDON EMAILID PREVIEW (LAZY)
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
        [
            b"",
            b"FETCH 1 ",
            b"SEARCH ",
            b"LIST ",
            b"LOGIN ",
            b"APPEND ",
            b"STORE 1 ",
            b"ID ",
            b"SORT ",
            b"ESEARCH ",
        ]
    ),
    st.binary(max_size=60),
)
def test_any_octets(verb: bytes, octets: bytes) -> None:
    with suppress(BadSyntax):
        parse(b"a " + verb + octets)


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKENS, max_size=10), st.booleans(), st.booleans(), st.sampled_from([b" ", b""]))
def test_words_after_a_message(
    words: list[bytes], catenated: bool, utf8: bool, between: bytes
) -> None:
    with suppress(BadSyntax):
        more_parts(Append(b"a", "x", ()), between.join(words), Text(1, catenated, utf8))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            b"/ // ; UID= 1 SECTION= HEADER % 41 x PARTIAL= UIDVALIDITY= . %5D \xff imap:".split()
        ),
        max_size=14,
    ),
    st.sampled_from([None, "a/b"]),
)
def test_urls(words: list[bytes], selected: str | None) -> None:
    with suppress(BadSyntax):
        parse_message_url(b"".join(words), selected)


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKENS, max_size=12), st.integers(1, 9), st.booleans())
def test_the_reader_finds_its_way_back_to_a_command(
    words: list[bytes], piece: int, accept: bool
) -> None:
    """After whatever a client sent, and enough octets to end it, a command is a command again."""
    reader = CommandReader()
    octets = b"a APPEND x " + b" ".join(words) + b"\r\n"
    octets = octets.replace(b"{3+}", b"{3}") + b"....\r\n" * 20
    for start in range(0, len(octets), piece):
        reader.receive(octets[start : start + piece])
        for event in reader.events():
            if isinstance(event, MessageLiteral):
                reader.accept() if accept else reader.refuse()
    reader.receive(b"z NOOP\r\n")
    assert any(getattr(event, "command", b"") == b"z NOOP" for event in reader.events())
