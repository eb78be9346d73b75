"""What an IMAP listener allows. Every number can be set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImapLimits:
    message_size: int = 50 * 1024 * 1024  # octets, of APPEND
    in_memory: int = 256 * 1024  # octets of a message; a larger one goes to the store as it comes
    idle_seconds: float = 30 * 60  # RFC 9051 section 5.4 asks for 30 minutes at least
    login_seconds: float = 60  # from the greeting to the login, whatever is said meanwhile
    handshake_seconds: float = 15
    errors: int = 20  # commands answered with BAD, one after the other
    errors_before_login: int = 8  # in all
    read_ahead: int = 128 * 1024  # octets received and not dealt with
    look_again_seconds: float = 120  # an idling client hears of news that the topic lost
    progress_seconds: float = 10  # a client that waits so long is told that we are at it
    connections: int = 10_000
    summaries: int = 32 * 1024 * 1024  # octets of summaries kept for the next FETCH
    view_messages: int = 100_000  # in views kept for the next SELECT; in those that ESEARCH opens
