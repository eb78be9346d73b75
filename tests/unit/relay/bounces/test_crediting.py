"""Reports are credited when they are true, and do nothing when they are not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.journeys.ids import new_queue_id
from postroom.journeys.store import Event, Journey, Journeys
from postroom.platform.blobs import BlobKey, BlobStore
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.table import Table
from postroom.relay.bounces.crediting import credit, credit_ses
from postroom.relay.bounces.reading import Finding, Reading, read_bounce
from postroom.relay.bounces.ses import parse_ses
from postroom.relay.suppression import Suppression
from tests.unit.relay.bounces.test_reading import BOUNCE, EXIM, HEADERS, MAIL, QMAIL, arf, complaint

NOW = 1_800_000_000
MESSAGE_ID = "<1@example.test>"
QUEUE_ID = new_queue_id(NOW, bytes(9), MESSAGE_ID)


class StillClock:
    def seconds(self) -> float:
        return float(NOW)

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW, UTC)


@dataclass
class Rooms:
    table: Table
    blobs: BlobStore
    journeys: Journeys
    suppression: Suppression
    clock: StillClock

    def sent(
        self,
        *recipients: str,
        place: str = ">other.test",
        sender: str = "anna@example.test",
        queue_id: str = QUEUE_ID,
    ) -> None:
        """A message of ours has left for these recipients."""
        event = Event(NOW * 1000, "relayed", "to them")
        self.table.write(
            self.journeys.marker(
                Journey(queue_id, place, MESSAGE_ID, sender, recipients[:20], (event,))
            )
        )
        self.journeys.index((recipient, queue_id) for recipient in recipients)

    def told(self) -> list[tuple[str, str]]:
        """What came back, by place."""
        return [
            (journey.place, event.detail)
            for journey in self.journeys.trace(QUEUE_ID)
            if journey.place.startswith("<")
            for event in journey.events
        ]

    def suppressed(self, domain: str = "example.test") -> dict[str, str]:
        return {entry.address: entry.kind for entry in self.suppression.list(domain)}


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    clock = StillClock()
    store = EmbeddedStore(tmp_path, clock)
    table = store.table
    yield Rooms(table, store.blobs, Journeys(table, clock), Suppression(table, clock), clock)
    store.close()


def dsn(
    address: str = "bob@other.test",
    status: str = "5.1.1",
    name: bytes = b"Message-ID: <1@example.test>",
    original: str = "",
    action: str = "failed",
) -> bytes:
    orcpt = f"Original-Recipient: rfc822;{original}\r\n" if original else ""
    return (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.other.test\r\n"
        b"\r\n%bFinal-Recipient: rfc822; %b\r\nAction: %b\r\nStatus: %b\r\n"
        b"Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        b"--x\r\nContent-Type: text/rfc822-headers\r\n\r\n%b\r\n\r\n--x--\r\n"
        % (orcpt.encode(), address.encode(), action.encode(), status.encode(), name)
    )


def test_a_true_bounce_is_told_and_suppresses(rooms: Rooms) -> None:
    rooms.sent("bob@other.test", "eva@other.test")
    [made] = credit(rooms, read_bounce(dsn()))
    assert (made.queue_id, made.address, made.what, made.suppressed) == (
        QUEUE_ID,
        "bob@other.test",
        "failed",
        True,
    )
    told = "bob@other.test: mx.other.test: 5.1.1 550 no such user"
    assert rooms.told() == [("<bounced bob@other.test", told)]
    assert rooms.suppressed() == {"bob@other.test": "bounce"}


def test_a_repeat_changes_nothing(rooms: Rooms) -> None:
    rooms.sent("bob@other.test")
    credit(rooms, read_bounce(dsn()))
    before = rooms.told(), rooms.suppression.get("example.test", "bob@other.test")
    credit(rooms, read_bounce(dsn()))
    assert (rooms.told(), rooms.suppression.get("example.test", "bob@other.test")) == before


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(dsn(name=b"Message-ID: <2@example.test>"), id="no message of ours"),
        pytest.param(dsn(name=b"Subject: x"), id="no name of a message"),
        pytest.param(dsn("victim@third.test"), id="we did not write to that address"),
        pytest.param(arf(recipient=b"victim@third.test"), id="a forged complaint"),
        pytest.param(arf(), id="a complaint of one of two"),
        pytest.param(b"From: a\r\n\r\n" + QMAIL[:20], id="no report"),
    ],
)
def test_what_cannot_be_verified_does_nothing(rooms: Rooms, report: bytes) -> None:
    rooms.sent("bob@other.test", "eva@other.test")
    assert credit(rooms, read_bounce(report)) == []
    assert rooms.told() == []
    assert rooms.suppressed() == {}


def test_a_message_that_stayed_here_cannot_bounce(rooms: Rooms) -> None:
    rooms.sent("bob@other.test", place="account1")
    assert credit(rooms, read_bounce(dsn())) == []


@pytest.mark.parametrize(
    ("status", "suppressed"),
    [("5.7.1", {}), ("5.2.2", {}), ("5.2.1", {"bob@other.test": "bounce"})],
)
def test_only_failures_of_the_address_suppress(
    rooms: Rooms, status: str, suppressed: dict[str, str]
) -> None:
    rooms.sent("bob@other.test")
    [made] = credit(rooms, read_bounce(dsn(status=status)))
    assert made.suppressed == bool(suppressed)
    assert rooms.suppressed() == suppressed
    assert len(rooms.told()) == 1


def test_a_delay_is_told_only(rooms: Rooms) -> None:
    rooms.sent("bob@other.test")
    [made] = credit(rooms, read_bounce(dsn(status="4.4.1", action="delayed")))
    assert made.what == "delayed"
    assert rooms.suppressed() == {}


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(dsn("BOB@Other.test"), id="another spelling"),
        pytest.param(dsn("b.b@elsewhere.test", original="bob@other.test"), id="original recipient"),
        pytest.param(dsn("b.b@elsewhere.test"), id="forwarded there; ours had one recipient"),
        pytest.param(QMAIL, id="qmail"),
        pytest.param(EXIM, id="Exim"),
        pytest.param(
            dsn(name=b"Received: from a by mx.example.test with ESMTP id " + QUEUE_ID.encode()),
            id="found by the queue id of our Received field",
        ),
    ],
)
def test_many_ways_lead_to_the_recipient(rooms: Rooms, report: bytes) -> None:
    rooms.sent("bob@other.test")
    [made] = credit(rooms, read_bounce(report))
    assert (made.queue_id, made.address) == (QUEUE_ID, "bob@other.test")


def test_an_envelope_id_of_ours_leads_there_too(rooms: Rooms) -> None:
    rooms.sent("bob@other.test")
    report = dsn(name=b"Subject: x").replace(
        b"Reporting-MTA", b"Original-Envelope-Id: " + QUEUE_ID.encode() + b"\r\nReporting-MTA"
    )
    assert len(credit(rooms, read_bounce(report))) == 1


def test_one_of_many_recipients_is_looked_up_in_the_message(rooms: Rooms) -> None:
    everybody = [f"user{number}@other.test" for number in range(30)]
    rooms.sent(*everybody)
    report = read_bounce(dsn("user25@other.test"))
    assert credit(rooms, report) == []
    text = f"To: {', '.join(everybody)}\r\n\r\nto: victim@third.test\r\n".encode()
    rooms.blobs.put(BlobKey(QUEUE_ID), text)
    assert [made.address for made in credit(rooms, report)] == ["user25@other.test"]
    assert credit(rooms, read_bounce(dsn("victim@third.test"))) == []


def test_a_complaint_silences_for_good(rooms: Rooms) -> None:
    rooms.sent("bob@other.test")
    [made] = credit(rooms, read_bounce(arf()))
    assert (made.what, made.suppressed) == ("complaint", True)
    [entry] = rooms.suppression.list("example.test")
    assert (entry.kind, entry.until) == ("complaint", 0)


def test_one_report_about_several(rooms: Rooms) -> None:
    rooms.sent("a@other.test", "b@other.test")
    rooms.sent("c@third.test", place=">third.test")
    findings = tuple(
        Finding("failed", (address,), "5.1.1")
        for address in ("a@other.test", "c@third.test", "d@third.test", "a@other.test")
    )
    made = credit(rooms, Reading(findings, (QUEUE_ID,)))
    assert [one.address for one in made] == ["a@other.test", "c@third.test"]


@pytest.mark.parametrize("headers", [{}, HEADERS], ids=["without header", "with header"])
def test_ses_finds_the_message(rooms: Rooms, headers: dict[str, object]) -> None:
    rooms.sent("bob@other.test")
    notice = {"notificationType": "Bounce", "bounce": BOUNCE, "mail": {**MAIL, **headers}}
    [made] = credit_ses(rooms, parse_ses(json.dumps(notice)))
    assert (made.queue_id, made.address) == (QUEUE_ID, "bob@other.test")
    assert rooms.suppressed() == {"bob@other.test": "bounce"}


def test_ses_speaks_of_the_last_message_before_it(rooms: Rooms) -> None:
    earlier, later = (new_queue_id(NOW + away, bytes(9), "") for away in (-60, 60))
    rooms.sent("bob@other.test", queue_id=earlier)
    rooms.sent("bob@other.test")
    rooms.sent("bob@other.test", queue_id=later)
    [made] = credit_ses(rooms, parse_ses(complaint("abuse", "bob@other.test")))
    assert made.queue_id == QUEUE_ID


def test_ses_about_another_sender_finds_nothing(rooms: Rooms) -> None:
    rooms.sent("bob@other.test", sender="otto@example.test")
    assert credit_ses(rooms, parse_ses(complaint("abuse", "bob@other.test"))) == []


def test_ses_tells_of_success(rooms: Rooms) -> None:
    rooms.sent("bob@other.test")
    delivery = {"recipients": ["bob@other.test"], "smtpResponse": "250 ok", "reportingMTA": "a8"}
    notice = {"notificationType": "Delivery", "delivery": delivery, "mail": MAIL}
    [made] = credit_ses(rooms, parse_ses(json.dumps(notice)))
    assert made.what == "delivered"
    assert rooms.told() == [("<delivered bob@other.test", "bob@other.test: a8: 2.0.0 250 ok")]
    assert rooms.suppressed() == {}
