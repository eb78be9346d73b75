"""Annotations of mailboxes and of the server (RFC 5464).

Partition ``annotations/<account>``, one record for each mailbox, under its id, and one under
``server``: small, read and changed as a whole. Entries under ``/private/`` are those of the
account, also on a mailbox that another shares with it; those under ``/shared/`` are of the mailbox,
and lie with the account it belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from postroom.errors import ConditionFailed, PostroomError
from postroom.mailboxes.editing import Edit
from postroom.mailboxes.transactions import ATTEMPTS, Transactions, too_busy
from postroom.platform.table import Absent, Delete, Holds, Key, Put, Record, Value, Write

LONGEST_NAME = 255  # octets
LARGEST_VALUE = 16 * 1024  # octets; RFC 5464 section 4.1 wants 1,024 at least
MOST_ENTRIES = 100  # of one mailbox; there 10 at least
MOST_OCTETS = 256 * 1024  # of one mailbox, names included: a record holds 400 KiB

SERVER = "server"  # in place of a mailbox id, which begins with "m"

Entries = Mapping[str, bytes]  # by name, in lower case


class ValueTooLarge(PostroomError):
    def __init__(self, entry: str, size: int) -> None:
        super().__init__(
            f"the value of {entry} has {size} octets, at most {LARGEST_VALUE} are kept"
        )


class TooManyEntries(PostroomError):
    def __init__(self, mailbox: str) -> None:
        super().__init__(
            f"{mailbox} would have more than {MOST_ENTRIES} annotations or {MOST_OCTETS} octets"
        )


def annotations_key(account: str, mailbox: str) -> Key:
    return Key(f"annotations/{account}", mailbox)


def forget(account: str, mailbox: str) -> Delete:
    """The write that removes all annotations of a mailbox that is gone for good."""
    return Delete(annotations_key(account, mailbox))


@dataclass(frozen=True, slots=True)
class _Kept:
    entries: Entries
    version: int  # 0 when there is no record

    def put(self, key: Key, entries: Entries) -> Put:
        condition = Holds("version", self.version) if self.version else Absent()
        body: dict[str, Value] = {"version": self.version + 1, "entries": dict(entries)}
        return Put(key, body, condition=condition)


_NOTHING = _Kept({}, 0)


class Annotations:
    """``Mailboxes.annotations``. *mailbox* is an id, or SERVER. Names are those of RFC 5464
    section 3.2, in lower case: ``/private/…`` or ``/shared/…``. All methods may raise
    StoreUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def of(self, account: str, mailbox: str) -> Entries:
        """The entries and their values; one read."""
        return self._read(account, mailbox).entries

    def all_of(self, account: str) -> dict[str, Entries]:
        """The entries of all the account's mailboxes that have some, by id; one query."""
        records = self._transactions.table.range(f"annotations/{account}")
        return {record.key.sort: _kept(record).entries for record in records}

    def set(
        self, account: str, mailbox: str, changes: Mapping[str, bytes | None], user: str = ""
    ) -> None:
        """Give the entries their values, or remove those whose value is None; all or none.

        *user*: whose the private ones are, when it is not the owner. A change gives the mailbox a
        higher MODSEQ (RFC 7162 section 3.2). Raises ValueTooLarge, TooManyEntries,
        MailboxMissing.
        """
        for entry, value in changes.items():
            if value is not None and len(value) > LARGEST_VALUE:
                raise ValueTooLarge(entry, len(value))
        if mailbox == SERVER:
            self._set_server(account, changes)
            return
        theirs = user or account
        parts: dict[str, dict[str, bytes | None]] = {account: {}, theirs: {}}
        for entry, value in changes.items():
            parts[theirs if entry.startswith("/private/") else account][entry] = value

        def prepare(edits: list[Edit]) -> tuple[list[Write], None]:
            for keeper, part in parts.items():
                put = self._changed(keeper, mailbox, part)
                if put is not None:
                    edits[0].also(put)
            return [], None

        self._transactions.edit(account, [mailbox], prepare)

    def copy(self, account: str, source: str, target: str) -> None:
        """Both have them then: what a rename of INBOX asks for (RFC 5464 section 4.1)."""
        entries = self.of(account, source)
        if entries:
            self.set(account, target, entries)

    def _set_server(self, account: str, changes: Mapping[str, bytes | None]) -> None:
        for _ in range(ATTEMPTS):
            put = self._changed(account, SERVER, changes)
            if put is None:
                return
            try:
                self._transactions.table.write(put)
            except ConditionFailed:
                continue
            self._transactions.tell([(account, SERVER)])
            return
        raise too_busy([SERVER])

    def _changed(
        self, account: str, mailbox: str, changes: Mapping[str, bytes | None]
    ) -> Put | None:
        kept = self._read(account, mailbox)
        after = {
            name: value for name, value in {**kept.entries, **changes}.items() if value is not None
        }
        if after == kept.entries:
            return None
        size = sum(len(name) + len(value) for name, value in after.items())
        if len(after) > max(MOST_ENTRIES, len(kept.entries)) or size > MOST_OCTETS:
            raise TooManyEntries(mailbox)
        return kept.put(annotations_key(account, mailbox), after)

    def _read(self, account: str, mailbox: str) -> _Kept:
        found = self._transactions.table.get(annotations_key(account, mailbox))
        return _NOTHING if found is None else _kept(found)


def _kept(record: Record) -> _Kept:
    version, entries = record.body["version"], record.body["entries"]
    assert isinstance(version, int)  # noqa: S101  (we wrote it)
    assert isinstance(entries, dict)  # noqa: S101  (we wrote it)
    return _Kept(
        {name: value for name, value in entries.items() if isinstance(value, bytes)}, version
    )
