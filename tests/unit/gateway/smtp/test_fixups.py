"""What is mended in a header, and what is read of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.fixups import Writers, mended, split_header, writers
from postroom.message.headers import fields

DATE, ID = b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n", b"Message-ID: <u1@mail.example.test>\r\n"
HAS_BOTH = b"Date: x\r\nMessage-ID: <a@b>\r\n"


def mend(header: bytes) -> bytes:
    return mended(
        header,
        fields(header),
        seconds=1_700_000_000,
        unique=lambda: "u1",
        hostname="mail.example.test",
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(b"", DATE + ID, id="nothing there"),
        pytest.param(HAS_BOTH, HAS_BOTH, id="nothing missing"),
        pytest.param(b"date : x\r\n", ID + b"date : x\r\n", id="Message-ID missing"),
        pytest.param(b"MESSAGE-ID: x\r\n", DATE + b"MESSAGE-ID: x\r\n", id="Date missing"),
        pytest.param(b"X-Date: x\r\n", DATE + ID + b"X-Date: x\r\n", id="another field"),
        pytest.param(b"A: b\r\n date: x\r\n", DATE + ID + b"A: b\r\n date: x\r\n", id="in a fold"),
        pytest.param(HAS_BOTH + b"Bcc: a@b\r\n", HAS_BOTH, id="Bcc at the end"),
        pytest.param(b"bCC: a@b,\r\n\tc@d\r\n e@f\r\n" + HAS_BOTH, HAS_BOTH, id="folded"),
        pytest.param(
            b"BCC:\r\nA: Bcc: x\r\nBcc \t: y\r\n" + HAS_BOTH + b"Resent-Bcc: z\r\n",
            b"A: Bcc: x\r\n" + HAS_BOTH,
            id="several, odd ones, and one that only looks so",
        ),
        pytest.param(b"Bccx: a\r\n" + HAS_BOTH, b"Bccx: a\r\n" + HAS_BOTH, id="longer name"),
        pytest.param(b"\xff\0: \xfe\r\n" + HAS_BOTH, b"\xff\0: \xfe\r\n" + HAS_BOTH, id="octets"),
    ],
)
def test_mended(header: bytes, expected: bytes) -> None:
    assert mend(header) == expected


_LINES = st.sampled_from(
    [b"Bcc: x", b" folded", b"\tbcc: y", b"BCC : z", b"A: b", b"Date: d", b"no colon", b":", b"a:"]
)
headers = st.lists(_LINES | st.binary(max_size=20), max_size=8).map(
    lambda lines: b"".join(re.sub(rb"[\r\n]", b"?", line or b"x") + b"\r\n" for line in lines)
)


@given(headers)
def test_mending_keeps_the_rest_in_its_order(header: bytes) -> None:
    new = mend(header)
    assert mend(new) == new
    kept = new.removeprefix(DATE).removeprefix(ID)
    lines = iter(header.splitlines(keepends=True))
    assert all(line in lines for line in kept.splitlines(keepends=True))  # a subsequence
    assert not re.search(rb"(?mi)^bcc[ \t]*:", kept)


@pytest.mark.parametrize(
    ("text", "whole", "expected"),
    [
        (b"A: b\r\n\r\nbody", False, (b"A: b\r\n", b"\r\nbody")),
        (b"\r\nbody", False, (b"", b"\r\nbody")),
        (b"A: b\r\n", True, (b"A: b\r\n", b"")),
        (b"", True, (b"", b"")),
        (b"A: b\r\n", False, None),
    ],
)
def test_split_header(text: bytes, whole: bool, expected: tuple[bytes, bytes] | None) -> None:
    assert split_header(text, whole=whole) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(b"Subject: x\r\n", Writers((), ()), id="no From"),
        pytest.param(b"From: a@b.test\r\n", Writers(("a@b.test",), ()), id="bare"),
        pytest.param(
            b'FROM : "c@d.test" (e@f.test)\r\n <a@b.test>\r\n', Writers(("a@b.test",), ()), id="odd"
        ),
        pytest.param(
            b"From: a@b.test, C <c@d.test>, a@b.test\r\nSender: S <s@t.test>\r\n",
            Writers(("a@b.test", "c@d.test"), ("s@t.test",)),
            id="several",
        ),
        pytest.param(
            b"From: a@b.test\r\nfrom: c@d.test\r\n",
            Writers(("a@b.test", "c@d.test"), ()),
            id="twice",
        ),
        pytest.param(
            b"From: G: a@b.test, c@d.test;\r\n", Writers(("a@b.test", "c@d.test"), ()), id="group"
        ),
        pytest.param(b"From: Nobody:;\r\n", Writers((), ()), id="an empty group"),
        pytest.param(b"From:\r\n", Writers((), (), unreadable=True), id="empty"),
        pytest.param(b"From: \t\r\n \r\n", Writers((), (), unreadable=True), id="blank"),
        pytest.param(b"From: root\r\n", Writers(("root",), ()), id="no domain"),
        pytest.param(b"From: <@route.test:a@b.test>\r\n", Writers(("a@b.test",), ()), id="route"),
        pytest.param("From: jür@b.test\r\n".encode(), Writers(("jür@b.test",), ()), id="UTF-8"),
    ],
)
def test_writers(header: bytes, expected: Writers) -> None:
    assert writers(fields(header)) == expected


@given(headers)
def test_any_header_has_writers(header: bytes) -> None:
    writers(fields(header))
    writers(fields(b"From: " + header))
