"""Why there is nowhere to deliver to."""

from postroom.errors import PostroomError


class Unroutable(PostroomError):
    """No server can be tried. *permanent*: trying again later will not help.

    *status* is an enhanced code (RFC 3463), *reason* a sentence for the sender.
    """

    def __init__(self, status: str, reason: str, *, permanent: bool) -> None:
        self.status = status
        self.reason = reason
        self.permanent = permanent
        super().__init__(reason)
