"""How far a command has come that takes long (RFC 9585)."""

from gateway.imap import responses


class Progress:
    """Of the command that runs. Whoever works through many messages notes it here; when the client
    has waited for some time, it is told."""

    __slots__ = ("_done", "_done_before", "_goal", "_goal_of_all", "_since", "_tag", "silent")

    def __init__(self) -> None:
        self._tag = b""  # of the command, b"" when none runs
        self._since = 0.0  # of the loop's clock: when it began, or was spoken of last
        self._done: int | None = None
        self._goal: int | None = None
        self._done_before = self._goal_of_all = 0
        self.silent = False  # a response has been begun, and nothing may come between

    def begin(self, tag: bytes, now: float) -> None:
        self._tag, self._since = tag, now
        self._done = self._goal = None
        self._done_before = self._goal_of_all = 0

    def end(self) -> None:
        self._tag = b""
        self.silent = False

    def expect(self, goal: int) -> None:
        """The command works through so many messages, in several mailboxes."""
        self._goal_of_all, self._done_before = goal, 0

    def next_part(self, goal: int) -> None:
        """A mailbox with so many is done with."""
        self._done_before += goal

    def note(self, done: int, goal: int) -> None:
        """*done* of *goal* messages are dealt with, and *done* is less."""
        self._done = self._done_before + done
        self._goal = self._goal_of_all or goal

    def due(self, now: float, seconds: float) -> bytes:
        """The untagged OK, if the client has heard nothing of the command for so long."""
        if not self._tag or self.silent or now - self._since < seconds:
            return b""
        self._since = now
        # A "]" would end the code where some clients look for its end.
        # Only a quoted string may name it (section 5).
        tag = responses.string(self._tag)
        if b"]" in self._tag or not tag.startswith(b'"'):
            tag = b"NIL"
        # A goal that is reached would be none (section 4): a mailbox has grown meanwhile.
        reached = self._done is not None and self._goal is not None and self._done >= self._goal
        state = b"%b %b %b" % (tag, _number(self._done), _number(None if reached else self._goal))
        return responses.untagged(b"OK", "Still at it", b"INPROGRESS (" + state + b")")


def _number(number: int | None) -> bytes:
    return b"NIL" if number is None else b"%d" % number
