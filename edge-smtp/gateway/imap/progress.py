"""How far a command has come that takes long (RFC 9585)."""

from gateway.imap import responses


class Progress:
    """Of the command that runs. Whoever works through many messages notes it here; when the client
    has waited for some time, it is told."""

    __slots__ = ("_done", "_goal", "_since", "_tag", "silent")

    def __init__(self) -> None:
        self._tag = b""  # of the command, b"" when none runs
        self._since = 0.0  # of the loop's clock: when it began, or was spoken of last
        self._done: int | None = None
        self._goal: int | None = None
        self.silent = False  # a response has been begun, and nothing may come between

    def begin(self, tag: bytes, now: float) -> None:
        self._tag, self._since = tag, now
        self._done = self._goal = None

    def end(self) -> None:
        self._tag = b""
        self.silent = False

    def note(self, done: int, goal: int) -> None:
        """*done* of *goal* messages are dealt with."""
        self._done, self._goal = done, goal

    def due(self, now: float, seconds: float) -> bytes:
        """The untagged OK, if the client has heard nothing of the command for so long."""
        if not self._tag or self.silent or now - self._since < seconds:
            return b""
        self._since = now
        # A "]" would end the code where some clients look for its end.
        tag = b"NIL" if b"]" in self._tag else responses.string(self._tag)
        state = b"%b %b %b" % (tag, _number(self._done), _number(self._goal))
        return responses.untagged(b"OK", "Still at it", b"INPROGRESS (" + state + b")")


def _number(number: int | None) -> bytes:
    return b"NIL" if number is None else b"%d" % number
