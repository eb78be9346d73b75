"""When a key follows another, one step at a time.

A key that has signed for its time gets a successor, which is announced and signs nothing. On most
domains somebody has to publish its record by hand: until it is seen in the DNS, the old key goes
on signing, however long that takes. What was seen once may still be missing from a secondary
server, or sit in caches as "no such name", so the successor waits for `SETTLES` more and is looked
up again.
"""

from postroom.authentication.dkim.keypairs import ADVISED_BITS
from postroom.authentication.dkim.keys import DkimKey, DkimKeys, KeyRing, KeysBusy
from postroom.authentication.dkim.records import parse_key_record
from postroom.errors import BadSyntax
from postroom.platform.resolver import DnsUnavailable, Resolver

HOUR, DAY = 3_600, 86_400  # seconds
SETTLES = 2 * HOUR  # between seeing a record and relying on it
# Retries end after 5 days; some providers, and plug-ins of clients, check when mail is read.
KEPT = 14 * DAY  # after a key has retired, for its record
_MOST_AT_ONCE = 1_000  # domains in one run; the others come with the next


def rotate_due(keys: DkimKeys, now: int, resolver: Resolver | None = None) -> int:
    """Take a step for every domain whose time has come; returns how many keys changed.

    Without *resolver* no successor begins to sign: that is then left to `DkimKeys.activate`. May
    run at any time, also twice at once. Raises StoreUnavailable.
    """
    changed = 0
    for domain in keys.due(now, _MOST_AT_ONCE):
        try:
            changed += _step(keys, keys.ring(domain), now, resolver)
        except KeysBusy:
            continue  # somebody else is at it, who sees to the rest
        ring = keys.ring(domain)
        if ring.keys:
            keys.look_again(domain, next_look(ring, now))
    return changed


def next_look(ring: KeyRing, now: int) -> int:
    """The time at which something may be due: within a day, whatever went wrong before."""
    times = [now + DAY]
    announced = {key.algorithm for key in ring.with_state("announced")}
    for key in ring.keys:
        if key.state == "retired":
            times.append(key.since + KEPT)
        elif key.state == "announced":
            # Often while somebody is at it, daily once it seems forgotten.
            pause = HOUR if key.seen else max(HOUR, (now - key.made) // 10)
            times.append(now + pause)
        elif ring.rotation and key.algorithm not in announced:
            times.append(key.since + ring.rotation * DAY)
    return max(min(times), now + 1)


def is_published(resolver: Resolver, key: DkimKey) -> bool:
    """Whether the DNS has the key's record, and only that. Raises DnsUnavailable."""
    records = resolver.query(key.name, "TXT").records
    # Of several records a verifier may take any one (RFC 6376 section 3.6.2.2).
    if len(records) != 1:
        return False
    try:
        found = parse_key_record(records[0])
    except BadSyntax:
        return False
    return (found.kind, found.public) == (key.algorithm.partition("-")[0], key.public)


def _step(keys: DkimKeys, ring: KeyRing, now: int, resolver: Resolver | None) -> int:
    changed = 0
    for key in ring.with_state("retired"):
        if key.since + KEPT <= now:
            keys.remove(key.domain, key.selector)
            changed += 1
    announced = ring.with_state("announced")
    for key in announced:
        if resolver is not None and _is_settled(keys, key, now, resolver):
            keys.activate(key.domain, key.selector)
            changed += 1
    waiting = {key.algorithm for key in announced}
    for key in ring.with_state("signing"):
        is_old = ring.rotation and key.since + ring.rotation * DAY <= now
        if is_old and key.algorithm not in waiting:
            # As long as the one before; what is shorter than advised ends here.
            changed += len(keys.make(key.domain, (key.algorithm,), max(key.bits, ADVISED_BITS)))
    return changed


def _is_settled(keys: DkimKeys, key: DkimKey, now: int, resolver: Resolver) -> bool:
    try:
        published = is_published(resolver, key)
    except DnsUnavailable:
        return False
    if published and key.seen:
        return key.seen + SETTLES <= now
    if published or key.seen:
        keys.note_seen(key, now if published else 0)
    return False
