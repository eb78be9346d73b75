import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.relay.smtp.extensions import Extensions, parse_extensions


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], Extensions(), id="the greeting only"),
        pytest.param(
            [b"pipelining", b"Size 1000", b"8bitMime", b"smtputf8", b"DSN", b"CHUNKING"],
            Extensions(
                pipelining=True, size=1000, eight_bit=True, smtputf8=True, dsn=True, chunking=True
            ),
            id="case does not matter",
        ),
        pytest.param([b"SIZE"], Extensions(size=0), id="SIZE without a number"),
        pytest.param([b"SIZE lots"], Extensions(size=0), id="SIZE with nonsense"),
        pytest.param([b"SIZE " + b"9" * 30], Extensions(size=10**18 - 1), id="SIZE beyond reason"),
        pytest.param([b"SIZE 5", b"SIZE 9"], Extensions(size=5), id="the first of two counts"),
        pytest.param([b"STARTTLS", b"REQUIRETLS"], Extensions(starttls=True, requiretls=True),
                     id="TLS"),
        pytest.param([b"AUTH PLAIN login", b"AUTH=XOAUTH2"],
                     Extensions(mechanisms=frozenset(("PLAIN", "LOGIN", "XOAUTH2"))), id="AUTH"),
        pytest.param([b"DELIVERBY"], Extensions(deliver_by=0), id="DELIVERBY without a minimum"),
        pytest.param([b"DELIVERBY 240"], Extensions(deliver_by=240), id="DELIVERBY"),
        pytest.param([b"LIMITS RCPTMAX=20 mailmax=5 RCPTDOMAINMAX=1 NEW=x"],
                     Extensions(most_recipients=20, most_transactions=5, most_domains=1),
                     id="LIMITS"),
        pytest.param([b"LIMITS RCPTMAX=0 MAILMAX=-1"], Extensions(), id="LIMITS out of range"),
        pytest.param([b"\xff\xfe", b"", b"X-UNKNOWN a b"], Extensions(), id="noise"),
    ],
)  # fmt: skip
def test_keywords(lines: list[bytes], expected: Extensions) -> None:
    assert parse_extensions([b"mx.example.org greets you", *lines]) == expected


def test_the_greeting_offers_nothing() -> None:
    assert parse_extensions([b"PIPELINING"]) == Extensions()


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=20))
def test_nothing_raises(lines: list[bytes]) -> None:
    parse_extensions(lines)
