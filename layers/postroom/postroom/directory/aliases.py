"""Aliases: addresses whose mail goes to others."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from postroom.directory.accounts import Accounts
from postroom.directory.addresses import BadAddress, canonical, canonical_domain, outside
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.filing import (
    address_key,
    alias_in,
    domain_key,
    filed_address,
    listing_key,
    unchanged,
    with_alias,
    without_alias,
)
from postroom.directory.patterns import (
    MOST_PATTERNS,
    check_pattern,
    is_pattern,
    most_specific_first,
)
from postroom.directory.records import Alias, AliasKind
from postroom.directory.register import Standing
from postroom.platform.table import Delete, Put, Record, Write

MOST_ALIAS_TARGETS = 1_000
LONGEST_NOTE = 500  # letters


class Aliases(Accounts):
    def add_alias(self, alias: Alias) -> Alias:
        """Send the mail of an address to others, replacing no alias that is there.

        Targets may lie in other domains. Returns it as it is kept. Raises AlreadyThere, NotThere
        (the alias' own domain), BadAddress, InUse (too many targets, or none).
        """
        return self._put_alias(alias, replacing=False)

    def set_alias(self, alias: Alias) -> Alias:
        """`add_alias`, or replace the alias that is there."""
        return self._put_alias(alias, replacing=True)

    def change_alias(self, address: str, change: Callable[[Alias], Alias]) -> Alias:
        """*change* gets the alias as it is, and may be called again when others change it as
        well; the address stays. Raises NotThere, BadAddress, InUse (as `add_alias`)."""

        def plan() -> tuple[Alias, list[Write]]:
            standing = self._stand(address)
            before = None if standing.record is None else alias_in(standing.record)
            if before is None:
                raise NotThere("alias", str(standing.place))
            after = self._checked(replace(change(before), address=before.address))
            return after, self._alias_writes(standing, after)

        return self._changed(plan)

    def alias(self, address: str) -> Alias | None:
        """The alias of exactly that address, whether or not it is open."""
        found = self.alias_with_kind(address)
        return None if found is None else found[0]

    def alias_with_kind(self, address: str) -> tuple[Alias, AliasKind] | None:
        try:
            record = self._stand(address).record
        except (BadAddress, NotThere, InUse):
            return None
        alias = None if record is None else alias_in(record)
        return None if record is None or alias is None else (alias, _kind(record))

    def aliases(self, domain: str) -> Iterator[Alias]:
        """All of them, patterns and forwards included, in order of their addresses; read as they
        are asked for."""
        return (alias for alias, _ in self.aliases_by_kind(domain))

    def aliases_by_kind(self, domain: str) -> Iterator[tuple[Alias, AliasKind]]:
        """`aliases`, with the kind of each."""
        for record in self._listed(domain, "alias"):
            alias = alias_in(record)
            if alias is not None:
                yield alias, _kind(record)

    def remove_alias(self, address: str) -> None:
        """An account on the same address stays. Raises NotThere."""

        def plan() -> tuple[None, list[Write]]:
            standing = self._stand(address)
            record = standing.record
            if record is None or alias_in(record) is None:
                raise NotThere("alias", str(standing.place))
            gone = Delete(listing_key(standing.filed, "alias"))
            if standing.body["account"]:
                return None, [self._put_address(standing, without_alias(standing.body)), gone]
            return None, [
                Delete(address_key(standing.filed), unchanged(record)),
                gone,
                *self._without_pattern(standing),
            ]

        self._changed(plan)

    def set_answering(self, address: str, on: bool) -> str:
        """Say whether an address answers by itself: an alias or an account's own. Returns it as
        `Route.answering` will name it. Raises NotThere, InUse (a pattern), BadAddress."""

        def plan() -> tuple[str, list[Write]]:
            standing = self._stand(address)
            if standing.record is None:
                raise NotThere("account or alias", str(standing.place))
            if is_pattern(standing.place):
                raise InUse(f"{standing.place} is no address to answer from: let a target answer")
            body = {name: value for name, value in standing.body.items() if name != "answers"}
            if on:
                body["answers"] = True
            return standing.spelling, [self._put_address(standing, body)]

        return self._changed(plan)

    def _put_alias(self, alias: Alias, replacing: bool) -> Alias:
        alias = self._checked(alias)

        def plan() -> tuple[Alias, list[Write]]:
            standing = self._stand(alias.address)
            if standing.body.get("targets") and (not replacing or standing.body.get("owner")):
                what = "masked address" if standing.body.get("owner") else "alias"
                raise AlreadyThere(what, str(standing.place))
            return replace(alias, address=standing.spelling), self._alias_writes(standing, alias)

        return self._changed(plan)

    def _alias_writes(self, standing: Standing, alias: Alias) -> list[Write]:
        body = with_alias(standing.body, alias)
        put = self._put_address(standing, body)
        domain = standing.domain
        changed: Write = standing.domain_stays
        local = standing.filed.local
        if is_pattern(standing.place) and local not in domain.patterns:
            check_pattern(standing.place)
            if len(domain.patterns) >= MOST_PATTERNS:
                raise InUse(f"{domain.name} has {MOST_PATTERNS} patterns already: remove one first")
            patterns = most_specific_first([*domain.patterns, local])
            changed = self._put_domain(replace(domain, patterns=patterns), standing.domain_record)
        return [put, Put(listing_key(standing.filed, "alias"), {}), changed]

    def _without_pattern(self, standing: Standing) -> list[Write]:
        domain, local = standing.domain, standing.filed.local
        if local not in domain.patterns:
            return []
        left = tuple(pattern for pattern in domain.patterns if pattern != local)
        return [self._put_domain(replace(domain, patterns=left), standing.domain_record)]

    def _checked(self, alias: Alias) -> Alias:
        return checked(alias, self._ours([alias]))

    def _ours(self, aliases: Iterable[Alias]) -> set[str]:
        """Those domains of the targets that are ours."""
        names: dict[str, None] = {}
        for alias in aliases:
            for target in alias.targets:
                with suppress(BadAddress):
                    names[canonical_domain(target.rpartition("@")[2])] = None
        found = self._table.get_many([domain_key(name) for name in names])
        return {name for name in names if domain_key(name) in found}


def _kind(record: Record) -> AliasKind:
    if record.body["account"]:
        return "forward"
    return "pattern" if is_pattern(filed_address(record.key)) else "alias"


def checked(alias: Alias, ours: Collection[str]) -> Alias:
    """The alias with its targets each once, canonical where their domain is among *ours*.

    Raises BadAddress, InUse (no targets, or too many).
    """
    targets = tuple(dict.fromkeys(_target(address, ours) for address in alias.targets))
    if not 1 <= len(targets) <= MOST_ALIAS_TARGETS:
        raise InUse(
            f"an alias has 1 to {MOST_ALIAS_TARGETS} targets, this has {len(targets)}"
            + (": more is a mailing list" if targets else "")
        )
    return replace(alias, targets=targets, note=" ".join(alias.note.split())[:LONGEST_NOTE])


def _target(address: str, ours: Collection[str]) -> str:
    here = canonical_domain(address.rpartition("@")[2]) in ours
    return str(canonical(address)) if here else outside(address)
