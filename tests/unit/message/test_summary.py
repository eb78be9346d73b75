"""Summaries: what they say, that they survive storage, and how small they are."""

import random

import pytest

from bench.message import message as typical
from postroom.message.bodystructure import without_extensions
from postroom.message.summary import (
    LARGEST,
    Summary,
    body_of,
    body_structure_of,
    envelope_of,
    structure_of,
    summarise,
)
from tests.corpus import odd_messages

CORPUS = list(odd_messages(large=False))


@pytest.mark.parametrize("message", [m for _, m in CORPUS], ids=[name for name, _ in CORPUS])
def test_a_summary_survives_storage(message: bytes) -> None:
    summary = summarise(message)
    encoded = summary.encode()
    assert Summary.decode(encoded) == summary
    assert envelope_of(encoded) == summary.envelope
    assert body_structure_of(encoded) == summary.body_structure
    assert body_of(encoded) == without_extensions(summary.body_structure) == summary.body
    assert structure_of(encoded) == summary.structure


def test_what_a_summary_says() -> None:
    summary = summarise(
        b"From: =?utf-8?q?Al=C3=A9?= <a@b>, x@y\r\nTo: c@d\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n"
        b"Date: Tue, 24 Nov 2026 00:00:00 +0000\r\nMessage-ID: <m@b> (c)\r\nIn-Reply-To: <i@b>\r\n"
        b"References: <r@b>\r\n\t<i@b>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nOne =E9\r\n  two=\r\nthree "
        + b"x"
        * 500
    )
    assert (summary.sender, summary.recipient, summary.subject) == ("Alé", "c@d", "café")
    assert (summary.message_id, summary.in_reply_to) == ("<m@b>", ("<i@b>",))
    assert summary.references == ("<r@b>", "<i@b>")
    assert summary.sent == 1795478400
    assert summary.preview == ("One é twothree " + "x" * 500)[:200]
    assert not summary.has_attachment


def _mixed(*parts: bytes) -> bytes:
    body = b"".join(b"--a\r\n%b\r\n" % part for part in parts)
    return b"Content-Type: multipart/mixed; boundary=a\r\n\r\n%b--a--\r\n" % body


FILE = b"Content-Disposition: attachment\r\n\r\nx"
INLINE = b"Content-Type: image/png\r\nContent-ID: <a>\r\n\r\ny"
HTML = b"Content-Type: text/html\r\n\r\n<head><title>no</title></head><p>Hi &amp; <b>bye</b><p>you"


@pytest.mark.parametrize(
    ("message", "preview", "has_attachment"),
    [
        pytest.param(b"\r\nhello", "hello", False, id="plain"),
        pytest.param(_mixed(HTML), "Hi & bye you", False, id="HTML"),
        pytest.param(_mixed(HTML, b"\r\nplain"), "plain", False, id="plain wins over HTML"),
        pytest.param(_mixed(FILE, b"\r\ny"), "y", True, id="file"),
        pytest.param(_mixed(b"\r\nx", b"Content-Type: image/png\r\n\r\ny"), "x", True, id="image"),
        pytest.param(
            _mixed(b"\r\nx", INLINE), "x", False, id="shown inside the text"
        ),
        pytest.param(b"Content-Type: image/png\r\n\r\nx", "", True, id="no text"),
    ],
)  # fmt: skip
def test_preview_and_attachments(message: bytes, preview: str, has_attachment: bool) -> None:
    summary = summarise(message)
    assert (summary.preview, summary.has_attachment) == (preview, has_attachment)


def test_a_typical_summary_costs_one_kilobyte() -> None:
    assert len(summarise(typical(4096)).encode()) <= 1000


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"From: " + b"a@b," * 500_000, id="addresses"),
        pytest.param(b"Subject: " + random.Random(1).randbytes(900_000), id="a long subject"),
        pytest.param(
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
            + b"".join(
                b"--a\r\nContent-Type: a/b; c=%b\r\n\r\nx\r\n"
                % chance.randbytes(300).hex().encode()
                for chance in map(random.Random, range(2_000))
            ),
            id="parts with long parameters",
        ),
    ],
)
def test_no_summary_is_too_large_to_store(message: bytes) -> None:
    summary = summarise(message)
    encoded = summary.encode()
    assert len(encoded) <= LARGEST
    assert Summary.decode(encoded) == summary
    assert summary.structure.end == len(message)
    assert body_of(encoded) == summary.body
