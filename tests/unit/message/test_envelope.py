"""ENVELOPE and BODYSTRUCTURE. What is expected is what Dovecot 2.3.19 says."""

import email.utils

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message.addresses import Address, parse_addresses
from postroom.message.envelope import first_addresses
from postroom.message.imap_strings import string
from postroom.message.summary import summarise


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b", [Address(None, None, b"a", b"b")]),
        (b"Al Ice <a@b>", [Address(b"Al Ice", None, b"a", b"b")]),
        (b"a@b, c@d", [Address(None, None, b"a", b"b"), Address(None, None, b"c", b"d")]),
        (b'"Ice, \\"Al\\"" <a@b>', [Address(b'Ice, "Al"', None, b"a", b"b")]),
        (b"a@b (Al (the) Ice)", [Address(b"Al (the) Ice", None, b"a", b"b")]),
        (b"<@r1,@r2:a@b>", [Address(None, b"@r1,@r2", b"a", b"b")]),
        (b'"a b"@[192.0.2.1]', [Address(None, None, b"a b", b"[192.0.2.1]")]),
        (b"Dr. A. Ice <a@b>", [Address(b"Dr. A. Ice", None, b"a", b"b")]),
        (b"=?utf-8?q?=C3=A9?= <a@b>", [Address(b"=?utf-8?q?=C3=A9?=", None, b"a", b"b")]),
        (
            b"G: a@b, c@d;, e@f",
            [
                Address(None, None, b"G", None),
                Address(None, None, b"a", b"b"),
                Address(None, None, b"c", b"d"),
                Address(None, None, None, None),
                Address(None, None, b"e", b"f"),
            ],
        ),
        (b"alice", [Address(None, None, b"alice", b"MISSING_DOMAIN")]),
        (b"<>", [Address(None, None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
        (b"al ice", [Address(b"al ice", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
        (b"Al <a@b", [Address(b"Al", None, b"a", b"b")]),
        (b",,a@b,,", [Address(None, None, b"a", b"b")]),
        (b"", []),
    ],
)  # fmt: skip
def test_addresses(value: bytes, expected: list[Address]) -> None:
    assert parse_addresses(value) == expected


def test_what_is_shown_of_an_address() -> None:
    assert [a.display for a in parse_addresses(b"=?utf-8?q?=C3=A9?= <a@b>, c@d")] == ["é", "c@d"]


_ATOM = st.text("abcXYZ019-_.", min_size=1, max_size=8).map(
    lambda text: "x" + text.replace("..", ".") + "x"
)
_NAME = st.text('abc ,;<>@"\\()é', max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_NAME, _ATOM, _ATOM), max_size=5))
def test_agrees_with_the_standard_library(people: list[tuple[str, str, str]]) -> None:
    written = ", ".join(email.utils.formataddr((name, f"{a}@{b}")) for name, a, b in people)
    # Python 3.13 finds an address without anything in nothing.
    theirs = email.utils.getaddresses([written]) if people else []
    ours = parse_addresses(written.encode())
    assert [a.spec for a in ours] == [address for _, address in theirs]
    if "=?" not in written:
        assert [(a.name or b"").decode().strip() for a in ours] == [
            name.strip() for name, _ in theirs
        ]


@settings(max_examples=300, deadline=None)
@given(st.text('a@b<>,;:"\\()[]. \t\r\n\0é', max_size=60))
def test_no_address_list_raises(value: str) -> None:
    for address in parse_addresses(value.encode()):
        assert isinstance(address.display, str)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", b'""'),
        (b'a"b\\', b'"a\\"b\\\\"'),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\0b", b"{5}\r\na\xef\xbf\xbdb"),
        (b"x" * 2000, b"{2000}\r\n" + b"x" * 2000),
    ],
)
def test_strings_are_quoted_when_that_is_safe(octets: bytes, expected: bytes) -> None:
    assert string(octets) == expected


def test_envelope() -> None:
    message = (
        b"Date: Tue, 24 Nov 2026 12:58:53 +0000\r\n"
        b"Subject: a\r\n  \tb\r\nSubject: two\r\n  words\r\n"
        b"From: Al <a@b>\r\nFrom: c@d\r\nSender:\r\nTo: g: e@f;\r\nCc: \r\nReply-To: r@s\r\n"
        b"In-Reply-To: <1@b>\r\nMessage-ID: <2@b>\r\n\r\n"
    )
    both = b'(("Al" NIL "a" "b")(NIL NIL "c" "d"))'
    assert summarise(message).envelope == (
        b'("Tue, 24 Nov 2026 12:58:53 +0000" "two words" %b %b ((NIL NIL "r" "s")) '
        b'((NIL NIL "g" NIL)(NIL NIL "e" "f")(NIL NIL NIL NIL)) NIL NIL "<1@b>" "<2@b>")'
        % (both, both)
    )


TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d NIL NIL NIL NIL)'


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(b"\r\nhello\r\n", TEXT % (7, 1), id="no header"),
        pytest.param(
            b'Content-Type: TEXT/Plain; Charset="UTF-8"; format=flowed\r\nContent-ID: <a>\r\n'
            b"Content-Transfer-Encoding: BASE64\r\nContent-MD5: abc\r\nContent-Description: hi\r\n"
            b"Content-Language: en, de\r\nContent-Location: http://x\r\n /y\r\n"
            b'Content-Disposition: ATTACHMENT; FileName="a\\"b"\r\n\r\nhello',
            b'("TEXT" "Plain" ("Charset" "UTF-8" "format" "flowed") "<a>" "hi" "BASE64" 5 0 "abc" '
            b'("ATTACHMENT" ("FileName" "a\\"b")) ("en" "de") "http://x /y")',
            id="everything",
        ),
        pytest.param(
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\nnothing",
            b"(" + TEXT % (0, 0) + b' "mixed" ("boundary" "a") NIL NIL NIL)',
            id="no parts",
        ),
        pytest.param(
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
            b"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n--a--\r\n",
            b'(("message" "rfc822" NIL NIL NIL "7bit" 19 '
            b'(NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) '
            + TEXT % (4, 0)
            + b' 2 NIL NIL NIL NIL) "mixed" ("boundary" "a") NIL NIL NIL)',
            id="a message inside",
        ),
        pytest.param(
            b"Content-Type:\r\nContent-Disposition:\r\nContent-ID:\r\n\r\nhello",
            b'("" "" NIL "" NIL "7bit" 5 NIL ("" NIL) NIL NIL)',
            id="empty fields",
        ),
    ],
)  # fmt: skip
def test_body_structure(message: bytes, expected: bytes) -> None:
    assert summarise(message).body_structure == expected


ADDRESSES = st.sampled_from(
    [
        b"",
        b"a@b",
        b'"Al \\"x\\" (Ice)" <"a b"@[192.0.2.1]>, c@d',
        b"G: a@b;",
        b"undisclosed:;",
        b"\xe9 <a@b>",
        b"<@r1:a@b>",
        b"x",
    ]
)


@given(ADDRESSES, ADDRESSES, ADDRESSES, st.sampled_from([b"", b'S ("x', b"\xe9{3}\r\n y"]))
def test_first_addresses_are_read_back(to: bytes, cc: bytes, by: bytes, subject: bytes) -> None:
    fields = {b"from": by, b"to": to, b"cc": cc}
    header = b"".join(name + b": " + value + b"\r\n" for name, value in fields.items())
    found = summarise(header + b"Sender: s@s, t@t\r\nSubject: " + subject + b"\r\n\r\n").envelope
    assert first_addresses(found) == {
        name: parse_addresses(value)[0] for name, value in fields.items() if value
    }
