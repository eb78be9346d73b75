"""What arrives while changes are being read is told, whichever of the two reads could see it."""

from collections.abc import Iterator
from typing import Any

from postroom.mailboxes.records import SEEN
from postroom.mailboxes.store import Mailboxes
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Record

from .conftest import ACCOUNT, Office


class Interrupted:
    """A table in which others write between the reads by UID and by MODSEQ, once."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._office.store.table, name)

    def range(self, *args: Any, **kwargs: Any) -> Iterator[Record]:
        found = list(self._office.store.table.range(*args, **kwargs))
        if kwargs.get("backwards") and not self._done:
            self._done = True
            self._office.fill("INBOX", 2)
            self._office.mailboxes.store_flags(ACCOUNT, self._office.id("INBOX"), [4], add=[SEEN])
        return iter(found)


def test_an_arrival_is_not_hidden_by_a_later_one_that_was_altered(office: Office) -> None:
    office.fill("INBOX", 1)
    inbox = office.id("INBOX")
    before = office.mailboxes.get(ACCOUNT, inbox).highest_mod_seq
    office.fill("INBOX", 1)
    mailboxes = Mailboxes(
        Interrupted(office),
        office.store.blobs,
        office.store.topic,
        office.clock,
        SystemRandomness(),
    )
    changes = mailboxes.changes(ACCOUNT, inbox, before)
    assert sorted(message.uid for message in changes.changed) == [2, 3, 4]
    assert changes.mailbox.messages == 4
