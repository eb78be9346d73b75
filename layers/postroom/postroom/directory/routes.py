"""Follow a recipient through aliases, details, domain aliases and catch-alls to accounts.

Pure: it asks a map of records and names those it still misses, so that the routes of a whole
batch of messages cost one table read for each level of aliases, not one for each address.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from postroom.directory.addresses import Address, BadAddress, canonical, canonical_domain, outside
from postroom.directory.records import Domain, Route, Target
from postroom.platform.table import Key, Record

DEEPEST = 10  # aliases one behind the other
MOST_TARGETS = 1_000  # accounts and outside addresses behind one recipient; more is a list

Known = Mapping[Key, Record | None]
Result = TypeVar("Result")


def domain_key(name: str) -> Key:
    return Key(f"domain/{name}", "0")


def address_key(address: Address) -> Key:
    return Key(f"address/{address}", "0")


def domain_of(record: Record, name: str) -> Domain:
    body = record.body
    return Domain(name, str(body["alias_of"]), str(body["catch_all"]), str(body["separator"]))


def targets_of(record: Record) -> tuple[str, ...]:
    """The alias targets in an address record; empty when only an account stands there."""
    targets = record.body["targets"]
    return tuple(str(target) for target in targets) if isinstance(targets, list) else ()


class Entry(NamedTuple):
    """What an address leads to: an address record, by its own name or without its detail."""

    record: Record
    address: Address  # as the record is filed
    detail: str


class Missing(Exception):
    """Records that must be read before the answer is known."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = frozenset(keys)


def answer(
    question: Callable[[Known], Result], read: Callable[[Sequence[Key]], Mapping[Key, Record]]
) -> Result:
    """Ask *question*, reading what it misses, until it answers."""
    known: dict[Key, Record | None] = {}
    while True:
        try:
            return question(known)
        except Missing as missing:
            found = read(sorted(missing.keys))
            known.update((key, found.get(key)) for key in missing.keys)


def find(text: str, known: Known) -> tuple[Domain | None, Entry | None]:
    """`look_up` of an address as it was written. Raises BadAddress, Missing."""
    try:
        address = canonical(text)
    except BadAddress:
        # We could not keep such a local part, but another domain may have it.
        domain = domain_key(canonical_domain(text.rpartition("@")[2]))
        _require([domain], known)
        if outside(text) and known[domain] is None:
            return None, None
        raise
    return look_up(address, known)


def look_up(address: Address, known: Known) -> tuple[Domain | None, Entry | None]:
    """Find the domain and the entry of an address, or raise Missing.

    The domain is None when it is not ours. The exact address comes first, then the one without
    detail, then the catch-all. A domain alias has the addresses of the domain it stands for.
    """
    keys = [domain_key(address.domain), address_key(address)]
    guess = without_detail(address, "+")  # right for most domains, and saves the second read
    if guess is not None:
        keys.append(address_key(guess[0]))
    _require(keys, known)
    found = known[keys[0]]
    if found is None:
        return None, None
    domain = domain_of(found, address.domain)
    if not domain.alias_of:
        return domain, _entry(address, domain, known)
    # The directory lets no alias of an alias in, so this goes one step and no further.
    original = Address(address.local, domain.alias_of)
    _require([domain_key(original.domain), address_key(original)], known)
    found = known[domain_key(original.domain)]
    if found is None:
        return domain, None
    return domain, _entry(original, domain_of(found, original.domain), known)


def _entry(address: Address, domain: Domain, known: Known) -> Entry | None:
    _require([address_key(address)], known)
    record = known[address_key(address)]
    if record is not None:
        return Entry(record, address, "")
    split = without_detail(address, domain.separator)
    if split is not None:
        _require([address_key(split[0])], known)
        record = known[address_key(split[0])]
        if record is not None:
            return Entry(record, *split)
    if domain.catch_all:
        catcher = canonical(domain.catch_all)
        _require([address_key(catcher)], known)
        record = known[address_key(catcher)]
        if record is not None:
            return Entry(record, catcher, "")
    return None


def without_detail(address: Address, separator: str) -> tuple[Address, str] | None:
    """The address without its detail, and the detail; None when it has none."""
    if not separator or address.local.startswith('"'):
        return None
    user, _, detail = address.local.partition(separator)
    return (Address(user, address.domain), detail) if user and user != address.local else None


def _require(keys: Iterable[Key], known: Known) -> None:
    missing = [key for key in keys if key not in known]
    if missing:
        raise Missing(missing)


@dataclass(slots=True)
class _Walk:
    """One recipient's way through the aliases. ``missing`` lets a whole level be read at once."""

    known: Known
    targets: dict[str, Target] = field(default_factory=dict)
    elsewhere: dict[str, None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    missing: set[Key] = field(default_factory=set)

    def visit(self, text: str, above: tuple[Address, ...]) -> None:
        if len(self.targets) + len(self.elsewhere) >= MOST_TARGETS:
            return self._leads_nowhere(text, f"more than {MOST_TARGETS} targets")
        try:
            domain, entry = find(text, self.known)
        except BadAddress as error:
            return self._leads_nowhere(text, str(error))
        except Missing as missing:
            self.missing |= missing.keys
            return None
        if domain is None:
            self.elsewhere[outside(text)] = None
            return None
        if entry is None:
            return self._leads_nowhere(text, "no such address here")
        targets = targets_of(entry.record)
        # An alias that names itself means the account of the same address: forward and keep.
        if not targets or (above and above[-1] == entry.address):
            return self._arrive(text, entry)
        if entry.address in above:
            return self._leads_nowhere(text, "its aliases form a loop")
        if len(above) >= DEEPEST:
            return self._leads_nowhere(text, f"more than {DEEPEST} aliases one behind the other")
        for target in targets:
            self.visit(target, (*above, entry.address))
        return None

    def _arrive(self, text: str, entry: Entry) -> None:
        account = str(entry.record.body["account"])
        if not account:
            return self._leads_nowhere(text, "its aliases form a loop")
        if not entry.record.body["enabled"]:
            return self._leads_nowhere(text, "the account is disabled")
        self.targets.setdefault(account, Target(account, str(entry.address), entry.detail))
        return None

    def _leads_nowhere(self, text: str, reason: str) -> None:
        reason = f"{text}: {reason}"
        if reason not in self.reasons:
            self.reasons.append(reason)


def routes(recipients: Sequence[str], known: Known) -> list[Route]:
    """The route of each recipient, or Missing with all that the next level of aliases needs."""
    walks = [_Walk(known) for _ in recipients]
    for walk, recipient in zip(walks, recipients, strict=True):
        walk.visit(recipient, ())
    missing = set().union(*(walk.missing for walk in walks)) if walks else set()
    if missing:
        raise Missing(missing)
    return [
        Route(tuple(walk.targets.values()), tuple(walk.elsewhere), tuple(walk.reasons))
        for walk in walks
    ]
