"""Who wants to hear that a mailbox changed: one subscription for all sessions of the process."""

import asyncio
from collections.abc import Iterator
from threading import Lock
from typing import Protocol

from postroom.platform.topic import Subscription, Topic


class Watcher(Protocol):
    def news(self) -> None:
        """The mailbox may have changed. Called on the event loop; must only make a note."""


class Watchers:
    """Carries news from the topic's thread to the event loop, many at once when many come.

    The text of a message is ``"<account> <mailbox>"`` (see ``Mailboxes``).
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._watchers: dict[str, set[Watcher]] = {}  # by mailbox id
        self._lock = Lock()
        self._changed: set[str] = set()  # mailbox ids, until the loop takes them
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscription: Subscription | None = None

    def watch(self, mailbox: str, watcher: Watcher) -> None:
        if self._subscription is None:
            self._loop = asyncio.get_running_loop()
            self._subscription = self._topic.subscribe(self._receive)
        self._watchers.setdefault(mailbox, set()).add(watcher)

    def unwatch(self, mailbox: str, watcher: Watcher) -> None:
        watchers = self._watchers.get(mailbox)
        if watchers is not None:
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[mailbox]

    def everybody(self) -> Iterator[Watcher]:
        for watchers in list(self._watchers.values()):
            yield from list(watchers)

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        self._loop = None

    def _receive(self, message: str) -> None:
        """On the topic's thread."""
        mailbox = message.rpartition(" ")[2]
        # Nobody is watching most mailboxes; reading a dict from a thread is safe.
        loop = self._loop
        if mailbox not in self._watchers or loop is None:
            return
        with self._lock:
            first = not self._changed
            self._changed.add(mailbox)
        if first:
            try:
                loop.call_soon_threadsafe(self._tell)
            except RuntimeError:  # the loop is closed: the process is leaving
                return

    def _tell(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for mailbox in changed:
            for watcher in list(self._watchers.get(mailbox, ())):
                watcher.news()
