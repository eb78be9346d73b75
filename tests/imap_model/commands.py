"""What kind of client there is, and a command with what came for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.imap_model.responses import Response

_BY_NUMBER = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")

_IN_SELECTED = (*_BY_NUMBER, "COPY", "MOVE", "EXPUNGE", "SELECT", "EXAMINE")


@dataclass(frozen=True)
class Kind:
    name: str
    enable: tuple[str, ...] = ()
    notify: str = ""  # events, for NOTIFY SET (RFC 5465)
    compress: bool = False
    pipelines: bool = False
    idles: float = 0.1  # how often
    cuts: float = 0.0  # how often a command is cut short
    visits: bool = False  # another user, with whom the mailboxes are shared (RFC 4314)

    @property
    def qresync(self) -> bool:
        return "QRESYNC" in self.enable

    @property
    def mod_seqs(self) -> bool:
        return self.qresync or "CONDSTORE" in self.enable

    @property
    def uid_only(self) -> bool:
        return "UIDONLY" in self.enable

    @property
    def at_once(self) -> bool:
        """Messages may go between commands, so numbers mean nothing to it (RFC 5465 section
        5.3)."""
        return self.notify.startswith("(SELECTED ")

    @property
    def numbers(self) -> bool:
        """It may use them in commands."""
        return not (self.uid_only or self.at_once)


@dataclass
class Command:
    text: str
    literals: Sequence[bytes] = ()  # each stands after the text so far that ends in {n} or {n+}
    untagged: list[Response] = field(default_factory=list)
    reply: Response | None = None
    sent: int = 0  # the ledger's time
    tag: bytes = b""

    @property
    def numbers_stay(self) -> bool:
        """EXPUNGE may not come (RFC 9051 section 7.5.1)."""
        return self.text.split(" ", 1)[0] in _BY_NUMBER

    @property
    def is_for_selected(self) -> bool:
        """It is about the mailbox that is selected, or is by the end."""
        return self.text.removeprefix("UID ").split(" ", 1)[0] in _IN_SELECTED

    @property
    def ok(self) -> bool:
        return self.reply is not None and self.reply.name == b"OK"

    @property
    def code(self) -> list[bytes]:
        return self.reply.code if self.reply is not None else []

    def code_of(self, name: bytes) -> list[bytes]:
        """A response code of the reply, or of an untagged OK before it."""
        for response in [*self.untagged, *([self.reply] if self.reply else [])]:
            if response.code and response.code[0] == name:
                return response.code
        return []
