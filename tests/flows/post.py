"""Mail to send, and what is to be seen of it afterwards."""

import email
import email.policy
from email.message import EmailMessage

from postroom.errors import BlobMissing
from postroom.platform.blobs import BlobKey
from postroom.relay.operations import Filter
from postroom.relay.waiting import SHARDS
from postroom.relaying import operations_of
from tests.flows.house import DOMAIN, House

ALICE = f"alice@{DOMAIN}"


def mail(subject: str = "hello", text: str = "Hello.\r\n") -> bytes:
    return (
        f"From: Alice <{ALICE}>\r\nTo: somebody\r\nSubject: {subject}\r\n"
        f"Date: Mon, 1 Jan 2024 12:00:00 +0000\r\nMessage-ID: <{subject}@client.test>\r\n"
        f"\r\n{text}"
    ).encode()


def reports(house: House, name: str = "alice") -> list[EmailMessage]:
    """What the user finds in INBOX; all of it must be reports."""
    found = [email.message_from_bytes(one, policy=email.policy.default) for one in house.read(name)]
    for report in found:
        assert report.get_content_type() == "multipart/report"
        assert report["Return-Path"] == "<>"
        assert report["Auto-Submitted"] == "auto-replied"
    return found


def told(report: EmailMessage) -> list[tuple[str, str, str]]:
    """Recipient, action and status of each part about a recipient."""
    status = list(report.iter_parts())[1]
    assert status.get_content_type() == "message/delivery-status"
    blocks = status.get_payload()[1:]  # type: ignore[index]  # the first is about the message
    return [
        (
            str(block["Final-Recipient"]).partition(";")[2].strip(),  # type: ignore[index]
            str(block["Action"]),  # type: ignore[index]
            str(block["Status"]),  # type: ignore[index]
        )
        for block in blocks
    ]


def about(report: EmailMessage) -> EmailMessage:
    """The block of the report about the message."""
    block = list(report.iter_parts())[1].get_payload()[0]  # type: ignore[index]
    assert isinstance(block, EmailMessage)
    return block


def returned(report: EmailMessage) -> EmailMessage:
    return list(report.iter_parts())[2]  # type: ignore[return-value]


def steps(house: House, queue_id: str) -> dict[str, list[str]]:
    """The steps at each place of the message's journey."""
    return {
        journey.place: [event.step for event in journey.events]
        for journey in house.app.journeys.trace(queue_id)
    }


def queued(house: House) -> int:
    return len(list(operations_of(house.app).entries(Filter())))


def nothing_waits(house: House) -> bool:
    return not any(True for n in range(SHARDS) for _ in house.app.table.range(f"waiting/{n}"))


def is_kept(house: House, queue_id: str) -> bool:
    try:
        house.app.blobs.get(BlobKey(queue_id))
    except BlobMissing:
        return False
    return True
