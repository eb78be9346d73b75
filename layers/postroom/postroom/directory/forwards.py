"""Forwarding: all mail of an account goes on to other addresses, and is kept as well or not."""

from collections.abc import Sequence

from postroom.directory.addresses import Address, BadAddress, canonical
from postroom.directory.aliases import Aliases
from postroom.directory.errors import InUse, NotThere
from postroom.directory.filing import alias_in
from postroom.directory.lookup import undotted
from postroom.directory.records import Alias, Forward
from postroom.directory.register import Standing
from postroom.platform.table import Write


class Forwards(Aliases):
    def set_forward(self, address: str, targets: Sequence[str], *, keep: bool) -> Forward:
        """Send all mail of the account with that primary address to *targets*, and with *keep*
        into its mailbox as well; in place of what was there.

        Raises NotThere (the account), BadAddress, InUse (no targets, or too many).
        """

        def plan() -> tuple[Forward, list[Write]]:
            standing, account = self._primary(address)
            others = [target for target in targets if not _is(target, standing)]
            if not others:
                raise InUse(f"{account.address} forwards to nobody else: name another address")
            kept = [account.address] if keep else []
            alias = self._checked(Alias(account.address, (*kept, *others)))
            return _forward(alias, standing), self._alias_writes(standing, alias)

        return self._changed(plan)

    def forward(self, address: str) -> Forward | None:
        """Where the mail of the account with that primary address goes on to; None when it just
        stays. Raises NotThere, BadAddress."""
        standing, _ = self._primary(address)
        alias = None if standing.record is None else alias_in(standing.record)
        if alias is None or not alias.is_open(self._clock.seconds()):
            return None
        return _forward(alias, standing)

    def clear_forward(self, address: str) -> None:
        """Raises NotThere (the account, or what it forwards to)."""
        self._primary(address)
        try:
            self.remove_alias(address)
        except NotThere:
            raise NotThere("forwarding of", address) from None


def _forward(alias: Alias, standing: Standing) -> Forward:
    others = tuple(target for target in alias.targets if not _is(target, standing))
    return Forward(alias.address, others, len(others) < len(alias.targets))


def _is(target: str, standing: Standing) -> bool:
    """Whether a target is the address itself."""
    try:
        place: Address = canonical(target)
    except BadAddress:
        return False
    if standing.domain.dots_ignored and place.domain == standing.filed.domain:
        return undotted(place) == undotted(standing.filed)
    return place == standing.filed
