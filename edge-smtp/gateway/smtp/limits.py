"""What an SMTP listener allows. Every number can be set."""

from dataclasses import dataclass

from gateway.settings import LOOPBACK, Network
from gateway.smtp.content import BareLineEndings


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    message_size: int = 50 * 1024 * 1024  # octets, announced by SIZE
    message_discarded: int = 100 * 1024 * 1024  # octets read of one that is too large
    text_line: int = 0  # octets of a line of the message, 0: no limit
    recipients: int = 1000  # in one transaction (RFC 5321 section 4.5.3.1.8 asks for 100)
    envelope: int = 160 * 1024  # octets of all recipients: the queue entry must fit its queue
    messages: int = 10_000  # in one connection
    errors: int = 20  # replies of 4xx and 5xx in one connection
    command_line: int = 2048  # octets with CRLF; RFC 3461 needs 1036
    header_seen: int = 64 * 1024  # octets searched for Message-ID and Received
    received_fields: int = 50  # more is a loop (RFC 5321 section 6.3)
    in_memory: int = 256 * 1024  # octets of a message; the rest goes to the store as it comes
    waiting: int = 256 * 1024  # octets read ahead of the dialogue
    messages_per_minute: int = 3000  # of one client
    unlimited_networks: tuple[Network, ...] = LOOPBACK  # the rate does not hold for these
    command_timeout: float = 300.0  # seconds (RFC 5321 section 4.5.3.2.7)
    data_timeout: float = 180.0  # between two pieces of a message
    message_timeout: float = 3600.0  # from DATA to the final dot
    tls_timeout: float = 30.0  # for a handshake
    name_timeout: float = 2.0  # for the client's name from DNS
    store_timeout: float = 60.0  # for a store to say that a message is safe
    linger: float = 30.0  # for a client to read what it was told last
    drain_timeout: float = 30.0  # for messages under way at shutdown
    bare_line_endings: BareLineEndings = "refuse"

    @property
    def shortest_timeout(self) -> float:
        return min(self.command_timeout, self.data_timeout, self.message_timeout)
