"""The words of APPEND and REPLACE, and the URLs that CATENATE takes."""

import pytest

from gateway.imap.commands import BodySection
from gateway.imap.commands_append import Append, NewMessage, Part, Replace, Text, Url
from gateway.imap.message_urls import MessageUrl, parse_message_url
from gateway.imap.parser import parse
from gateway.imap.parser_append import more_parts
from gateway.imap.sequence_set import STAR
from postroom.errors import BadSyntax

NEW = NewMessage()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            b'(\\seen \\Recent k) " 7-Feb-1994 21:52:25 -0800" {5}\r\n',
            [NewMessage(("\\Seen", "k"), 760686745), Text(5)],
            id="flags and date",
        ),
        pytest.param(b"UTF8 (~{5+}\r\n", [NEW, Text(5, utf8=True, binary=True)], id="UTF8"),
        pytest.param(b"~{5+}\r\n", [NEW, Text(5, binary=True)], id="a literal8"),
        pytest.param(b"catenate (text {5}\r\n", [NEW, Text(5, catenated=True)], id="CATENATE"),
        pytest.param(
            b'() CATENATE (URL "/a b" URL {2}\r\n/c UTF8 (~{5}\r\n',
            [NEW, Url(b"/a b"), Url(b"/c"), Text(5, True, True, True)],
            id="URLs first",
        ),
        pytest.param(
            b"CATENATE (URL /a) (\\Draft) CATENATE (URL /b)",
            [NEW, Url(b"/a"), NewMessage(("\\Draft",)), Url(b"/b")],
            id="two messages without a literal",
        ),
    ],
)
def test_as_far_as_the_first_literal(text: bytes, expected: list[Part]) -> None:
    assert parse(b"a APPEND x " + text) == Append(b"a", "x", tuple(expected))


@pytest.mark.parametrize(
    ("after", "text", "expected"),
    [
        pytest.param(Text(1), b"", [], id="the end"),
        pytest.param(Text(1), b" ", [], id="the end, with a space"),
        pytest.param(Text(1), b" {2}\r\n", [NEW, Text(2)], id="another message"),
        pytest.param(Text(1, utf8=True), b")", [], id="the end of UTF8"),
        pytest.param(
            Text(1, utf8=True), b") (k) {2}\r\n", [NewMessage(("k",)), Text(2)], id="and another"
        ),
        pytest.param(Text(1, True), b")", [], id="the end of CATENATE"),
        pytest.param(
            Text(1, True), b" URL /a TEXT {0}\r\n", [Url(b"/a"), Text(0, True)], id="more parts"
        ),
        pytest.param(Text(1, True, True, True), b")) {2}\r\n", [NEW, Text(2)], id="both ends"),
    ],
)
def test_between_two_literals(after: Text, text: bytes, expected: list[Part]) -> None:
    assert more_parts(Append(b"a", "x", ()), text, after) == tuple(expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"(\\Seen)", id="flags only"),
        pytest.param(b"CATENATE ()", id="no parts"),
        pytest.param(b"CATENATE (URL /a", id="no end"),
        pytest.param(b"CATENATE (FILE /a)", id="a part of another kind"),
        pytest.param(b"UTF8 ({5}\r\n", id="UTF8 and no literal8"),
        pytest.param(b"{1}\r\nm", id="octets in the command"),
        pytest.param(b"CATENATE (URL /a)(\\Seen) CATENATE (URL /b)", id="no space between"),
    ],
)
def test_not_an_append(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(b"a APPEND x " + text)


@pytest.mark.parametrize(
    ("after", "text"),
    [
        pytest.param(Text(1), b"x", id="text after a message"),
        pytest.param(Text(1, utf8=True), b"", id="UTF8 without its end"),
        pytest.param(Text(1, True), b"", id="CATENATE without its end"),
        pytest.param(Text(1, True, True), b")", id="one end of two"),
        pytest.param(Text(1, True), b" ", id="no part"),
        pytest.param(Text(1), b")", id="an end of nothing"),
    ],
)
def test_no_way_to_go_on(after: Text, text: bytes) -> None:
    with pytest.raises(BadSyntax):
        more_parts(Append(b"a", "x", ()), text, after)


def test_a_replacement_is_one_message() -> None:
    head = Replace(b"a", True, 7, "x", (NEW, Text(2)))
    assert parse(b"a UID REPLACE 7 x {2}\r\n") == head
    assert more_parts(head, b"", Text(2)) == ()
    with pytest.raises(BadSyntax):
        more_parts(head, b" {2}\r\n", Text(2))
    with pytest.raises(BadSyntax):
        parse(b"a REPLACE 7 x CATENATE (URL /a) CATENATE (URL /b)")


@pytest.mark.parametrize("number", [b"0", b"4294967296", b"1:2", b"1,2", b"*:1", b"$"])
def test_what_is_replaced_is_one_message(number: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(b"a REPLACE " + number + b" x {2}\r\n")


def test_the_last_message_is_replaced() -> None:
    assert parse(b"a REPLACE * x {2}\r\n") == Replace(b"a", False, STAR, "x", (NEW, Text(2)))


def peek(part: str = "", text: str = "", **rest: object) -> BodySection:
    return BodySection(part, text, peek=True, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            MessageUrl("Drafts", 20, 385759045, peek(text="HEADER")),
            id="as in RFC 4469",
        ),
        pytest.param(b"/Drafts/;UID=3002", MessageUrl("Drafts", 3002), id="as in RFC 8508"),
        pytest.param(
            b"/a/b/;UID=1/;SECTION=1.2.MIME/;PARTIAL=10.20",
            MessageUrl("a/b", 1, None, peek("1.2", "MIME", partial=(10, 20))),
            id="a part of a part",
        ),
        pytest.param(
            b"/x/;UID=1/;PARTIAL=5",
            MessageUrl("x", 1, None, peek(partial=(5, 2**63 - 1))),
            id="to the end",
        ),
        pytest.param(
            b"/x/;UID=1/;SECTION=HEADER.FIELDS%20(Subject%20To)",
            MessageUrl("x", 1, None, peek(text="HEADER.FIELDS", fields=(b"Subject", b"To"))),
            id="some fields",
        ),
        pytest.param(b"/caf%C3%A9%3B1/;UID=1", MessageUrl("café;1", 1), id="percent-encoded"),
        pytest.param(b";UID=4/;SECTION=2", MessageUrl("a/b", 4, None, peek("2")), id="relative"),
        pytest.param(b"c/;UID=4", MessageUrl("a/c", 4), id="beside the selected mailbox"),
    ],
)
def test_urls_of_messages(url: bytes, expected: MessageUrl) -> None:
    assert parse_message_url(url, "a/b") == expected


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"/x", id="a mailbox"),
        pytest.param(b"/x?SUBJECT", id="a search"),
        pytest.param(b"imap://host/x/;UID=1", id="absolute"),
        pytest.param(b"//host/x/;UID=1", id="of a server"),
        pytest.param(b"http:x/;UID=1", id="another scheme"),
        pytest.param(b"/;UID=1", id="a message of the root"),
        pytest.param(b"/x/;UID=0", id="UID 0"),
        pytest.param(b"/x/;UID=4294967296", id="UID too large"),
        pytest.param(b"/x/;UID=1/;SECTION=", id="no section"),
        pytest.param(b"/x/;UID=1/;SECTION=1]BODY[2", id="more than a section"),
        pytest.param(b"/x/;UID=1/;SECTION=1%5D%20BODY%5B2", id="encoded, too"),
        pytest.param(b"/x/;UID=1/;PARTIAL=1.0", id="a part of no octets"),
        pytest.param(b"/x/;UID=1;URLAUTH=anonymous", id="URLAUTH"),
        pytest.param(b"/x%/;UID=1", id="a bare percent"),
        pytest.param(b"/x%FF/;UID=1", id="not UTF-8"),
        pytest.param(b"/x y/;UID=1", id="a space"),
        pytest.param(b"/caf\xc3\xa9/;UID=1", id="not encoded"),
    ],
)
def test_urls_of_nothing(url: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_message_url(url, "a/b")


def test_a_relative_url_needs_a_selected_mailbox() -> None:
    assert parse_message_url(b"c/;UID=4", None) == MessageUrl("c", 4)
    with pytest.raises(BadSyntax):
        parse_message_url(b";UID=4", None)
