"""Port: a service that takes whole messages through an API instead of SMTP (Amazon SES)."""

from collections.abc import Sequence
from typing import Protocol

from postroom.errors import PostroomError


class MailerRefused(PostroomError):
    """The service refused the message. *permanent*: trying again will not help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        self.permanent = permanent
        super().__init__(reason)


class Mailer(Protocol):
    most_recipients: int  # in one call
    largest_message: int  # octets

    def send(self, reverse_path: str, recipients: Sequence[str], message: bytes) -> str:
        """Hand the message over; return the service's id for it. Raises MailerRefused."""
