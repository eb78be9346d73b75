"""The thread of a message that comes into an account, fixed then and for ever (RFC 8474 section
5.2: a THREADID never changes). docs/decisions/0008-threads.md tells why it is done so.

``threads/<account>`` : ``<hash of a Message-ID>`` holds the root of a reply, so that an answer that
names nothing but that reply finds its thread. It fades.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from postroom.mailboxes.records import NewMessage
from postroom.message.lineage import Lineage, lineage, root_hash, thread_of
from postroom.platform.table import Key, Put, Record, Table

RETENTION = 400 * 86_400  # seconds: an answer to something older begins a thread of its own

# Finds what *also* of a delivery told (``Delivery.noted``): account, Message-ID -> root.
Recall = Callable[[str, str], bytes | None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that comes into an account; see ``Delivery`` for *noted*."""

    account: str
    message: NewMessage
    noted: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    thread: bytes
    note: Put | None  # to be written with the message


class Threads:
    def __init__(self, table: Table, now: Callable[[], int], recall: Recall) -> None:
        self._table = table
        self._now = now
        self._recall = recall

    def places(self, arrivals: Iterable[Arrival]) -> list[Place]:
        """Where each of them belongs. Those that come together know of each other.

        A first message, and a reply that names more than one message above it, need no reading.
        """
        told = [
            (arrival, lineage(arrival.message.summary, arrival.message.blob))
            for arrival in arrivals
        ]
        noted = self._notes(told)
        known = noted | self._recalled(told, noted)
        places = []
        for arrival, line in told:
            own, above = (_key(arrival.account, name) for name in (line.own, line.root))
            root = root_hash(line.root)
            if line.doubtful:  # a repeat goes where the message itself went
                root = known.get(own) or known.get(above) or root
            note = None
            if line.is_reply:
                known[own] = root
                told_by_also = arrival.noted and root == root_hash(line.root)
                if not told_by_also and noted.get(own) != root:
                    note = Put(own, {"root": root}, expires=self._now() + RETENTION)
            places.append(Place(thread_of(root, arrival.message.summary.subject), note))
        return places

    def _notes(self, told: Sequence[tuple[Arrival, Lineage]]) -> dict[Key, bytes]:
        """The roots of the doubtful messages themselves and of those they name."""
        keys = {
            _key(arrival.account, name)
            for arrival, line in told
            if line.doubtful
            for name in (line.own, line.root)
        }
        found = self._table.get_many(list(keys)) if keys else {}
        return {key: _root_in(record) for key, record in found.items()}

    def _recalled(
        self, told: Sequence[tuple[Arrival, Lineage]], noted: Mapping[Key, bytes]
    ) -> dict[Key, bytes]:
        recalled = {}
        for arrival, line in told:
            key = _key(arrival.account, line.root)
            if line.doubtful and key not in noted and key not in recalled:
                root = self._recall(arrival.account, line.root)
                if root is not None:
                    recalled[key] = root
        return recalled


def _root_in(record: Record) -> bytes:
    root = record.body["root"]
    assert isinstance(root, bytes)  # noqa: S101  (we wrote it)
    return root


def _key(account: str, message_id: str) -> Key:
    return Key(f"threads/{account}", root_hash(message_id).hex())
