"""What a script may ask beyond the message: its envelope, and the world it is delivered into."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from postroom.sieve.engine import Program


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5228 section 5.4, RFC 6009 section 3. Addresses without angle brackets."""

    sender: str  # reverse-path, "" for the null one
    recipient: str  # forward-path that led to this delivery
    notify: tuple[str, ...] = ()
    original: str = ""  # ORCPT as given
    ret: str = ""
    envid: str = ""
    by: int | None = None  # seconds left until deliver_by
    by_mode: str = ""
    separator: str = "+"  # each of its characters may stand before a detail (RFC 5233); "": none


class World(Protocol):
    """Each question is asked only when a script comes to it, and may cost a read."""

    def now(self) -> datetime:
        """The moment of this delivery, with its user's time zone: the same at every call."""

    def environment(self, item: str) -> str | None:
        """An item of RFC 5183 section 4.1 in lower case; None when it is not known."""

    def mailbox_exists(self, name: str) -> bool:
        """Whether mail can be filed there (RFC 5490 section 3.1). False for names that are none."""

    def mailbox_id_exists(self, mailbox_id: str) -> bool:
        """RFC 9042 section 3."""

    def special_use_exists(self, mailbox: str | None, uses: Collection[str]) -> bool:
        """Whether some mailbox, or this one, has each of the uses (RFC 8579 section 3)."""

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        """Value of an annotation of a mailbox, or of the server (None) (RFC 5490 section 3.3)."""

    def has_list(self, name: str) -> bool:
        """Whether there is such an external list (RFC 6134 section 2.8)."""

    def in_list(self, name: str, value: str) -> bool:
        """Whether the list holds the value, as the list compares (RFC 6134 section 2.2)."""

    def seen(self, handle: str, unique_id: str) -> bool:
        """Whether another message than this one was noted so (RFC 7352)."""

    def spam(self) -> tuple[float, float] | None:
        """How likely spam, and of how much: (0.8, 1.0); None when nobody looked (RFC 5235)."""

    def virus(self) -> int | None:
        """0 to 5 as RFC 5235 section 2.3 says; None when nobody looked."""

    def script(self, location: Literal["personal", "global"], name: str) -> "Program | None":
        """The script of that name, to be included (RFC 6609). Raises ScriptError."""
