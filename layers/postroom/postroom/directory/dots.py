"""Domains in which dots of a local part do not count: ``j.doe@`` and ``jdoe@`` are one address.

There an address is filed without its dots, and its record says how its owner spells it. A
look-up of such a domain tries both keys in its one read, so that addresses can be filed anew
while mail comes in: first the domain says that dots are ignored, then one address after the other
moves; the other way round when they count again. Whoever dies half-way does it again.
"""

from collections.abc import Iterable
from dataclasses import replace

from postroom.directory.addresses import Address, canonical_domain
from postroom.directory.aliases import Aliases
from postroom.directory.errors import InUse
from postroom.directory.filing import (
    address_key,
    domain_key,
    domain_of,
    filed_address,
    listing_key,
    spelling,
    unchanged,
)
from postroom.directory.lookup import undotted
from postroom.directory.patterns import most_specific_first
from postroom.directory.records import Domain
from postroom.platform.table import Check, Delete, Put, Record, Write

_KINDS = ("account", "alias", "masked")
_SHOWN = 5  # conflicts in an error


class Dots(Aliases):
    def ignore_dots(self, name: str, ignored: bool) -> Domain:
        """Let dots count in the domain, or not. All addresses are read, those with dots written.

        Raises NotThere; InUse when two addresses would become one, and for a domain alias.
        """
        name = canonical_domain(name)
        domain = domain_of(self._domain_record(domain_key(name)))
        if domain.alias_of:
            raise InUse(f"{name} stands for {domain.alias_of}: change that one")
        if ignored:
            _refuse_conflicts(Address(*_parts(filed)) for filed in self.names(name, *_KINDS))
            domain = self._set_dots(name, ignored=True)
            self._file_anew(name, ignored=True)
            return domain
        self._file_anew(name, ignored=False)
        domain = self._set_dots(name, ignored=False)
        self._file_anew(name, ignored=False)  # what was added in between
        return domain

    def _set_dots(self, name: str, ignored: bool) -> Domain:
        def plan() -> tuple[Domain, list[Write]]:
            record = self._domain_record(domain_key(name))
            domain = replace(domain_of(record), dots_ignored=ignored)
            return domain, [self._put_domain(domain, record)]

        return self._changed(plan)

    def _file_anew(self, name: str, ignored: bool) -> None:
        for kind in _KINDS:
            for record in self._listed(name, kind):
                here, place = filed_address(record.key), Address(*_parts(spelling(record)))
                there = undotted(place) if ignored else place
                if there != here:
                    self._move(here, there)

    def _move(self, here: Address, there: Address) -> None:
        def plan() -> tuple[None, list[Write]]:
            found = self._table.get_many([address_key(here), address_key(there)])
            record = found.get(address_key(here))
            if record is None:  # moved already, as another kind, or removed
                return None, []
            if address_key(there) in found:
                raise InUse(f"{here} and {there} are both in use: remove one, then try again")
            body = {name: value for name, value in record.body.items() if name != "address"}
            if spelling(record) != str(there):
                body["address"] = spelling(record)
            return None, [
                Delete(record.key, unchanged(record)),
                Put(address_key(there), body, condition=unchanged(None)),
                *_listings(record, here, there),
                self._patterns_moved(here, there),
            ]

        self._changed(plan)

    def _patterns_moved(self, here: Address, there: Address) -> Write:
        record = self._domain_record(domain_key(here.domain))
        domain = domain_of(record)
        if here.local not in domain.patterns:
            return Check(record.key, unchanged(record))
        patterns = {*domain.patterns, there.local} - {here.local}
        return self._put_domain(replace(domain, patterns=most_specific_first(patterns)), record)


def _listings(record: Record, here: Address, there: Address) -> list[Write]:
    body = record.body
    kinds = ["account"] if body["account"] else []
    if body["targets"]:
        kinds.append("masked" if body.get("owner") else "alias")
    gone: list[Write] = [Delete(listing_key(here, kind)) for kind in kinds]
    return [*gone, *(Put(listing_key(there, kind), {}) for kind in kinds)]


def _refuse_conflicts(addresses: Iterable[Address]) -> None:
    first: dict[Address, Address] = {}
    conflicts: dict[str, None] = {}
    for address in addresses:
        other = first.setdefault(undotted(address), address)
        if other != address:
            conflicts[f"{other} and {address}"] = None
    if conflicts:
        shown = ", ".join(list(conflicts)[:_SHOWN])
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise InUse(f"without dots these would be one: {shown}{more}: remove one of each first")


def _parts(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain
