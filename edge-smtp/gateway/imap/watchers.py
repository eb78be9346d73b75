"""Who wants to hear that a mailbox changed: one subscription for all sessions of the process."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar

from gateway.crossing import Crossing
from postroom.platform.topic import Subscription, Topic

T = TypeVar("T")


class Watcher(Protocol):
    def news(self, version: int) -> None:
        """The mailbox may have changed: to that version, if it is known (not 0). Called on the
        event loop; must only make a note."""


class AccountWatcher(Protocol):
    def account_news(self, account: str, mailbox: str) -> None:
        """As ``news``, of any mailbox of the account, by its id; of the list of mailboxes when it
        is empty."""


class Watchers:
    """Carries news from the topic's thread to the event loop, many at once when many come.

    The text of a message is ``"<account> <mailbox>"``, maybe with a version (see ``Mailboxes``).
    """

    def __init__(self, topic: Topic, crossing: Crossing) -> None:
        self._topic = topic
        self._crossing = crossing
        self._watchers: dict[str, set[Watcher]] = {}  # by mailbox id
        self._of_accounts: dict[str, set[AccountWatcher]] = {}
        self._lock = Lock()
        self._changed: set[tuple[str, str, int]] = set()  # until the loop takes them
        self._soon: Callable[[Callable[[], None]], None] | None = None
        self._subscription: Subscription | None = None

    def watch(self, mailbox: str, watcher: Watcher) -> None:
        self._subscribe()
        self._watchers.setdefault(mailbox, set()).add(watcher)

    def unwatch(self, mailbox: str, watcher: Watcher) -> None:
        _remove(self._watchers, mailbox, watcher)

    def watch_account(self, account: str, watcher: AccountWatcher) -> None:
        self._subscribe()
        self._of_accounts.setdefault(account, set()).add(watcher)

    def unwatch_account(self, account: str, watcher: AccountWatcher) -> None:
        _remove(self._of_accounts, account, watcher)

    def remind(self, part: int, parts: int) -> None:
        """The topic is best effort: whatever it lost, some look for it now. All have looked after
        as many calls as there are parts."""
        for mailbox in [each for each in self._watchers if hash(each) % parts == part]:
            for watcher in list(self._watchers.get(mailbox, ())):
                watcher.news(0)
        for account in [each for each in self._of_accounts if hash(each) % parts == part]:
            for each in list(self._of_accounts.get(account, ())):
                each.account_news(account, "")

    def _subscribe(self) -> None:
        if self._subscription is None:
            # One wake-up of the loop for the news of a change and for the end of the call.
            self._soon = self._crossing.way_back()
            self._subscription = self._topic.subscribe(self._receive)

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        self._soon = None

    def _receive(self, message: str) -> None:
        """On the thread of the topic, or of who publishes."""
        account, _, changed = message.rpartition(" ")
        mailbox, _, version = changed.partition("@")
        # Nobody is watching most mailboxes; reading a dict from a thread is safe.
        soon = self._soon
        if soon is None or (mailbox not in self._watchers and account not in self._of_accounts):
            return
        with self._lock:
            first = not self._changed
            self._changed.add((account, mailbox, int(version or 0)))
        if first:
            soon(self._tell)

    def _tell(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for account, mailbox, version in changed:
            for watcher in list(self._watchers.get(mailbox, ())):
                watcher.news(version)
            for each in list(self._of_accounts.get(account, ())):
                each.account_news(account, mailbox)


def _remove(watched: dict[str, set[T]], by: str, watcher: T) -> None:
    watchers = watched.get(by)
    if watchers is not None:
        watchers.discard(watcher)
        if not watchers:
            del watched[by]
