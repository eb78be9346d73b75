"""Ticket numbers: the same for the same, and nobody else's are taken for ours."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.autoreply.original import Header
from postroom.autoreply.tickets import is_ticket, known_ticket, message_id_of, ticket_of

SUPPORT = "support@example.test"
TICKET = ticket_of(SUPPORT, "<1@else.test>")


def known(header: Header, subject: str = "", address: str = SUPPORT) -> str:
    return known_ticket(address, header, subject)


def test_a_ticket_follows_from_the_message() -> None:
    assert ticket_of(SUPPORT, "<1@else.test>") == TICKET
    assert ticket_of(SUPPORT, "<2@else.test>") != TICKET
    assert ticket_of("sales@example.test", "<1@else.test>") != TICKET
    assert len(TICKET) == 10


def test_a_reply_to_our_answer_keeps_the_ticket() -> None:
    ours = message_id_of(SUPPORT, TICKET, "queue id", "mx.example.test").encode()
    assert known({b"in-reply-to": [ours]}) == TICKET
    assert known({b"references": [b"<0@else.test> " + ours + b" <2@else.test>"]}) == TICKET
    assert known({b"in-reply-to": [ours]}, address="sales@example.test") == ""


def test_a_number_in_the_subject_keeps_the_ticket() -> None:
    assert known({}, f"Re: [#{TICKET}] Printer") == TICKET
    assert known({}, f"AW: [#{TICKET.lower()}] Printer") == TICKET
    assert known({}, f"[#0000000000] [#{TICKET}]") == TICKET


def test_numbers_of_others_are_not_ours() -> None:
    assert known({}, "Re: [#0123456789] of another system") == ""
    assert known({}, f"Re: #{TICKET}") == ""
    assert known({b"in-reply-to": [b"<0123456789.ticket@else.test>"]}) == ""
    assert known({}, f"[#{TICKET}]", "sales@example.test") == ""


@given(st.text(), st.text())
def test_every_ticket_is_known_again(address: str, name: str) -> None:
    ticket = ticket_of(address, name)
    assert is_ticket(address, ticket)
    assert known({}, f"[#{ticket}]", address) == ticket


@given(st.text(), st.binary())
def test_strange_subjects_and_references_raise_nothing(subject: str, octets: bytes) -> None:
    assert known({b"references": [octets]}, subject) == ""
