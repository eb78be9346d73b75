"""Port: work to be done, at least once, in no promised order, in the shape of SQS."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

# Limits of SQS, kept by every adapter (TooLarge).
LARGEST_BODY = 256 * 1024  # octets of UTF-8
LONGEST_DELAY = 900  # seconds
LARGEST_BATCH = 10
LONGEST_VISIBILITY = 12 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Letter:
    """One message taken from a queue. It comes back unless deleted within the visibility time."""

    id: str
    body: str
    receipt: str  # good for this receive only
    receive_count: int  # 1 at the first receive
    sent: int  # milliseconds since 1970


class Queue(Protocol):
    """All methods may raise StoreUnavailable.

    A letter received more than the queue's ``max_receives`` times without being deleted moves to
    its dead-letter queue (another Queue) instead of being received once more.
    """

    def send(self, body: str, delay: int = 0) -> None:
        """Add a letter. On return it survives a crash. *delay* seconds pass before it is seen."""

    def send_soon(self, body: str, delay: int = 0) -> "Future[None]":
        """``send`` without waiting. TooLarge is raised at once."""

    def receive(self, most: int = LARGEST_BATCH, wait: float = 0.0) -> list[Letter]:
        """Take up to *most* letters and hide them for the queue's visibility time.

        Waits up to *wait* seconds (20 at most) for the first one; a sender in any process wakes it.
        """

    def delete(self, receipts: Sequence[str]) -> None:
        """The letters are done with. Unknown and outdated receipts are no error."""

    def hide(self, receipt: str, seconds: int) -> None:
        """Let the letter be seen again in *seconds* from now (0: at once)."""

    def depth(self) -> tuple[int, int]:
        """Return about how many letters wait (delayed ones included) and how many are taken."""
