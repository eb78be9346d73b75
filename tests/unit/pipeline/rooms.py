"""An application over a real embedded store, whose table can be made to fail at any write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from postroom.app import App
from postroom.directory.records import Account
from postroom.errors import StoreUnavailable
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.platform.blobs import BlobKey
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.table import Put
from tests.unit.mailboxes.tables import FailingTable


class SetClock:
    """A clock that the test sets."""

    time = 1_800_000_000.0

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


class Table(FailingTable):
    """``put_many`` fails as well, before or after half of it is done."""

    def put_many(self, puts: Sequence[Put]) -> None:
        self.writes += 1
        failing = self.writes == self.fail_at
        done = len(puts) // 2 if failing and self.after else 0 if failing else len(puts)
        self._table.put_many(puts[:done])
        if failing:
            raise StoreUnavailable("the test says so")


@dataclass
class Rooms:
    app: App
    store: EmbeddedStore
    table: Table
    clock: SetClock
    accounts: dict[str, Account]

    def accept(
        self,
        text: bytes,
        *recipients: str,
        reverse_path: str = "s@else.test",
        header: bytes = b"",
    ) -> Accepted:
        """What the edge leaves behind: a blob, and this entry for the queue."""
        message_id = f"<{text.hex()[:20]}@else.test>"
        octets = self.app.randomness.octets(RANDOM_OCTETS)
        queue_id = new_queue_id(self.clock.time, octets, message_id)
        body = b"Message-ID: " + message_id.encode() + b"\r\n" + header + b"\r\n" + text + b"\r\n"
        self.app.blobs.put(BlobKey(queue_id), body)
        return Accepted(
            queue_id,
            BlobKey(queue_id),
            len(body),
            int(self.clock.time * 1000),
            reverse_path,
            tuple(Recipient(address) for address in recipients),
            message_id,
            client="192.0.2.1",
            helo="mx.else.test",
        )

    def blobs_of(self, name: str) -> list[str]:
        """Keys of the blobs in the user's INBOX, in its order."""
        inbox = self.app.mailboxes.find(self.accounts[name].id, "INBOX")
        return [message.blob for message in self.app.mailboxes.messages(inbox.id)]

    def prefixes_of(self, name: str) -> list[bytes]:
        inbox = self.app.mailboxes.find(self.accounts[name].id, "INBOX")
        return [message.prefix for message in self.app.mailboxes.messages(inbox.id)]
