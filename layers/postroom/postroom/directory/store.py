"""The directory over the Table port: `directory.filing` tells of its records."""

from collections.abc import Sequence

from postroom.directory.addresses import BadAddress, canonical, outside
from postroom.directory.alias_batches import AliasBatches
from postroom.directory.dots import Dots
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.filing import number, open_targets
from postroom.directory.forwards import Forwards
from postroom.directory.groups import Groups
from postroom.directory.lookup import find
from postroom.directory.masked import MaskedAddresses
from postroom.directory.records import Route, Verdict
from postroom.directory.routes import routes

__all__ = ["AlreadyThere", "Directory", "InUse", "NotThere"]


class Directory(Dots, Forwards, MaskedAddresses, AliasBatches, Groups):
    """Everything that is known of addresses; what mail asks of it, here."""

    def verdict(self, address: str) -> Verdict:
        """Answer one RCPT TO: exact address, detail, domain alias, pattern, catch-all, in one
        table read; in two when this process has not met a domain that has more than ``+`` to
        it, or that was just changed.

        ``postmaster`` without a domain is that of our first domain (RFC 5321 section 4.5.1).
        Never raises on a strange address: it is unknown.
        """
        if address.lower() == "postmaster":
            first = next(self._table.range("domains", limit=1), None)
            address = f"postmaster@{first.key.sort}" if first is not None else address
        try:
            domain, entry = self._reader.answer(lambda known: find(address, known))
            if domain is None:
                return Verdict("elsewhere", outside(address))
            place = str(canonical(address))
        except BadAddress:
            return Verdict("unknown")
        if entry is None:
            return Verdict("unknown", place)
        body = entry.record.body
        if open_targets(entry.record, self._clock.seconds()):
            return Verdict("local", place)
        if not body["account"]:  # an alias that is closed
            return Verdict("unknown", place)
        if not body["enabled"]:
            return Verdict("disabled", place)
        return Verdict("local", place, str(body["account"]), number(body["quota"]))

    def routes(self, recipients: Sequence[str]) -> list[Route]:
        """Where the mail of each recipient goes; one table read for each level of aliases."""
        now = self._clock.seconds()
        return self._reader.answer(lambda known: routes(recipients, known, now))
