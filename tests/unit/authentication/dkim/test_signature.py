"""Signatures: those of the RFCs octet by octet, and ours as dkimpy verifies them."""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.authentication.dkim.canonical import (
    RELAXED,
    BodyHash,
    Canonicalization,
    Form,
    canonical_fields,
    parse_canonicalization,
)
from postroom.authentication.dkim.keypairs import OpenedKey, read_key_pair
from postroom.authentication.dkim.records import Algorithm, key_record
from postroom.authentication.dkim.signature import digest, signature_field
from postroom.authentication.dkim.tags import parse_tags
from tests.unit.authentication.dkim.examples import (
    ED25519_8463,
    KEY_6376,
    RECORDS_8463,
    RSA_8463,
    SIGNED_6376,
    SIGNED_8463,
)
from tests.unit.authentication.dkim.material import DOMAIN, MESSAGE, NOW, opened, zone

FORMS: tuple[Form, ...] = ("simple", "relaxed")
PAIRS = [Canonicalization(header, body) for header in FORMS for body in FORMS]


def pem_of_seed(seed: str) -> bytes:
    """An Ed25519 key as PKCS #8 (RFC 8410 section 7)."""
    der = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(seed)
    return b"-----BEGIN PRIVATE KEY-----\n%b-----END PRIVATE KEY-----\n" % base64.encodebytes(der)


def open_pem(selector: str, pem: bytes) -> OpenedKey:
    made = read_key_pair(pem)
    return OpenedKey(selector, made.algorithm, made.private)


def signed_again(message: bytes, key: OpenedKey) -> tuple[str, str, str, str]:
    """bh= and b= of the signature by *key*'s selector, as they stand and as we make them."""
    header, _, body = message.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", header)
    for signature in fields:
        name, _, value = signature.partition(b":")
        if name == b"DKIM-Signature" and (tags := parse_tags(value.decode()))["s"] == key.selector:
            break
    forms = parse_canonicalization(tags["c"])
    hashed = BodyHash(forms.body)
    hashed.update(body)
    chosen = []
    left = fields[::-1]
    for name in re.split(r"\s*:\s*", tags["h"].lower()):
        for field in left:
            if field.lower().startswith(f"{name}:".encode()):
                chosen.append(field)
                left.remove(field)
                break
    unsigned = re.sub(rb"(\bb=)[^;]*", rb"\1", signature)
    octets = canonical_fields([*chosen, unsigned], forms.header).removesuffix(b"\r\n")
    return (
        tags["bh"],
        base64.b64encode(hashed.digest()).decode(),
        re.sub(r"\s", "", tags["b"]),
        base64.b64encode(key.sign(octets)).decode(),
    )


@pytest.mark.parametrize(
    ("message", "selector", "pem"),
    [
        pytest.param(SIGNED_6376, "brisbane", KEY_6376, id="RFC 6376 appendix A.2"),
        pytest.param(SIGNED_8463, "test", RSA_8463, id="RFC 8463 appendix A, RSA"),
        pytest.param(
            SIGNED_8463, "brisbane", pem_of_seed(ED25519_8463), id="RFC 8463 appendix A, Ed25519"
        ),
    ],
)
def test_the_signatures_of_the_rfcs(message: bytes, selector: str, pem: bytes) -> None:
    their_hash, our_hash, their_signature, our_signature = signed_again(
        message, open_pem(selector, pem)
    )
    assert (our_hash, our_signature) == (their_hash, their_signature)


def test_the_records_of_rfc_8463() -> None:
    for selector, pem in (("test", RSA_8463), ("brisbane", pem_of_seed(ED25519_8463))):
        made = read_key_pair(pem)
        assert key_record(made.algorithm, made.public) == RECORDS_8463[selector]


def sign(
    message: bytes,
    algorithm: Algorithm = "rsa-sha256",
    forms: Canonicalization = RELAXED,
    domain: str = DOMAIN,
) -> bytes:
    return signature_field(digest(message, forms), domain, opened(algorithm), NOW)


def is_valid(message: bytes, records: dict[str, str]) -> bool:
    """What dkimpy says of the first signature."""

    def ask(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    return bool(dkim.DKIM(message).verify(0, dnsfunc=ask))


@pytest.fixture(autouse=True)
def _the_time_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """dkimpy refuses what was signed in the future."""
    monkeypatch.setattr(dkim.time, "time", lambda: NOW + 60)


@pytest.fixture(params=["rsa-sha256", "ed25519-sha256"])
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    if request.param == "ed25519-sha256":
        pytest.importorskip("nacl", reason="dkimpy verifies Ed25519 with PyNaCl only")
    return request.param  # type: ignore[no-any-return]


_NAMES = [
    "Subject", "subject", "TO", "Cc", "Received", "Comments", "List-Unsubscribe", "References",
    "Resent-From", "X-Anything", "MIME-Version", "Content-Type", "Message-ID", "Reply-To",
]  # fmt: skip
_TEXT = st.lists(
    st.sampled_from(["a", "B", " ", "  ", "\t", "\r\n ", "\r\n\t", ":", ";", "=", "ü", "é", "."]),
    max_size=14,
).map(lambda parts: "".join(parts).strip() or "x")
_HEADERS = st.lists(st.tuples(st.sampled_from(_NAMES), _TEXT), max_size=10)
_BODIES = st.lists(
    st.sampled_from(["a", " ", "\t", "  ", "\r\n", "\r\n\r\n", " \r\n", ".", "ü", "long " * 30]),
    max_size=25,
).map("".join)


def built(headers: Sequence[tuple[str, str]], body: str, gap: str) -> bytes:
    lines = [f"{name}:{gap}{value}\r\n" for name, value in [("From", "a@example.org"), *headers]]
    message = "".join(lines) + "\r\n" + body
    return message.encode() + (b"" if message.endswith("\r\n") else b"\r\n")


@pytest.mark.parametrize("forms", PAIRS, ids=map(str, PAIRS))
@settings(max_examples=80, deadline=None)
@given(headers=_HEADERS, body=_BODIES, gap=st.sampled_from(["", " ", "\t "]))
def test_dkimpy_verifies_what_we_sign(
    forms: Canonicalization, headers: list[tuple[str, str]], body: str, gap: str
) -> None:
    message = built(headers, body, gap)
    # dkimpy takes a line of white space within a field for the end of the header.
    if re.search(rb"\n[ \t]+\r\n", message.partition(b"\r\n\r\n")[0] + b"\r\n"):
        return
    assert is_valid(sign(message, forms=forms) + message, zone("rsa-sha256"))


@pytest.mark.parametrize("forms", PAIRS, ids=map(str, PAIRS))
def test_both_algorithms(algorithm: Algorithm, forms: Canonicalization) -> None:
    assert is_valid(sign(MESSAGE, algorithm, forms) + MESSAGE, zone(algorithm))


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda m: m.replace(b"Hello", b"Hallo"), id="the body"),
        pytest.param(lambda m: m + b"More.\r\n", id="something below the body"),
        pytest.param(lambda m: m.replace(b"bob@", b"eve@"), id="a recipient"),
        pytest.param(lambda m: m.replace(b"From: A", b"From: Eve <e@x>\r\nFrom: A"), id="From"),
        pytest.param(
            lambda m: m.replace(b"\r\n\r\n", b"\r\nFrom: e@x\r\n\r\n", 1), id="From below"
        ),
        pytest.param(lambda m: m.replace(b"From: A", b"Subject: B\r\nFrom: A"), id="Subject"),
        pytest.param(lambda m: m.replace(b"From: A", b"Reply-To: e@x\r\nFrom: A"), id="Reply-To"),
        pytest.param(lambda m: m.replace(b"From: A", b"Cc: e@x\r\nFrom: A"), id="Cc"),
        pytest.param(
            lambda m: m.replace(b"From: A", b"Content-Type: text/html\r\nFrom: A"), id="type"
        ),
    ],
)
def test_what_is_changed_or_added_breaks_it(alter) -> None:  # type: ignore[no-untyped-def]
    signature = sign(MESSAGE)
    assert is_valid(signature + MESSAGE, zone("rsa-sha256"))
    assert alter(MESSAGE) != MESSAGE
    with suppress(dkim.ValidationError):
        assert not is_valid(signature + alter(MESSAGE), zone("rsa-sha256"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: b"Received: by x\r\n" + m, id="Received"),
        pytest.param(lambda m: b"List-Id: <l.x>\r\nSender: l@x\r\n" + m, id="a list's fields"),
        pytest.param(lambda m: m.replace(b"A  letter\r\n\tof", b"A letter of"), id="folds"),
        pytest.param(lambda m: m.replace(b", \r\n", b",\r\n"), id="white space at a line's end"),
        pytest.param(lambda m: m + b"\r\n\r\n", id="empty lines at the end"),
        pytest.param(lambda m: m.replace(b"From:", b"FROM:"), id="case"),
    ],
)
def test_what_happens_on_the_way_does_not(change) -> None:  # type: ignore[no-untyped-def]
    assert is_valid(sign(MESSAGE) + change(MESSAGE), zone("rsa-sha256"))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"From: a@example.org\r\n\r\n", id="no body"),
        pytest.param(b"From: a@example.org\r\n", id="no empty line"),
        pytest.param(b"From: a@example.org\r\nSubject: x", id="no CRLF at the end"),
        pytest.param(b"From: a@example.org\r\n\r\nx", id="no CRLF at the body's end"),
        pytest.param(b"From: a@example.org\nSubject: x\n\nHello.\n", id="bare LF"),
        pytest.param(b"From: a@example.org\r\n\r\na\rb\nc\r\r\n", id="bare CR"),
        pytest.param(b"From: a@example.org\r\nSubject:\r\n\r\nx\r\n", id="an empty field"),
        pytest.param(b"From: a@x\r\nFrom: b@x\r\n\r\nx\r\n", id="two From"),
        pytest.param("From: ü@x\r\nSubject: é\r\n\r\nx\r\n".encode(), id="UTF-8 in the header"),
        pytest.param(b"From: a@x\r\nSubject: \xff\r\n\r\n\xff\0\r\n", id="octets"),
    ],
)
@pytest.mark.parametrize("forms", PAIRS, ids=map(str, PAIRS))
def test_corners(message: bytes, forms: Canonicalization) -> None:
    """Each as it arrives at the other side: with CRLFs, and one at its end."""
    arrives = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    arrives += b"" if arrives.endswith(b"\r\n") else b"\r\n"
    if b"\r\n\r\n" not in arrives:
        arrives += b"\r\n"  # dkimpy wants one
    assert is_valid(sign(message, forms=forms) + arrives, zone("rsa-sha256"))


def columns(field: bytes) -> Iterator[int]:
    for line in field.split(b"\r\n"):
        yield len(line.expandtabs())


@pytest.mark.parametrize("domain", ["a.org", DOMAIN, "sub." * 10 + "example.org"])
def test_lines_are_short(domain: str) -> None:
    listed = b"".join(b"List-%b: x\r\n" % name for name in (b"Help", b"Post", b"ID")) + MESSAGE
    for algorithm in ("rsa-sha256", "ed25519-sha256"):
        field = sign(listed, algorithm, domain=domain)
        assert max(columns(field)) <= 78
        assert field.endswith(b"\r\n")
        assert b"\r\n\r\n" not in field


def test_the_tags() -> None:
    field = signature_field(digest(MESSAGE), DOMAIN, opened("rsa-sha256"), NOW, NOW + 86_400)
    name, _, value = field.decode().partition(": ")
    tags = parse_tags(value)
    assert name == "DKIM-Signature"
    assert list(tags) == ["v", "a", "c", "d", "s", "t", "x", "h", "bh", "b"]
    assert (tags["v"], tags["a"], tags["c"]) == ("1", "rsa-sha256", "relaxed/relaxed")
    assert (tags["d"], tags["s"]) == (DOMAIN, "r")
    assert (tags["t"], tags["x"]) == (str(NOW), str(NOW + 86_400))
    assert "x" not in parse_tags(sign(MESSAGE).decode().partition(": ")[2])
