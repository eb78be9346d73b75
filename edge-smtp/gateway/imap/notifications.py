"""What a client wants to be told (NOTIFY, RFC 5465), what it knows, and what is different now.

Nothing here reads or writes: ``news_elsewhere`` looks, compares and tells.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.imap.commands import FetchItem
from gateway.imap.commands_notify import MESSAGE_EVENTS, Event, EventGroup
from gateway.imap.places import Place
from postroom.mailboxes.annotations import SERVER, Entries
from postroom.mailboxes.names import above, is_below
from postroom.mailboxes.records import Appended

MOST_MAILBOXES = 10_000  # of one session; each takes some hundred octets
MOST_ENTRIES = 20_000  # annotations whose values are remembered, as a number each
_MANY = 16  # mailboxes that changed: reading the list of all costs no more than each of them

Events = frozenset[Event]


class Wanted:
    """The event groups of one NOTIFY."""

    __slots__ = ("_others", "any_time", "elsewhere", "fetch", "selected")

    def __init__(self, groups: Sequence[EventGroup]) -> None:
        self.selected: Events = frozenset()
        self.fetch: tuple[FetchItem, ...] = ()
        self.any_time = False  # EXPUNGE may come between commands (section 5.3)
        self._others = [g for g in groups if not g.mailboxes.kind.startswith("selected")]
        for group in groups:
            if group.mailboxes.kind.startswith("selected"):
                self.selected, self.fetch = group.events, group.fetch
                self.any_time = group.mailboxes.kind == "selected"
        self.elsewhere: Events = frozenset().union(*(group.events for group in self._others))

    @property
    def wants_entries(self) -> bool:
        return bool(self.elsewhere & {"MailboxMetadataChange", "ServerMetadataChange"})

    @property
    def may_reach_others(self) -> bool:
        return any(group.mailboxes.may_reach_others for group in self._others)

    def of(self, name: str, subscribed: bool) -> Events:
        """Several groups may be about a mailbox: together they say what is wanted (section 6)."""
        covering = (g.events for g in self._others if g.mailboxes.covers(name, subscribed))
        return frozenset().union(*covering)


@dataclass(frozen=True, slots=True)
class Known:
    """A mailbox as the client was told of it last."""

    account: str  # id of the owner
    name: str  # in the user's eyes
    readable: bool  # the user has the right to hear of its messages
    uid_validity: int
    uid_next: int
    messages: int
    unseen: int
    mod_seq: int

    @classmethod
    def of(cls, place: Place) -> "Known":
        mailbox = place.mailbox
        return cls(
            place.owner.id,
            place.name,
            "r" in place.rights,
            mailbox.uid_validity,
            mailbox.uid_next,
            mailbox.messages,
            mailbox.unseen,
            mailbox.highest_mod_seq,
        )


@dataclass(slots=True)
class Own:
    """What the command that runs has done itself: of that its client need not be told (section 5).
    By mailbox id, but for names."""

    names: set[str] = field(default_factory=set)
    tops: set[str] = field(default_factory=set)  # with all names below them
    appended: dict[str, list[Appended]] = field(default_factory=dict)
    entries: set[tuple[str, str]] = field(default_factory=set)

    def note_appended(self, appended: Sequence[Appended]) -> None:
        self.appended.setdefault(appended[0].mailbox, []).extend(appended)

    def is_name(self, name: str) -> bool:
        return name in self.names or any(name == top or is_below(name, top) for top in self.tops)

    def is_all(self, before: Known, now: Known, mailbox: str) -> bool:
        """Has nobody else changed the mailbox since?"""
        appended = self.appended.get(mailbox)
        return bool(
            appended
            and before.uid_next == appended[0].uid
            and now.uid_next == appended[-1].uid + 1
            and now.messages == before.messages + len(appended)
            and now.mod_seq == max(each.mod_seq for each in appended)
        )


class Notifications:
    """Of one session, from its first NOTIFY on."""

    __slots__ = (
        "_account",
        "_everything",
        "_stale",
        "_wake",
        "entries",
        "known",
        "own",
        "subscribed",
        "wanted",
        "watched",
    )

    def __init__(self, account: str, wake: Callable[[], None]) -> None:
        self._account = account
        self._wake = wake
        self.wanted = Wanted(())
        self.known: dict[str, Known] = {}  # by mailbox id
        self.subscribed: set[str] = set()
        self.entries: dict[str, dict[str, int]] = {}  # by mailbox id: hashes of values
        self.own = Own()
        self.watched: set[str] = set()  # accounts and identifiers whose news comes here
        self._stale: set[tuple[str, str]] = set()  # accounts and ids of their mailboxes
        self._everything = False  # the list of mailboxes has changed, or too much else

    def forget(self) -> None:
        self.known, self.subscribed, self.entries = {}, set(), {}
        self._stale, self._everything = set(), False

    # What may have changed since.

    def account_news(self, account: str, mailbox: str) -> None:
        """See AccountWatcher."""
        self.note(account, mailbox)
        if self.is_stale:
            self._wake()

    def note(self, account: str, mailbox: str) -> None:
        """Something happened to it, "": to the list. Noted if it is of interest."""
        if not mailbox:
            self._everything = True
            return
        known = self.known.get(mailbox)
        if known is not None:
            wanted = self.wanted.of(known.name, known.name in self.subscribed)
            if not wanted & (MESSAGE_EVENTS | {"MailboxMetadataChange"}):
                return
        elif account != self._account:
            return  # not shared with this user: that it is comes as news of the list
        elif mailbox == SERVER and "ServerMetadataChange" not in self.wanted.elsewhere:
            return
        if not self._everything:
            self._stale.add((account, mailbox))
            self._everything = len(self._stale) > _MANY

    @property
    def is_stale(self) -> bool:
        return self._everything or bool(self._stale)

    def take_stale(self) -> set[tuple[str, str]] | None:
        """The mailboxes to look at, None for the list of all."""
        stale = None if self._everything else self._stale
        self._stale, self._everything = set(), False
        return stale

    # What is different, and from now on known.

    def is_as_known(self, place: Place) -> bool:
        """False: the list has changed, too, or the user's rights."""
        known, now = self.known.get(place.mailbox.id), Known.of(place)
        return known is not None and (known.name, known.readable) == (now.name, now.readable)

    def renamed(self, places: Iterable[Place]) -> dict[str, str]:
        """Old names by new ones; not of mailboxes whose parent took them along (section 5.4)."""
        moved = {
            each.name: known.name
            for each in places
            if (known := self.known.get(each.mailbox.id)) is not None and known.name != each.name
        }
        return {new: old for new, old in moved.items() if not _went_along(new, old, moved)}

    def affected(self, places: Iterable[Place]) -> set[str]:
        """Names of mailboxes that came or went, and those right above them."""
        ids = {each.mailbox.id: each.name for each in places}
        names = {name for each, name in ids.items() if each not in self.known}
        names |= {known.name for each, known in self.known.items() if each not in ids}
        return names | {parent for name in names if (parent := name.rpartition("/")[0])}

    def other_access(self, places: Iterable[Place]) -> set[str]:
        """Names of mailboxes that the user may read now, or not any more."""
        return {
            each.name
            for each in places
            if (known := self.known.get(each.mailbox.id)) is not None
            and known.readable != ("r" in each.rights)
        }

    def changed_entries(self, mailbox: str, now: Entries) -> list[str]:
        """Names of annotations that have another value, or none; in order."""
        before = self.entries.get(mailbox, {})
        after = hashes(now)
        if after:
            self.entries[mailbox] = after
        else:
            self.entries.pop(mailbox, None)
        return sorted(
            entry
            for entry in {**before, **after}
            if before.get(entry) != after.get(entry) and (mailbox, entry) not in self.own.entries
        )


def hashes(entries: Entries) -> dict[str, int]:
    return {entry: hash(value) for entry, value in entries.items()}


def _went_along(new: str, old: str, moved: Mapping[str, str]) -> bool:
    return any(
        moved.get(top) is not None and moved[top] + new.removeprefix(top) == old
        for top in above(new)
    )


def status_items(
    before: Known | None, now: Known, wanted: Events, *, condstore: bool
) -> dict[str, int | bytes]:
    """What a STATUS response tells of the changes (sections 5.1 to 5.3). *before*: None of a
    mailbox that the client has not heard of. Empty when there is nothing to tell."""
    items: dict[str, int | bytes] = {}
    if "MessageNew" not in wanted or not now.readable:
        return items
    known = before or replace(now, uid_validity=0, uid_next=1, messages=0, unseen=0, mod_seq=0)
    if (known.messages, known.uid_next) != (now.messages, now.uid_next):
        items |= {"MESSAGES": now.messages, "UIDNEXT": now.uid_next}
    if "FlagChange" in wanted:
        if known.unseen != now.unseen:
            items["UNSEEN"] = now.unseen
        if condstore and known.mod_seq != now.mod_seq and before is not None:
            items["HIGHESTMODSEQ"] = now.mod_seq
        if before is not None and known.uid_validity != now.uid_validity:
            items["UIDVALIDITY"] = now.uid_validity
    if not items:
        return items
    if condstore:
        items["HIGHESTMODSEQ"] = now.mod_seq
    if "FlagChange" in wanted or known.uid_validity != now.uid_validity:
        items["UIDVALIDITY"] = now.uid_validity
    return items


def first_status(now: Known, wanted: Events) -> dict[str, int | bytes]:
    """What STATUS of NOTIFY SET asks for (section 3.1)."""
    items: dict[str, int | bytes] = {}
    if not now.readable:
        return items
    if "MessageNew" in wanted:
        items |= {"MESSAGES": now.messages, "UIDNEXT": now.uid_next}
        items["UIDVALIDITY"] = now.uid_validity
    if "FlagChange" in wanted:
        items |= {"UNSEEN": now.unseen, "HIGHESTMODSEQ": now.mod_seq}
    return items
