"""Masked addresses: made by a user alone, one for each correspondent, and taken back one by one.

Their local part is random: two proquints (https://arxiv.org/html/0901.4016, five letters that
can be pronounced for 16 bits) and four digits, ``lusab.babad.4821``: 45 bits. Whoever tries a
hundred addresses a second at a domain with a thousand masked ones needs more than ten years to
hit one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from postroom.directory.addresses import Address, BadAddress, canonical
from postroom.directory.aliases import Aliases
from postroom.directory.errors import InUse, NotThere
from postroom.directory.filing import (
    account_key,
    address_key,
    listing_key,
    masked_body,
    masked_key,
    masked_of,
    unchanged,
    with_masked,
)
from postroom.directory.records import Account, Masked
from postroom.directory.register import Standing
from postroom.platform.table import Check, Delete, Present, Put, Record, Write, prefix_end

MOST_MASKED = 1_000  # of an account; two who add at once may end one above
LONGEST_WORDS = 200  # letters of a site or note
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_RANDOM_OCTETS = 8


class MaskedAddresses(Aliases):
    def add_masked(self, account: str, site: str = "", note: str = "", expires: int = 0) -> Masked:
        """Make an address, in the domain of the account with this id.

        *site* is whom it is for, best as a domain: who else writes to it can then be told.
        Raises NotThere, InUse (there are MOST_MASKED).
        """
        if sum(1 for _ in islice(self._masked_records(account), MOST_MASKED)) >= MOST_MASKED:
            raise InUse(f"there are {MOST_MASKED} masked addresses already: remove one first")
        now = int(self._clock.seconds())
        made = Masked("", account, _words(site), _words(note), now, expires=expires)

        def plan() -> tuple[Masked, list[Write]]:
            owner = self._owner(account)
            domain = canonical(owner.address).domain
            address = Address(masked_local_part(self._randomness.octets(_RANDOM_OCTETS)), domain)
            standing = self._stand(str(address))
            if standing.record is not None:  # taken: another one
                return plan()
            masked = replace(made, address=str(address))
            return masked, [
                *self._masked_writes(standing, masked, owner),
                Put(listing_key(standing.filed, "masked"), {}),
                standing.domain_stays,
                Check(account_key(account), Present()),
            ]

        return self._changed(plan)

    def masked(self, account: str) -> list[Masked]:
        """All of the account with this id, the newest first."""
        found = [masked_of(record, account) for record in self._masked_records(account)]
        return sorted(found, key=lambda masked: (-masked.created, masked.address))

    def masked_at(self, address: str) -> Masked | None:
        """The masked address of that name, whoever owns it."""
        try:
            standing = self._stand(address)
        except (BadAddress, NotThere, InUse):
            return None
        owner = str(standing.body.get("owner", ""))
        record = self._table.get(masked_key(owner, standing.spelling)) if owner else None
        return None if record is None else masked_of(record, owner)

    def change_masked(
        self, account: str, address: str, change: Callable[[Masked], Masked]
    ) -> Masked:
        """Change site, note, expiry, or whether it is enabled. *change* gets the address as it
        is. Raises NotThere, also for an address of somebody else."""

        def plan() -> tuple[Masked, list[Write]]:
            standing, before = self._masked_of(account, address)
            wanted = change(before)
            after = replace(
                before,
                site=_words(wanted.site),
                note=_words(wanted.note),
                enabled=wanted.enabled,
                expires=wanted.expires,
            )
            return after, self._masked_writes(standing, after, self._owner(account))

        return self._changed(plan)

    def remove_masked(self, account: str, address: str) -> None:
        """Raises NotThere, also for an address of somebody else."""

        def plan() -> tuple[None, list[Write]]:
            standing, masked = self._masked_of(account, address)
            return None, [
                Delete(address_key(standing.filed), unchanged(standing.record)),
                Delete(masked_key(account, masked.address)),
                Delete(listing_key(standing.filed, "masked")),
            ]

        self._changed(plan)

    def remove_account(self, address: str) -> Account:
        # Before: a masked address without an account would be taken mail for. After: one that
        # was made in between.
        _, account = self._primary(address)
        self._remove_all_masked(account.id)
        removed = super().remove_account(address)
        self._remove_all_masked(removed.id)
        return removed

    def _remove_all_masked(self, account: str) -> None:
        for masked in self.masked(account):
            self.remove_masked(account, masked.address)

    def _masked_records(self, account: str) -> Iterator[Record]:
        prefix = "masked/"
        return self._table.range(f"account/{account}", prefix, prefix_end(prefix))

    def _masked_of(self, account: str, address: str) -> tuple[Standing, Masked]:
        try:
            standing = self._stand(address)
        except BadAddress:
            raise NotThere("masked address", address) from None
        record = self._table.get(masked_key(account, standing.spelling))
        if record is None or standing.body.get("owner") != account:
            raise NotThere("masked address", address)
        return standing, masked_of(record, account)

    def _masked_writes(self, standing: Standing, masked: Masked, owner: Account) -> list[Write]:
        return [
            self._put_address(standing, with_masked(standing.body, masked, owner.address)),
            Put(masked_key(masked.account, masked.address), masked_body(masked)),
        ]

    def _owner(self, account: str) -> Account:
        found = self.account_by_id(account)
        if found is None:
            raise NotThere("account", account)
        return found


def masked_local_part(octets: bytes) -> str:
    """*octets* are eight random ones; the last four make the digits, almost evenly."""
    words = [_proquint(int.from_bytes(octets[start : start + 2], "big")) for start in (0, 2)]
    return ".".join([*words, f"{int.from_bytes(octets[4:], 'big') % 10_000:04}"])


def _proquint(bits: int) -> str:
    first, second, third = bits >> 12, bits >> 6 & 15, bits & 15
    vowels = _VOWELS[bits >> 10 & 3], _VOWELS[bits >> 4 & 3]
    return _CONSONANTS[first] + vowels[0] + _CONSONANTS[second] + vowels[1] + _CONSONANTS[third]


def _words(text: str) -> str:
    return " ".join(text.split())[:LONGEST_WORDS]
