"""One spelling for each address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.directory.addresses import BadAddress, canonical, canonical_domain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("Alice@Example.TEST", "alice@example.test", id="case is ignored"),
        pytest.param('"alice"@example.test', "alice@example.test", id="needless quotes go"),
        pytest.param('"a b"@example.test', '"a b"@example.test', id="needed quotes stay"),
        pytest.param('"a\\"b"@example.test', '"a\\"b"@example.test', id="a quote in quotes"),
        pytest.param('"a@b"@example.test', '"a@b"@example.test', id="an at in quotes"),
        pytest.param("alice@bücher.test", "alice@xn--bcher-kva.test", id="U-label to A-label"),
        pytest.param("JÜRGEN@example.test", "jürgen@example.test", id="letters of RFC 6532"),
        pytest.param("e\u0301@example.test", "\u00e9@example.test", id="NFC"),
        pytest.param("a.b+c@example.test.", "a.b+c@example.test", id="a final dot of the domain"),
    ],
)
def test_spellings_become_one(written: str, expected: str) -> None:
    assert str(canonical(written)) == expected
    assert str(canonical(expected)) == expected


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("alice", id="no at"),
        pytest.param("@example.test", id="no local part"),
        pytest.param("alice@", id="no domain"),
        pytest.param("a b@example.test", id="a space without quotes"),
        pytest.param("a..b@example.test", id="two dots"),
        pytest.param("alice@-example.test", id="a label that begins with a hyphen"),
        pytest.param("alice@exa_mple.test", id="an underscore in the domain"),
        pytest.param("a" * 65 + "@example.test", id="a local part of 65 octets"),
        pytest.param("alice@" + "a." * 128 + "test", id="a domain of over 255 octets"),
        pytest.param("alice@[127.0.0.1]", id="an address literal"),
        pytest.param('"a\nb"@example.test', id="a line end in quotes"),
        pytest.param("alice@\ud800.test", id="half a surrogate pair"),
    ],
)
def test_what_cannot_be_kept_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        canonical(address)


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = canonical(text)
    except BadAddress:
        return
    assert canonical(str(address)) == address
    assert canonical_domain(address.domain) == address.domain
    assert not set(str(address)) & {"\r", "\n", "\0", "<", ">"} or address.local.startswith('"')
