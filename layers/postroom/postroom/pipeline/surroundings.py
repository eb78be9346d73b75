"""What a script finds around the message: the account's mailboxes, its domain, our stores.

Everything is read at its first question: most scripts ask nothing of it.
"""

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from postroom.autoreply.known import LIST, Known
from postroom.directory.records import Target
from postroom.errors import PostroomError
from postroom.mailboxes.annotations import SERVER
from postroom.mailboxes.errors import BadMailboxName
from postroom.mailboxes.names import canonical
from postroom.mailboxes.records import Mailbox
from postroom.pipeline.routing import domain_of
from postroom.pipeline.work import Rooms, Work
from postroom.platform.table import Key, Put
from postroom.sieve.actions import Remember

if TYPE_CHECKING:
    from postroom.sieve.engine import Program


class UnderWay(PostroomError):
    """Whether a message is a duplicate is known when the other one has arrived."""

    def __init__(self) -> None:
        super().__init__("what may be the same message is being delivered: afterwards")


class Surroundings:
    """The `postroom.sieve.world.World` of one delivery to one account.

    *under_way*: records that other messages of the batch will leave when they are delivered.
    """

    def __init__(
        self, app: Rooms, work: Work, target: Target, under_way: Collection[Key] = ()
    ) -> None:
        self._app = app
        self._under_way = under_way
        self._work = work
        self._target = target
        self._now = datetime.fromtimestamp(app.clock.seconds(), UTC)

    @cached_property
    def mailboxes(self) -> dict[str, Mailbox]:
        """Those of the account, by name."""
        return {box.name: box for box in self._app.mailboxes.all_of(self._target.account)}

    def now(self) -> datetime:
        return self._now

    def environment(self, item: str) -> str | None:
        accepted = self._work.accepted
        match item:
            case "name":
                return "Postroom"
            case "location":
                return "MDA"
            case "phase":
                return "during"
            case "host":
                return self._app.hostname
            case "domain":
                return self._app.hostname.partition(".")[2]
            case "remote-host":
                return accepted.client_name or None
            case "remote-ip":
                return accepted.client or None
        return None

    def mailbox_exists(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> Mailbox | None:
        """The mailbox of that name, as a script may write it."""
        try:
            return self.mailboxes.get(canonical(name))
        except BadMailboxName:
            return None

    def with_id(self, mailbox_id: str) -> Mailbox | None:
        return next((box for box in self.mailboxes.values() if box.id == mailbox_id), None)

    def mailbox_id_exists(self, mailbox_id: str) -> bool:
        return self.with_id(mailbox_id) is not None

    def with_use(self, use: str) -> Mailbox | None:
        """The first mailbox with that special use; uses have no case (RFC 6154 section 2)."""
        wanted = use.lower()
        return next(
            (box for box in self.mailboxes.values() if box.special_use.lower() == wanted), None
        )

    def special_use_exists(self, mailbox: str | None, uses: Collection[str]) -> bool:
        if mailbox is None:
            return all(self.with_use(use) is not None for use in uses)
        found = self.find(mailbox)
        return found is not None and all(found.special_use.lower() == use.lower() for use in uses)

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        found = None if mailbox is None else self.find(mailbox)
        if mailbox is not None and found is None:
            return None
        where = SERVER if found is None else found.id
        entries = self._app.mailboxes.annotations.of(self._target.account, where)
        value = entries.get(annotation.lower())
        return None if value is None else value.decode("utf-8", "replace")

    def has_list(self, name: str) -> bool:
        return name == LIST

    def in_list(self, name: str, value: str) -> bool:
        return name == LIST and Known(self._app.table, self._app.clock).knows(
            self._target.account, value
        )

    def seen(self, handle: str, unique_id: str) -> bool:
        """Raises UnderWay."""
        key = self._seen_key(handle, unique_id)
        if key in self._under_way:
            raise UnderWay
        found = self._app.table.get(key)
        # A delivery that is repeated must not take its own note for another message's.
        return found is not None and found.body["queue_id"] != self._work.accepted.queue_id

    def noted(self, action: Remember) -> Put:
        """The record that lets another message find this one seen."""
        expires = int(self._now.timestamp()) + action.seconds
        body = {"queue_id": self._work.accepted.queue_id}
        return Put(self._seen_key(action.handle, action.unique_id), body, expires=expires)

    def spam(self) -> tuple[float, float] | None:
        return None  # nobody looks yet

    def virus(self) -> int | None:
        return None

    def script(self, location: Literal["personal", "global"], name: str) -> "Program | None":
        target = self._target
        domain = domain_of(target.address)
        return self._app.scripts.included(
            target.account, target.scripts, domain, target.domain_scripts, location, name
        )

    def _seen_key(self, handle: str, unique_id: str) -> Key:
        digest = hashlib.blake2b(
            f"{handle}\0{unique_id}".encode("utf-8", "replace"), digest_size=16
        )
        return Key(f"seen/{self._target.account}", digest.hexdigest())
