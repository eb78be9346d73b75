"""What the parts of the directory share: the table, and changes that lose nobody else's."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from postroom.directory.addresses import Address, canonical
from postroom.directory.errors import InUse, NotThere
from postroom.directory.filing import Body, address_key, domain_key, domain_of, spelling, unchanged
from postroom.directory.lookup import Reader, undotted
from postroom.directory.records import Domain
from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import Check, Key, Put, Record, Table, Value, Write

_TRIES = 50
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is filed for an address of ours, exactly that one, at the moment it was read."""

    place: Address  # as it was written
    filed: Address  # as it is filed, or would be
    record: Record | None
    domain: Domain
    domain_record: Record

    @property
    def body(self) -> Body:
        return {} if self.record is None else self.record.body

    @property
    def spelling(self) -> str:
        """The address as its owner spells it."""
        return str(self.place) if self.record is None else spelling(self.record)

    @property
    def domain_stays(self) -> Check:
        """Fails when the domain was removed, or changed so that the address lies elsewhere."""
        return Check(self.domain_record.key, unchanged(self.domain_record))


class Register:
    def __init__(self, table: Table, clock: Clock, randomness: Randomness) -> None:
        self._table = table
        self._clock = clock
        self._randomness = randomness
        self._reader = Reader(table)

    def _changed(self, plan: Callable[[], tuple[Result, Sequence[Write]]]) -> Result:
        """Do the writes that *plan* makes of what it reads; have it plan again when another
        change came between. Its writes carry the conditions that notice."""
        for _ in range(_TRIES):
            result, writes = plan()
            try:
                self._table.write(*writes)
            except ConditionFailed:
                continue
            return result
        raise StoreUnavailable("the directory: too many change the same record at once")

    def _put_address(self, standing: Standing, body: Mapping[str, Value]) -> Put:
        fresh = {**body, "revision": self._token()}
        if standing.spelling != str(standing.filed):
            fresh["address"] = standing.spelling
        return Put(address_key(standing.filed), fresh, condition=unchanged(standing.record))

    def _stand(self, address: str) -> Standing:
        """Raises BadAddress; NotThere and InUse when its domain keeps no addresses of its own."""
        place = canonical(address)
        keys = [domain_key(place.domain), *map(address_key, {place, undotted(place)})]
        found = self._table.get_many(keys)
        domain_record = found.get(keys[0])
        if domain_record is None:
            raise NotThere("domain", place.domain)
        domain = domain_of(domain_record)
        if domain.alias_of:
            raise InUse(f"{place.domain} stands for {domain.alias_of}: name the address there")
        return standing_of(place, domain_record, found.get)

    def _token(self) -> str:
        return base64.b32encode(self._randomness.octets(10)).decode("ascii").lower()


def standing_of(
    place: Address, domain_record: Record, get: Callable[[Key], Record | None]
) -> Standing:
    """*get* returns the record of a key that was read: of the place, and of it without dots."""
    domain = domain_of(domain_record)
    filed, record = place, get(address_key(place))
    if record is None and domain.dots_ignored:
        filed = undotted(place)
        record = get(address_key(filed))
    return Standing(place, filed, record, domain, domain_record)
