"""Whatever the octets, a message is signed, and a record is read or refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.authentication.dkim.canonical import (
    Canonicalization,
    canonical_fields,
    parse_canonicalization,
)
from postroom.authentication.dkim.header import select
from postroom.authentication.dkim.records import parse_key_record
from postroom.authentication.dkim.signature import digest, signature_field
from postroom.authentication.dkim.tags import parse_tags
from postroom.errors import BadSyntax
from tests.unit.authentication.dkim.material import DOMAIN, MESSAGE, NOW, opened

_PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\r\n ", b" ", b"\t", b":", b"\0", b"\xff", b"From:",
    b"From :", b"\r\nTo: x", b"DKIM-Signature:", b"From", b"b=", b";",
]  # fmt: skip


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A message with pieces cut out, doubled or put in."""
    text = MESSAGE
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = st.sampled_from(_PIECES) | st.binary(max_size=6) | st.just(text[start:end] * 2)
        text = text[:start] + draw(piece) + text[end:]
    return text


_MESSAGES = _damaged() | st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(_MESSAGES, st.sampled_from(["simple", "relaxed"]), st.sampled_from(["simple", "relaxed"]))
def test_any_message_is_signed(message: bytes, header: str, body: str) -> None:
    digested = digest(message, Canonicalization(header, body))  # type: ignore[arg-type]
    field = signature_field(digested, DOMAIN, opened("ed25519-sha256"), NOW)
    # Our field stays one field, whatever the message says.
    assert field.startswith(b"DKIM-Signature: v=1;")
    assert field.endswith(b"\r\n")
    assert all(line.startswith(b"\t") for line in field.split(b"\r\n")[1:-1])
    assert "From" in digested.names
    # What goes over the wire is signed alike, whether we or the relay made CRLFs of it.
    again = signature_field(
        digest(message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")), DOMAIN,
        opened("ed25519-sha256"), NOW,
    )  # fmt: skip
    assert again == signature_field(digest(message), DOMAIN, opened("ed25519-sha256"), NOW)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"[a-z]{1,2} ?= ?[A-Za-z0-9+/=:; \t\r\n]{0,40}"))
def test_any_record_is_read_or_refused(text: str) -> None:
    for parse in (parse_tags, parse_key_record, parse_canonicalization):
        try:
            parse(text)
        except BadSyntax:
            continue


def test_hostile_sizes_are_signed() -> None:
    """Work is bounded: these would take minutes if anything here were quadratic."""
    key = opened("ed25519-sha256")
    for piece in _PIECES:
        message = b"From: a@example.org\r\n" + piece * 300_000
        assert len(signature_field(digest(message), DOMAIN, key, NOW)) < 2_000
        for form in ("simple", "relaxed"):
            canonical_fields([b"Subject: " + piece * 300_000], form)
        assert len(select(piece * 300_000 + b"\r\n").names) < 100
