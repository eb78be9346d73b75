"""A mailbox that clients come back to: SELECT again, and QRESYNC after a few changes."""

import statistics
import time
from itertools import islice
from pathlib import Path

from bench.clients import Imap
from bench.machine import free_ports
from bench.mail import OCTETS, message
from bench.ours import Postroom
from bench.sides import DOMAIN, PASSWORD
from bench.sink import Sink
from postroom.app import App, build
from postroom.mailboxes.records import Delivery, NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey

_USER = f"returning@{DOMAIN}"
_ROUNDS = 30
_CHANGED = 10
_BATCH = 90  # messages in one transaction


class Return:
    """A mailbox of *count* messages, to which clients come back."""

    def __init__(self, folder: Path, count: int) -> None:
        self.name = f"{count:,} messages"
        self._count = count
        folder = folder / f"return-{count}"
        folder.mkdir()
        self._server = Postroom(folder, [_USER], Sink(*free_ports(1)), gateways=1)
        app = build({"POSTROOM_DATA": str(self._server.data)})
        _fill(app, _USER, count)
        app.platform.close()
        self._server.start()

    def figures(self) -> dict[str, float]:
        client = Imap(self._server.imap).login(_USER, PASSWORD)
        other = Imap(self._server.imap).login(_USER, PASSWORD)
        client.ask("ENABLE QRESYNC")
        for each in (client, other):
            each.ask("SELECT INBOX")
        validity = client.status("UIDVALIDITY")
        again, resync = [], []
        for number in range(_ROUNDS):
            again.append(_seconds(client, "SELECT INBOX"))
            known = client.status("HIGHESTMODSEQ")
            for changed in range(_CHANGED):
                uid = 1 + (number * _CHANGED + changed) * 7919 % self._count
                other.ask(f"UID STORE {uid} +FLAGS.SILENT (round{number % 2})")
                other.ask(f"UID STORE {uid} -FLAGS.SILENT (round{number % 2})")
            resync.append(_seconds(client, f"SELECT INBOX (QRESYNC ({validity} {known}))"))
        client.close()
        other.close()
        return {
            "select again": 1000 * statistics.median(again),
            "resync": 1000 * statistics.median(resync),
        }

    def close(self) -> None:
        self._server.stop()


def _seconds(client: Imap, command: str) -> float:
    started = time.perf_counter()
    client.ask(command)
    return time.perf_counter() - started


def _fill(app: App, user: str, count: int) -> None:
    """Straight into the store, without their blobs: nobody reads the messages."""
    account = app.directory.account(user)
    assert account is not None
    inbox = app.mailboxes.find(account.id, "INBOX").id
    summary = summarise(message(1, OCTETS))
    numbers = iter(range(count))
    while batch := list(islice(numbers, _BATCH)):
        new = [NewMessage(BlobKey(f"bench-{n}"), summary, 1795435200 + n) for n in batch]
        for outcome in app.mailboxes.append_many([Delivery(account.id, inbox, new)]):
            if isinstance(outcome, Exception):
                raise outcome
