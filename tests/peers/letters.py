"""What is left of a message when a peer has delivered it, and whether its signatures hold."""

import re

import dkim  # type: ignore[import-untyped]

from postroom.app import build
from tests.running import DOMAIN, Postroom

# What a peer's delivery and its own reception write above a message, then what Postroom wrote.
_FIELD = rb"%b: [^\n]*\n(?:[ \t][^\n]*\n)*"
_NOTES = _FIELD % rb"(?:Return-path|Envelope-to|Delivery-date|X-Original-To|Delivered-To)"
_RECEIVED = _FIELD % rb"Received"
_ABOVE = re.compile(
    rb"(?:%b)*%b(?P<ours>(?:%b)*%b)" % (_NOTES, _RECEIVED, _FIELD % b"DKIM-Signature", _RECEIVED),
    re.IGNORECASE,
)


def letter(sender: str, to: str, subject: str = "Hello", body: str = "Hello.\r\n") -> bytes:
    name = subject.replace(" ", "-")
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: Mon, 1 Jan 2024 12:00:00 +0000\r\nMessage-ID: <{name}.{sender}>\r\n\r\n{body}"
    ).encode()


def as_submitted(octets: bytes) -> bytes:
    """What stands below the fields of the peer, which must come first, and of Postroom."""
    return octets[_above(octets).end() :]


def as_it_left(octets: bytes) -> bytes:
    """What stands below the peer's fields, with CRLF."""
    return octets[_above(octets).start("ours") :].replace(b"\n", b"\r\n")


def _above(octets: bytes) -> re.Match[bytes]:
    found = _ABOVE.match(octets)
    assert found is not None, f"these are not the fields to expect: {octets[:2000]!r}"
    return found


def signatures(postroom: Postroom, octets: bytes) -> list[str]:
    """The algorithms of the signatures, all of which hold by the keys that are to be published."""
    app = build({"POSTROOM_DATA": str(postroom.data)})
    try:
        records = {
            f"{selector}._domainkey.{DOMAIN}.": text
            for selector, text in app.dkim_keys.published(DOMAIN)
        }
    finally:
        app.platform.close()

    def published(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode()].encode()

    header = octets.partition(b"\r\n\r\n")[0]
    algorithms = []
    for number in range(len(re.findall(rb"(?im)^DKIM-Signature:", header))):
        check = dkim.DKIM(octets)
        assert check.verify(number, dnsfunc=published), f"signature {number} of {header!r}"
        algorithms.append(check.signature_fields[b"a"].decode())
    return sorted(algorithms)
