"""How long the client waits, and how much it takes from a peer."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Seconds, octets and counts. A wait also ends with the budget of the attempt."""

    connect: float = 30.0
    handshake: float = 60.0  # TLS, in all
    # RFC 5321 section 4.5.3.2, the minimum for each.
    greeting: float = 300.0
    command: float = 300.0  # EHLO, MAIL, RCPT, RSET, AUTH, STARTTLS
    data: float = 120.0  # until 354
    block: float = 180.0  # until the peer has taken a block of the content
    final: float = 600.0  # until the reply to the final dot
    quit: float = 2.0
    # A transaction does not begin with less left of the budget: one that is cut off after the
    # final dot may be had twice.
    reserve: float = 5.0

    recipients: int = 100  # a transaction (every server takes as many, section 4.5.3.1.8)
    connects: int = 8  # addresses tried for one destination in one attempt
    sessions: int = 3  # of them, those that answered

    reply_line: int = 2048  # section 4.5.3.1.5 says 512, the wild does not
    reply_lines: int = 200
    reply_octets: int = 32_768

    idle: float = 5.0  # a connection waits for the next mail as long
    age: float = 300.0  # then no new transaction begins on it
    transactions: int = 100  # on one connection
    pooled: int = 64  # idle connections in all
    # Connections of one process to one server, beside the first of each who delivers there.
    # Postfix takes 50 from one client.
    together: int = 20

    def within(self, longest: float) -> "ClientLimits":
        """The same, with no wait for a peer above *longest* seconds."""
        waits = ("connect", "handshake", "greeting", "command", "data", "block", "final")
        return replace(self, **{name: min(getattr(self, name), longest) for name in waits})
