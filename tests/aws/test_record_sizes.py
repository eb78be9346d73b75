"""The records of usual mail stay below a kilobyte: DynamoDB bills writes by the kilobyte."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from postroom.app import wire
from postroom.directory.records import Domain
from postroom.journeys.ids import tail_of
from postroom.mailboxes.records import FLAGGED, SEEN
from postroom.pipeline.inbound import process
from postroom.platform.aws.items import item_of
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.table import Put, Record
from postroom.settings import Settings
from tests.aws.test_costs import QUOTA, SteadyClock, SteadyRandomness, accept

ADDRESS = "alice.receiver.with.a.long.name@department.example.test"
RETURN_PATH = (  # of a mailing service, with the recipient in it
    "bounces+4821734-8f3a-alice.receiver.with.a.long.name=department.example.test"
    "@em1234.newsletters.of.a.large.shop.example"
)
KEYWORDS = ["$Forwarded", "$MDNSent", "NonJunk", "$label1"]
MESSAGES = 20
UNIT = 1024  # octets


def largest(records: Iterable[Record]) -> int:
    """Octets, as DynamoDB counts them; there are as many records as messages."""
    sizes = [
        item_of(Put(record.key, record.body, order=record.order, expires=record.expires))[1]
        for record in records
    ]
    assert len(sizes) == MESSAGES
    return max(sizes)


def test_a_message_is_records_of_one_write_unit_each(tmp_path: Path) -> None:
    clock = SteadyClock()
    store = EmbeddedStore(tmp_path, clock)
    app = wire(Settings(data=tmp_path), store, clock, SteadyRandomness())
    try:
        app.directory.add_domain(Domain("department.example.test"))
        account = app.directory.add_account(ADDRESS, "x", QUOTA).id
        app.mailboxes.create_account(account)
        # Of ten letters six are plain text, the others have parts: their structure takes room.
        plain = [number for number in range(100) if number % 10 < 6][:MESSAGES]
        entries = [replace(accept(app, n, ADDRESS), reverse_path=RETURN_PATH) for n in plain]
        assert not process(app, entries)
        inbox = app.mailboxes.inbox(account)
        uids = range(1, MESSAGES + 1)
        read = app.table.range
        # Half of one: to open a mailbox is to read all of these, billed by their octets.
        assert largest(read(f"mailbox/{inbox}", "m/", "m0")) < UNIT / 2
        app.mailboxes.store_flags(account, inbox, uids, add=[SEEN, FLAGGED, *KEYWORDS])
        assert largest(read(f"mailbox/{inbox}", "m/", "m0")) < UNIT / 2
        journeys = (read(f"journey/{tail_of(entry.queue_id)}") for entry in entries)
        assert largest(record for found in journeys for record in found) < UNIT
        summaries = (read(f"blob/{entry.blob}") for entry in entries)
        assert largest(record for found in summaries for record in found) < UNIT
        app.mailboxes.remove(account, inbox, uids)
        assert largest(read(f"mailbox/{inbox}", "x/", "x0")) < UNIT / 2
    finally:
        app.platform.close()
