"""The suppression list: addresses that a domain of ours no longer writes to, and why.

Who keeps writing to addresses that do not exist is taken for a spammer, by Gmail and by Amazon
SES alike (SES reviews senders above 5 % of bounces or 0.1 % of complaints). So:

* Only permanent failures about the address itself count (`counts_as_hard`). A full mailbox is
  emptied, and a refusal by policy is about the message or the sender.
* The first failure suppresses for a day: large providers have said "no such user" of everybody
  for hours. The next one after that for a week, then for a month, then for half a year. A failure
  while the address is suppressed changes nothing: those are messages that were under way.
* What is past is remembered for half a year, so that "the next one" is known as such.
* A complaint suppresses until somebody removes it: the recipient has said so.
* What is put on the list by hand stays until it is removed.

Each sending domain has a list of its own: what one tenant did is not held against another, and
one cannot see whom the other writes to.

``suppressed/<sending domain>`` : ``<address>``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

from postroom.directory.addresses import BadAddress, canonical, canonical_domain
from postroom.errors import ConditionFailed, PostroomError
from postroom.platform.clock import Clock
from postroom.platform.table import Absent, Delete, Holds, Key, Put, Record, Table
from postroom.relay.reports import Told

Kind = Literal["bounce", "complaint", "manual"]

DAY = 86_400_000  # milliseconds
PERIODS = (DAY, 7 * DAY, 30 * DAY, 180 * DAY)  # after the first failure, the second, …
REMEMBERED = 180 * DAY  # after a period is over
# RFC 3463 and the IANA registry: bad mailbox, bad system, bad syntax, mailbox moved, null MX (and
# Exchange's word for an unknown recipient), mailbox disabled.
_HARD = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
# What we answer for a suppressed recipient: "delivery not authorized", and not in _HARD, so that
# a suppression never feeds itself.
STATUS = "5.7.1"
_LONGEST_REASON = 500
_LONGEST_ADDRESS = 320  # characters
_ATTEMPTS = 5


def counts_as_hard(status: str) -> bool:
    """Whether a failure with this enhanced code says that the address itself is no good."""
    return status in _HARD


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry of the list. Times in milliseconds since 1970."""

    domain: str  # that must not send, in A-labels
    address: str  # as the list spells it
    kind: Kind
    status: str  # enhanced code of the failure
    reason: str  # what was said then
    queue_id: str  # of the message that failed or was complained about
    since: int
    until: int  # 0: until it is removed
    count: int  # how often the address has failed

    def holds(self, now: int) -> bool:
        return not self.until or self.until > now

    @property
    def sentence(self) -> str:
        """For logs, journeys and reports."""
        why = {
            "bounce": "mail for it had come back as undeliverable",
            "complaint": "its owner had complained about mail",
            "manual": "an administrator put it there",
        }[self.kind]
        said = f" ({self.reason})" if self.reason else ""
        return f"Not tried: it is on the suppression list of {self.domain}, because {why}{said}"

    def told(self, address: str, original: str, now: int) -> Told:
        """What is to be told of a recipient that was not tried. *original*: its ORCPT."""
        return Told(
            address,
            "failed",
            STATUS,
            self.sentence,
            now,
            original,
            until=self.until,
            suppressed=self.kind,
            since=self.since,
        )


class NotSuppressed(PostroomError):
    def __init__(self, domain: str, address: str) -> None:
        super().__init__(f"{address} is not on the suppression list of {domain}")


class Suppression:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def note(
        self,
        sender_domain: str,
        address: str,
        kind: Literal["bounce", "complaint"],
        status: str,
        reason: str,
        queue_id: str,
    ) -> None:
        """Count a permanent failure of *address*, or a complaint of its owner.

        The caller has judged it by `counts_as_hard`. Repeats about one message are harmless. An
        address that cannot be kept is passed over. Raises StoreUnavailable.
        """
        key = _key(sender_domain, address)
        if key is None:
            return
        said = (status, reason, queue_id)
        for _ in range(_ATTEMPTS):
            found = self._table.get(key)
            entry = self._next(found, key, kind, said)
            if entry is None or self._write(found, entry):
                return

    def _next(
        self, found: Record | None, key: Key, kind: Kind, said: tuple[str, str, str]
    ) -> Suppressed | None:
        """The entry as it is after this event; None when it stays as it is."""
        now = self._now()
        old = _entry(found) if found is not None else None
        if old is not None and not old.until:  # a complaint, or by hand: nothing is stronger
            return None
        if kind == "complaint":
            return Suppressed(_domain(key), key.sort, kind, *_cut(said), now, 0, 1)
        if old is not None and (old.holds(now) or old.queue_id == said[2]):
            return None
        count = old.count + 1 if old is not None else 1
        until = now + PERIODS[min(count, len(PERIODS)) - 1]
        return Suppressed(_domain(key), key.sort, "bounce", *_cut(said), now, until, count)

    def add(self, domain: str, address: str, reason: str = "", until: int = 0) -> Suppressed:
        """Put an address on the list by hand, over what was there.

        *until* in milliseconds since 1970, 0 for no end. Raises BadAddress, StoreUnavailable.
        """
        key = _exact_key(domain, address)
        now = self._now()
        entry = Suppressed(
            _domain(key), key.sort, "manual", "", reason[:_LONGEST_REASON], "", now, until, 0
        )
        self._table.write(_put(entry, 1, None))
        return entry

    def remove(self, domain: str, address: str) -> None:
        """Write to the address again, and forget its past.

        Raises BadAddress, NotSuppressed when it is not on the list, StoreUnavailable.
        """
        key = _exact_key(domain, address)
        if self._table.get(key) is None:
            raise NotSuppressed(_domain(key), key.sort)
        self._table.write(Delete(key))

    def find(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Suppressed]:
        """Those of the pairs (sending domain, address) that are suppressed now, in one read."""
        keys = {pair: key for pair in pairs if (key := _key(*pair)) is not None}
        if not keys:
            return {}
        now = self._now()
        records = self._table.get_many(list(dict.fromkeys(keys.values())))
        entries = {key: _entry(record) for key, record in records.items()}
        return {
            pair: entries[key]
            for pair, key in keys.items()
            if key in entries and entries[key].holds(now)
        }

    def get(self, domain: str, address: str) -> Suppressed | None:
        """The entry, one that is over included: its past counts. Raises BadAddress."""
        record = self._table.get(_exact_key(domain, address))
        return _entry(record) if record is not None else None

    def list(self, domain: str) -> Iterator[Suppressed]:
        """All that is suppressed now, by address, read lazily. Raises BadAddress."""
        now = self._now()
        for record in self._table.range(f"suppressed/{canonical_domain(domain)}"):
            entry = _entry(record)
            if entry.holds(now):
                yield entry

    def _write(self, found: Record | None, entry: Suppressed) -> bool:
        """Whether it was written; False when somebody else was faster."""
        try:
            self._table.write(_put(entry, _version(found) + 1, found))
        except ConditionFailed:
            return False
        return True

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)


def _put(entry: Suppressed, version: int, found: Record | None) -> Put:
    by_hand = entry.kind == "manual"
    condition = None if by_hand else Holds("version", version - 1) if found else Absent()
    expires = (entry.until + REMEMBERED) // 1000 if entry.until else None
    return Put(
        Key(f"suppressed/{entry.domain}", entry.address),
        {
            "version": version,
            "kind": entry.kind,
            "status": entry.status,
            "reason": entry.reason,
            "queue_id": entry.queue_id,
            "since": entry.since,
            "until": entry.until,
            "count": entry.count,
        },
        expires=expires,
        condition=condition,
    )


def _entry(record: Record) -> Suppressed:
    body = record.body
    kind = str(body["kind"])
    assert kind in get_args(Kind)  # noqa: S101  (we wrote it)
    return Suppressed(
        _domain(record.key),
        record.key.sort,
        cast(Kind, kind),
        str(body["status"]),
        str(body["reason"]),
        str(body["queue_id"]),
        int(str(body["since"])),
        int(str(body["until"])),
        int(str(body["count"])),
    )


def _version(found: Record | None) -> int:
    return int(str(found.body["version"])) if found is not None else 0


def _domain(key: Key) -> str:
    return key.partition.partition("/")[2]


def _cut(said: tuple[str, str, str]) -> tuple[str, str, str]:
    status, reason, queue_id = said
    return status, reason[:_LONGEST_REASON], queue_id


def _key(domain: str, address: str) -> Key | None:
    try:
        return _exact_key(domain, address)
    except BadAddress:  # none that SMTP could carry: it is not on any list
        return None


def _exact_key(domain: str, address: str) -> Key:
    """One spelling for all that reach the same mailbox. Raises BadAddress."""
    if len(address) > _LONGEST_ADDRESS:
        raise BadAddress(address, f"an address has {_LONGEST_ADDRESS} characters at most")
    return Key(f"suppressed/{canonical_domain(domain)}", str(canonical(address)))
