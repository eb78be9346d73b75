"""The queue entry of a message that got its 250: keys and envelope, never mail."""

import msgspec

from postroom.platform.blobs import BlobKey


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """One forward-path with its DSN parameters (RFC 3461), as the client gave them."""

    address: str
    notify: tuple[str, ...] = ()  # NEVER, or any of SUCCESS, FAILURE, DELAY
    original: str = ""  # ORCPT, still encoded: "rfc822;Bob@example.test"


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Written by the edge, read by the `inbound` function; JSON in the Inbound queue."""

    queue_id: str
    blob: BlobKey
    size: int  # octets of the blob
    received: int  # milliseconds since 1970
    reverse_path: str  # "" for the null reverse-path
    recipients: tuple[Recipient, ...]
    message_id: str = ""  # with its angle brackets
    ret: str = ""  # FULL or HDRS (RFC 3461 section 4.3)
    envid: str = ""  # still encoded (xtext)
    smtputf8: bool = False
    client: str = ""  # IP address
    client_name: str = ""  # verified reverse DNS name, "" when unknown
    helo: str = ""
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", "" when in the clear
    account: str = ""  # authenticated account id, "" for mail from elsewhere
    ours: bool = False  # made by Postroom itself: a report, an answer; it may go anywhere
    via: str = ""  # domain of ours in which a script has redirected it; it may go anywhere
    hold_until: int = 0  # milliseconds since 1970, not released before (RFC 4865); 0: at once
    deliver_by: int = 0  # milliseconds since 1970, may be past (RFC 2852); 0: not asked
    by_mode: str = ""  # R or N, with T when a trace is wanted: what to do after deliver_by
    requiretls: bool = False  # RFC 8689 section 2
    tls_optional: bool = False  # TLS-Required: No (RFC 8689 section 3), and not REQUIRETLS

    @property
    def begun(self) -> int:
        """When its way began, in milliseconds since 1970: as it came, or when it was released."""
        return max(self.received, self.hold_until)

    def to_json(self) -> str:
        return _encoder.encode(self).decode()

    @classmethod
    def from_json(cls, body: str) -> "Accepted":
        return msgspec.json.decode(body, type=cls)


_encoder = msgspec.json.Encoder()
