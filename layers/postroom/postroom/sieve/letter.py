"""The message as a script sees it: header fields decoded once, parts, and the script's edits."""

from collections.abc import Sequence


class Letter:
    """``text`` is the message as it came, header first. Line ends are CRLF."""

    def __init__(self, text: bytes) -> None:
        self.original = text

    @property
    def size(self) -> int:
        """Octets of the message as it came (RFC 5228 section 5.9)."""
        return len(self.original)

    def values(self, name: str) -> Sequence[str]:
        """Values of every field of that name (lower case), in order: unfolded, trimmed, with
        encoded words decoded (RFC 5228 section 2.4.2.2)."""
        raise NotImplementedError

    @property
    def edited(self) -> bytes | None:
        """The text as the script has made it, or None when it is as it came."""
        raise NotImplementedError
