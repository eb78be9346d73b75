"""SMTPUTF8, 8BITMIME, long lines: what a peer gets that lacks an extension."""

from email import message_from_bytes, policy

from postroom.relay.parcel import Parcel
from tests.sinks import EXTENSIONS, Sink
from tests.unit.relay.smtp.sending import MAIL, one, parcel, send

EIGHT = "From: a@example.com\r\nSubject: x\r\n\r\nGrüße\r\n".encode()
UTF8 = "From: ü@example.com\r\nSubject: Grüße\r\n\r\nHello\r\n".encode()
SEVEN = tuple(word for word in EXTENSIONS if word not in ("8BITMIME", "SMTPUTF8"))


def test_body_is_declared_for_8_bit_content_only() -> None:
    with Sink() as sink:
        send(sink, parcel(content=EIGHT), parcel())
    assert ["BODY=8BITMIME" in letter.mail for letter in sink.letters] == [True, False]
    assert sink.letters[0].content == EIGHT


def test_downgraded_for_a_peer_without_8bitmime() -> None:
    with Sink(extensions=SEVEN) as sink:
        outcome = one(send(sink, parcel(content=EIGHT)))
    assert outcome.kind == "relayed"
    [letter] = sink.letters
    assert letter.content.isascii()
    assert "BODY" not in letter.mail
    assert f"SIZE={len(letter.content)}" in letter.mail
    text = message_from_bytes(letter.content, policy=policy.default)
    assert text.get_content() == "Grüße\r\n"  # type: ignore[attr-defined]


def test_our_signature_is_made_anew() -> None:
    old, new = b"DKIM-Signature: old\r\n", b"DKIM-Signature: new\r\n"
    signed: list[bytes] = []

    def resign(found: Parcel, content: bytes) -> bytes:
        assert found.name == "q1"
        signed.append(content)
        return new

    given = parcel(content=old + EIGHT, unsigned_from=len(old))
    with Sink(extensions=SEVEN) as sink:
        send(sink, given, resign=resign)
        send(sink, given)
    assert sink.letters[0].content == new + signed[0]
    assert (
        sink.letters[1].content == signed[0]
    )  # without a way to sign: none rather than a false one
    with Sink() as sink:
        send(sink, given, resign=resign)
    assert sink.letters[0].content == old + EIGHT
    assert len(signed) == 1


def test_long_lines_are_encoded_for_everyone() -> None:
    content = b"Subject: x\r\n\r\n" + b"word " * 300 + b"\r\n"
    with Sink() as sink:
        assert one(send(sink, parcel(content=content))).kind == "relayed"
    [letter] = sink.letters
    assert max(map(len, letter.content.split(b"\r\n"))) <= 998
    text = message_from_bytes(letter.content, policy=policy.default)
    assert text.get_content() == "word " * 300 + "\r\n"  # type: ignore[attr-defined]


def test_bare_line_ends_never_reach_the_wire() -> None:
    with Sink(extensions=()) as sink:  # whose DATA would complain
        outcome = one(
            send(sink, parcel(content=b"Subject: x\n\ra\r\n.\n.\r.\r\nMAIL FROM:<x>\r\nend"))
        )
    assert outcome.kind == "relayed"
    assert sink.letters[0].content.endswith(b"\r\n.\r\n.\r\n.\r\nMAIL FROM:<x>\r\nend\r\n")


def test_smtputf8_is_used_where_it_is_needed() -> None:
    with Sink() as sink:
        send(
            sink,
            parcel(content=UTF8, smtputf8=True),
            parcel(content=MAIL, smtputf8=True),
            parcel("jürgen@example.net"),
            parcel("b@bücher.example"),
        )
    assert ["SMTPUTF8" in letter.mail for letter in sink.letters] == [True, False, True, False]
    assert sink.letters[3].recipients == ["b@xn--bcher-kva.example"]
    assert sink.letters[2].recipients == ["jürgen@example.net"]


def test_what_needs_smtputf8_fails_clearly_without_it() -> None:
    with Sink(extensions=SEVEN) as sink:
        header = one(send(sink, parcel(content=UTF8, smtputf8=True)))
        [mixed] = send(sink, parcel("jürgen@example.net", "b@bücher.example", "c@example.net"))
        not_needed = one(send(sink, parcel(content=MAIL, smtputf8=True)))
    assert (header.kind, header.status) == ("failed", "5.6.7")
    assert "SMTPUTF8" in header.reason
    assert mixed.outcomes["jürgen@example.net"].status == "5.6.7"
    assert mixed.outcomes["c@example.net"].kind == "relayed"
    assert sink.letters[0].recipients == ["b@xn--bcher-kva.example", "c@example.net"]
    assert not_needed.kind == "relayed"
