"""A message that one of our users sends: its header is looked at, and mended, before any of it
is stored."""

from collections.abc import Sequence

from gateway.crossing import Crossing
from gateway.smtp import replies
from gateway.smtp.fixups import mended, split_header
from gateway.smtp.incoming import Incoming
from gateway.smtp.limits import SmtpLimits
from postroom.app import App
from postroom.message.headers import Field

_UNIQUE_OCTETS = 12


class Outgoing(Incoming):
    def __init__(self, app: App, crossing: Crossing, limits: SmtpLimits) -> None:
        super().__init__(app, crossing, limits)
        # The header is in memory whole when the first piece goes to the store.
        self._spill_at = max(limits.in_memory, limits.header_seen + 4)
        self._header_limit = limits.header_seen
        self.examined = False

    def header(self, *, whole: bool) -> bytes | None:
        """The fields, or None when they are too many: `refusal` is set. *whole*: all has come."""
        text = b"".join(self._pieces)
        self._pieces = [text]
        found = split_header(text, whole=whole)
        if found is None or len(found[0]) > self._header_limit:
            self.refuse(replies.HEADER_TOO_LARGE)
            return None
        return found[0]

    def mend(self, header: bytes, found: Sequence[Field], hostname: str) -> None:
        """*header* is what `header` returned, and *found* are its fields."""
        self.examined = True
        seconds = self._app.clock.seconds()

        def unique() -> str:
            return f"{int(seconds):x}.{self._app.randomness.octets(_UNIQUE_OCTETS).hex()}"

        new = mended(header, found, seconds=seconds, unique=unique, hostname=hostname)
        if new != header:
            [text] = self._pieces
            self._pieces = [new, text[len(header) :]]
            self.size += len(new) - len(header)
