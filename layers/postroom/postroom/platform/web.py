"""Port: documents of other servers over HTTPS."""

from typing import Protocol

from postroom.errors import PostroomError


class WebFailed(PostroomError):
    """No usable answer: no connection, no valid certificate, a status other than 200, too much.

    *kind* is a result type of RFC 8460 section 4.3 where one fits ("sts-webpki-invalid",
    "sts-policy-fetch-error").
    """

    def __init__(self, url: str, reason: str, kind: str = "sts-policy-fetch-error") -> None:
        self.kind = kind
        super().__init__(f"{url}: {reason}")


class Web(Protocol):
    def get(self, url: str, *, most: int, timeout: float) -> bytes:
        """Fetch an https: document of at most *most* octets. Follows no redirects (RFC 8461
        section 3.3). Raises WebFailed."""

    def post(self, url: str, body: bytes, content_type: str, *, timeout: float) -> None:
        """Send a document; any 2xx status is success. Raises WebFailed."""
