from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.parameters import parse_rcpt_parameters
from postroom.relay.parcel import Recipient
from postroom.relay.smtp.commands import Terms, mail_command, rcpt_command, wire_address
from postroom.relay.smtp.extensions import Extensions
from tests.unit.relay.smtp.sending import parcel

_ALL = Extensions(size=0, eight_bit=True, smtputf8=True, dsn=True, deliver_by=0, requiretls=True)


@pytest.mark.parametrize(
    ("found", "terms", "offers", "expected"),
    [
        pytest.param(parcel(ret="FULL", envid="x+2Bz"), Terms(10, True, True, True), Extensions(),
                     b"MAIL FROM:<alice@example.com> SMTPUTF8 REQUIRETLS\r\n",
                     id="nothing is offered"),
        pytest.param(parcel(ret="HDRS", envid="a+2Bz"), Terms(10, True, False, False), _ALL,
                     b"MAIL FROM:<alice@example.com> SIZE=10 BODY=8BITMIME RET=HDRS "
                     b"ENVID=a+2Bz\r\n",
                     id="what is offered is used"),
        pytest.param(parcel(by_seconds=-20, by_mode="NT"), Terms(10, False, False, False), _ALL,
                     b"MAIL FROM:<alice@example.com> SIZE=10 BY=-20;NT\r\n", id="late already"),
        pytest.param(parcel(by_seconds=10**12, by_mode="R"), Terms(1, False, False, False), _ALL,
                     b"MAIL FROM:<alice@example.com> SIZE=1 BY=999999999;R\r\n",
                     id="nine digits at most"),
        pytest.param(parcel(envid="a b\r\nX"), Terms(1, False, False, False), _ALL,
                     b"MAIL FROM:<alice@example.com> SIZE=1\r\n", id="an ENVID that breaks out"),
        pytest.param(replace(parcel(), reverse_path=""), Terms(1, False, False, False), _ALL,
                     b"MAIL FROM:<> SIZE=1\r\n", id="null reverse-path"),
    ],
)  # fmt: skip
def test_mail(found: object, terms: Terms, offers: Extensions, expected: bytes) -> None:
    assert mail_command(found, terms, offers) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recipient", "smtputf8", "offers", "expected"),
    [
        pytest.param(Recipient("b@example.net", ("NEVER",), "rfc822;x"), False, Extensions(),
                     "RCPT TO:<b@example.net>", id="no DSN"),
        pytest.param(Recipient("b@example.net"), False, _ALL, "RCPT TO:<b@example.net>",
                     id="nothing asked"),
        pytest.param(Recipient("a+b=c@example.net", ("SUCCESS", "DELAY")), False, _ALL,
                     "RCPT TO:<a+b=c@example.net> NOTIFY=SUCCESS,DELAY "
                     "ORCPT=rfc822;a+2Bb+3Dc@example.net", id="ORCPT made of the address"),
        pytest.param(Recipient("b@example.net", (), "rfc822;Bob@EXAMPLE.net"), False, _ALL,
                     "RCPT TO:<b@example.net> ORCPT=rfc822;Bob@EXAMPLE.net", id="ORCPT as it came"),
        pytest.param(Recipient("jürgen@example.net", ("FAILURE",)), True, _ALL,
                     "RCPT TO:<jürgen@example.net> NOTIFY=FAILURE ORCPT=utf-8;jürgen@example.net",
                     id="ORCPT in UTF-8"),
        pytest.param(Recipient("b@example.net", (), "utf-8;jürgen\\x{5C}@example.net"), False, _ALL,
                     "RCPT TO:<b@example.net> ORCPT=utf-8;j\\x{FC}rgen\\x{5C}@example.net",
                     id="ORCPT in UTF-8 without SMTPUTF8"),
        pytest.param(Recipient("b@bücher.example"), False, Extensions(),
                     "RCPT TO:<b@xn--bcher-kva.example>", id="a domain has an ASCII form"),
    ],
)  # fmt: skip
def test_rcpt(recipient: Recipient, smtputf8: bool, offers: Extensions, expected: str) -> None:
    assert rcpt_command(recipient, smtputf8, offers).decode() == expected + "\r\n"


def test_a_local_part_has_no_ascii_form() -> None:
    assert wire_address("jürgen@example.net", False) is None
    assert wire_address("jürgen@example.net", True) == "jürgen@example.net"
    assert wire_address("b@a\u0338.example\N{REPLACEMENT CHARACTER}", False) is None


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs",)), max_size=30),
       st.booleans())  # fmt: skip
def test_any_orcpt_is_grammatical_or_left_out(original: str, smtputf8: bool) -> None:
    recipient = Recipient("b@example.net", ("SUCCESS",), original and "utf-8;" + original)
    command = rcpt_command(recipient, smtputf8, _ALL)
    assert command.endswith(b"\r\n")
    assert command.count(b" ") <= 3
    if not original:
        parse_rcpt_parameters(command[len(b"RCPT TO:<b@example.net>") : -2])
