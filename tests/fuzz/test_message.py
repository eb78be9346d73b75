"""Whatever the octets, a summary is made, says nothing unsound, and survives storage."""

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message.decode import decoded_octets, decoded_text
from postroom.message.headers import fields, header_fields
from postroom.message.structure import Part
from postroom.message.summary import Summary, body_of, summarise
from tests.corpus import odd_messages

_SEEDS = [message for _, message in odd_messages(large=False) if len(message) < 4000]
_PIECES = [
    b"--a",
    b"\r\n",
    b"\n",
    b"\0",
    b'"',
    b"\\",
    b"(",
    b"=?utf-8?b?",
    b"*0*=",
    b"<",
    b">",
    b";",
    b"\xff",
]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A message of the corpus with pieces cut out, doubled or put in."""
    message = draw(st.sampled_from(_SEEDS))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(message)))
        end = min(len(message), start + draw(st.integers(0, 40)))
        put = draw(
            st.sampled_from(_PIECES) | st.binary(max_size=6) | st.just(message[start:end] * 2)
        )
        message = message[:start] + put + message[end:]
    return message


def _visit(message: bytes, part: Part) -> None:
    assert 0 <= part.header <= part.body <= part.end <= len(message)
    decoded_octets(message, part)
    decoded_text(message, part, limit=1000)
    for child in part.children:
        _visit(message, child)


@settings(max_examples=400, deadline=None)
@given(_damaged() | st.binary(max_size=400))
def test_any_octets_have_a_summary(message: bytes) -> None:
    summary = summarise(message)
    assert summary.size == len(message)
    encoded = summary.encode()
    assert Summary.decode(encoded) == summary
    assert body_of(encoded) == summary.body
    assert len(summary.preview) <= 200
    _visit(message, summary.structure)
    header = message[: summary.structure.body]
    assert header_fields(header, [field.name for field in fields(header)], exclude=True) in (
        b"\r\n",
        b"\n",
    )
