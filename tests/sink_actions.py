"""What a rule of `tests.sinks` may answer besides None and a reply, and what a sink has taken."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Drop:
    """Hang up without a reply. *taken*: at DOT, after the letter was recorded. *reset*: by RST."""

    taken: bool = False
    reset: bool = False


@dataclass(frozen=True)
class Last:
    """Reply, then hang up: "421 4.3.2 Going down"."""

    reply: str


@dataclass(frozen=True)
class Raw:
    """These octets instead of a reply; the visit goes on."""

    octets: bytes


@dataclass(frozen=True)
class Wait:
    """Be silent for some seconds, then do as if there were no rule."""

    seconds: float


@dataclass(frozen=True)
class Trickle:
    """The reply, an octet at a time."""

    reply: str
    seconds: float = 1.0  # between octets


@dataclass(frozen=True)
class Endless:
    """A reply of many lines that never comes to its last one."""

    line: bytes = b"250-more\r\n"
    seconds: float = 0.0  # between lines


@dataclass
class Letter:
    """One accepted message."""

    sender: str
    recipients: list[str]
    content: bytes
    mail: str  # parameters of MAIL
    rcpt: list[str]  # parameters of each RCPT
    hello: str
    tls: str = ""
    user: str = ""
    chunked: bool = False
    answered: bool = True  # False: hung up instead of 250
    name: str = ""  # as the 250 says: number of the visit, number of the letter in it
