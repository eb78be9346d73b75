"""Find what an address leads to: one address record, among any number of them, in one read.

Pure: it asks a map of records and names those it still misses, so that the routes of a whole
batch of messages cost one table read for each level of aliases, not one for each address.

What to read depends on the domain: its separators, patterns and catch-all stand in its record,
which is read together with the address. So the records of domains are remembered from one
question to the next, to guess from and for nothing else: a guess that is out of date costs a
second read, never a wrong answer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from postroom.directory.addresses import Address, BadAddress, canonical, canonical_domain, outside
from postroom.directory.filing import address_key, domain_key, domain_of
from postroom.directory.patterns import best_match
from postroom.directory.records import Domain
from postroom.platform.table import Key, Record, Table

_REMEMBERED = 1_000  # domains
Result = TypeVar("Result")


class Known(dict[Key, Record | None]):
    """What was read for one question; None: it is not there. ``remembered``: to guess from."""

    def __init__(self, remembered: Mapping[Key, Record]) -> None:
        super().__init__()
        self.remembered = remembered


class Missing(Exception):
    """Records that must be read before the answer is known."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = frozenset(keys)


class Reader:
    """Answers pure questions from the table. Any number of threads may ask at once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._domains: dict[Key, Record] = {}

    def answer(self, question: Callable[[Known], Result]) -> Result:
        """Ask *question*, reading what it misses, until it answers."""
        known = Known(self._domains)
        while True:
            try:
                return question(known)
            except Missing as missing:
                keys = sorted(missing.keys)
                found = self._table.get_many(keys)
                known.update((key, found.get(key)) for key in keys)
                self._remember(known, keys)

    def _remember(self, known: Known, keys: Iterable[Key]) -> None:
        for key in keys:
            if key.partition.startswith("domain/"):
                record = known[key]
                if record is None:
                    self._domains.pop(key, None)
                    continue
                if len(self._domains) >= _REMEMBERED:
                    self._domains.clear()
                self._domains[key] = record


class Entry(NamedTuple):
    """What an address leads to: the record of the address itself, of the address without its
    detail, of a pattern, or of the catch-all."""

    record: Record
    address: Address  # as the record is filed
    detail: str


def find(text: str, known: Known) -> tuple[Domain | None, Entry | None]:
    """`look_up` of an address as it was written. Raises BadAddress, Missing."""
    try:
        address = canonical(text)
    except BadAddress:
        # We could not keep such a local part, but another domain may have it.
        domain = domain_key(canonical_domain(text.rpartition("@")[2]))
        if domain not in known:
            raise Missing([domain]) from None
        if outside(text) and known[domain] is None:
            return None, None
        raise
    return look_up(address, known)


def look_up(address: Address, known: Known) -> tuple[Domain | None, Entry | None]:
    """Find the domain and the entry of an address, or raise Missing.

    The domain is None when it is not ours. A domain alias has the addresses of the domain it
    stands for, which then has the say about separators, dots, patterns and the catch-all.
    """
    own = domain_key(address.domain)
    if own not in known:
        raise Missing(_guess(address, known))
    found = known[own]
    if found is None:
        return None, None
    domain = domain_of(found)
    if not domain.alias_of:
        return domain, _entry(address, domain, known)
    # The directory lets no alias of an alias in, so this goes one step and no further.
    original, key = Address(address.local, domain.alias_of), domain_key(domain.alias_of)
    if key not in known:
        raise Missing(_guess(original, known))
    found = known[key]
    return domain, None if found is None else _entry(original, domain_of(found), known)


def places(address: Address, domain: Domain) -> Iterator[tuple[Address, str]]:
    """Where the record of an address may be filed, with the detail that is then left over.

    In this order: the address itself, the address without its detail, the most specific pattern,
    the catch-all.
    """
    names = [*splits(address, domain.separator)]
    for name, detail in ((address, ""), *names):
        yield name, detail
        if domain.dots_ignored and undotted(name) != name:
            yield undotted(name), detail
    if domain.patterns and not address.local.startswith('"'):
        match = _pattern([*names, (address, "")], domain)
        if match is not None:
            yield match
    if domain.catch_all:
        catcher = canonical(domain.catch_all)
        yield catcher, ""
        if domain.dots_ignored and catcher.domain == domain.name:
            yield undotted(catcher), ""


def splits(address: Address, separator: str) -> Iterator[tuple[Address, str]]:
    """The address without its detail, and the detail, for each of the separators that it has:
    the longest name first, so that ``anne-marie+x`` is Anne-Marie's before it is Anne's."""
    if address.local.startswith('"'):
        return
    for cut in sorted((address.local.find(mark) for mark in separator), reverse=True):
        if cut > 0:
            yield Address(address.local[:cut], address.domain), address.local[cut + 1 :]


def undotted(address: Address) -> Address:
    """How an address is filed where dots are ignored. In quotes they count."""
    if "." not in address.local or address.local.startswith('"'):
        return address
    return Address(address.local.replace(".", ""), address.domain)


def _pattern(names: Sequence[tuple[Address, str]], domain: Domain) -> tuple[Address, str] | None:
    candidates = [(name.local, detail) for name, detail in names]
    patterns = {pattern: pattern for pattern in domain.patterns}
    if domain.dots_ignored:
        candidates = [(local.replace(".", ""), detail) for local, detail in candidates]
        # One that is still to be filed anew has its dots.
        patterns = {pattern.replace(".", ""): pattern for pattern in domain.patterns}
    match = best_match(tuple(patterns), candidates)
    return None if match is None else (Address(patterns[match[0]], domain.name), match[1])


def _entry(address: Address, domain: Domain, known: Known) -> Entry | None:
    for place, detail in places(address, domain):
        key = address_key(place)
        if key not in known:
            keys = {address_key(other) for other, _ in places(address, domain)}
            raise Missing(key for key in keys if key not in known)
        record = known[key]
        if record is not None:
            return Entry(record, place, detail)
    return None


def _guess(address: Address, known: Known) -> Iterator[Key]:
    """All that the answer may need, as far as the domain is what it was."""
    domain = _remembered(address.domain, known)
    yield domain_key(domain.name)
    if domain.alias_of:
        address = Address(address.local, domain.alias_of)
        domain = _remembered(domain.alias_of, known)
        yield domain_key(domain.name)
    for place, _ in places(address, domain):
        yield address_key(place)
        if place.domain != address.domain:  # a catch-all elsewhere, whose domain has scripts
            yield domain_key(place.domain)


def _remembered(name: str, known: Known) -> Domain:
    record = known.remembered.get(domain_key(name))
    # Most domains are like this one, and for them it saves the second read.
    return Domain(name) if record is None else domain_of(record)
