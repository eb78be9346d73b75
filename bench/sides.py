"""What a figure may ask of either side: Postfix with Dovecot, and Postroom."""

from pathlib import Path
from typing import Protocol

from bench.sink import Sink

DOMAIN = "example.test"
PASSWORD = "bench-password"
SPREAD = 20  # mailboxes that a burst goes to
READER = f"reader@{DOMAIN}"  # whose INBOX holds the messages of the first sync
CLOCKED = f"clocked@{DOMAIN}"  # gets one mail after the other
LOADED = f"loaded@{DOMAIN}"  # takes what is only accepted
WRITER = f"writer@{DOMAIN}"  # whose mail leaves, to each of ELSEWHERE in turn
ELSEWHERE = tuple(f"someone@far{number}.example" for number in range(SPREAD))


def spread(turn: int) -> list[str]:
    """Fresh mailboxes for each turn, so that no turn begins with what another left."""
    return [f"spread{turn}-{number}@{DOMAIN}" for number in range(SPREAD)]


def single(turn: int) -> list[str]:
    return [f"single{turn}@{DOMAIN}"]


def users(turns: int) -> list[str]:
    several = [user for turn in range(turns) for user in (*single(turn), *spread(turn))]
    return [READER, CLOCKED, LOADED, WRITER, *several]


class Side(Protocol):
    name: str
    smtp: int  # ports, valid while it runs
    imap: int
    submission: int  # where WRITER's mail for ELSEWHERE goes in; it goes on to the sink
    logs_in: bool  # it wants WRITER's password there
    sink: Sink
    accepting: str  # the recipient for figures of accepting alone

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def drain(self) -> None:
        """Wait until nothing is in its queues."""

    def pids(self) -> list[int]: ...


def make_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path
