"""Many aliases at once: an import of a hundred thousand lines is a few thousand requests."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from postroom.directory.addresses import Address, BadAddress, canonical
from postroom.directory.aliases import Aliases, checked
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.filing import address_key, alias_in, domain_key, domain_of
from postroom.directory.lookup import undotted
from postroom.directory.patterns import check_pattern, is_pattern
from postroom.directory.records import Alias
from postroom.directory.register import Standing, standing_of
from postroom.errors import ConditionFailed, PostroomError, StoreUnavailable, TooLarge
from postroom.platform.table import Key, Record, Write

_TOGETHER = 33  # aliases in one transaction, each with its domain at worst: 99 writes


class Outcome(NamedTuple):
    """What became of one alias of a batch."""

    change: Literal["added", "changed", "same", "refused"]
    filed: str = ""  # its address as it is filed
    reason: str = ""  # of a refusal


class _Planned(NamedTuple):
    number: int  # its place in the batch
    alias: Alias
    standing: Standing


class AliasBatches(Aliases):
    def put_aliases(self, aliases: Sequence[Alias], *, dry: bool = False) -> list[Outcome]:
        """`set_alias` of each. A refusal stops nothing else; repeats are harmless.

        With *dry* nothing is written, and the outcomes are the same, but for a domain that would
        get too many patterns. A few hundred at once are a good number: they are held in memory.
        Raises StoreUnavailable; some may then be done.
        """
        outcomes: dict[int, Outcome] = {}
        planned = []
        ours = self._ours(aliases)
        for number, standing in enumerate(self._stand_all(aliases)):
            try:
                if isinstance(standing, PostroomError):
                    raise standing
                alias = checked(aliases[number], ours)
                outcomes[number] = outcome = _outcome(alias, standing)
                if outcome.change != "same":
                    planned.append(_Planned(number, alias, standing))
            except PostroomError as error:
                outcomes[number] = Outcome("refused", reason=str(error))
        if not dry:
            for number, reason in self._put_planned(planned):
                outcomes[number] = Outcome("refused", reason=reason)
        return [outcomes[number] for number in range(len(aliases))]

    def filed(self, addresses: Sequence[str]) -> list[str]:
        """The addresses as `names` gives them, so that those that are one are the same; what is
        no address, as it is."""
        places = [_place(address) for address in addresses]
        domains = self._domain_records(places)
        found = []
        for address, place in zip(addresses, places, strict=True):
            if isinstance(place, PostroomError):
                found.append(address)
                continue
            record = domains.get(domain_key(place.domain))
            ignored = record is not None and domain_of(record).dots_ignored
            found.append(str(undotted(place) if ignored else place))
        return found

    def _put_planned(self, planned: Sequence[_Planned]) -> Iterator[tuple[int, str]]:
        """Yields those that failed after all, with the reason."""
        alone, together, names = [], [], set()
        for one in planned:
            # A pattern changes its domain; an address that comes twice would be written twice.
            if is_pattern(one.standing.place) or one.standing.filed in names:
                alone.append(one)
            else:
                names.add(one.standing.filed)
                together.append(one)
        for start in range(0, len(together), _TOGETHER):
            part = together[start : start + _TOGETHER]
            writes: dict[Key, Write] = {}
            for one in part:
                found = self._alias_writes(one.standing, one.alias)
                writes.update((write.key, write) for write in found)
            try:
                self._table.write(*writes.values())
            except (ConditionFailed, TooLarge):
                alone = [*part, *alone]
        for one in alone:
            try:
                self.set_alias(one.alias)
            except StoreUnavailable:
                raise
            except PostroomError as error:
                yield one.number, str(error)

    def _stand_all(self, aliases: Sequence[Alias]) -> Iterator[Standing | PostroomError]:
        """`_stand` of each, in two reads for all."""
        places = [_place(alias.address) for alias in aliases]
        domains = self._domain_records(places)
        keys = dict.fromkeys(
            address_key(spelled)
            for place in places
            if isinstance(place, Address) and domain_key(place.domain) in domains
            for spelled in (place, undotted(place))
        )
        found = self._table.get_many(list(keys))
        for place in places:
            yield place if isinstance(place, PostroomError) else _standing(place, domains, found)

    def _domain_records(self, places: Sequence[Address | PostroomError]) -> dict[Key, Record]:
        keys = (domain_key(place.domain) for place in places if isinstance(place, Address))
        return self._table.get_many(list(dict.fromkeys(keys)))


def _place(address: str) -> Address | PostroomError:
    try:
        return canonical(address)
    except BadAddress as error:
        return error


def _standing(
    place: Address, domains: dict[Key, Record], found: dict[Key, Record]
) -> Standing | PostroomError:
    record = domains.get(domain_key(place.domain))
    if record is None:
        return NotThere("domain", place.domain)
    original = domain_of(record).alias_of
    if original:
        return InUse(f"{place.domain} stands for {original}: name the address there")
    return standing_of(place, record, found.get)


def _outcome(alias: Alias, standing: Standing) -> Outcome:
    """What putting the alias would do. Raises AlreadyThere, BadAddress."""
    if is_pattern(standing.place):
        check_pattern(standing.place)
    before = None if standing.record is None else alias_in(standing.record)
    filed = str(standing.filed)
    if before is None:
        if standing.body.get("owner"):
            raise AlreadyThere("masked address", str(standing.place))
        return Outcome("added", filed)
    same = (before.targets, before.enabled, before.expires, before.note) == (
        alias.targets,
        alias.enabled,
        alias.expires,
        alias.note,
    )
    return Outcome("same" if same else "changed", filed)
