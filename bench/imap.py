"""What clients that read mail wait for. Each scenario has the peers it is measured against.

Mailboxes are filled by APPEND, on every side. A turn that asks for something a server may
remember begins with the server started afresh, and its mail as APPEND left it.
"""

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.clients import Imap
from bench.cyrus import Cyrus
from bench.figures import Figure, Sizes
from bench.imap_clients import together
from bench.machine import free_ports
from bench.mail import OCTETS, message
from bench.ours import Postroom
from bench.peers import Dovecot
from bench.pop3 import maildrop
from bench.sides import DOMAIN, PASSWORD, READER
from bench.sink import Sink

_SESSIONS = 8
_CROWD = [f"crowd{number}@{DOMAIN}" for number in range(_SESSIONS)]
_LOGIN = READER.partition("@")[0]  # as Cyrus calls the READER
_LISTING = "FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)"
_SEARCHES = 5
_KNOWN = 10  # logins until each process of a server has seen the password
_MOVED = 1000
SDBOX, MAILDIR, CYRUS, OURS = "sdbox", "maildir", "Cyrus", "Postroom"
SYNCED = "sdbox, mail_fsync=always"  # what it has answered survives a power cut, as with us


def named(figure: str, peer: str) -> str:
    """The figure in a table of results, where other peers may have it, too."""
    return f"{figure} {peer}"


class Server(Protocol):
    imap: int
    pop3: int

    def pids(self) -> list[int]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Mailboxes:
    """A server with the mail in it: the READER's, and that of eight others who come at once."""

    def __init__(self, name: str, server: Server, folder: Path, mail: Path | None) -> None:
        """*mail*: where the server keeps what it remembers beside the mail, if it does."""
        self.name = name
        self.server = server
        self._mail = mail
        self._kept = folder / f"{name}.kept"
        self._runs = False

    def fill(self, messages: int, each: int) -> None:
        self.begin(fresh=False)
        for user, count in ((READER, messages), *((user, each) for user in _CROWD)):
            client = Imap(self.server.imap).login(user, PASSWORD)
            for start in range(0, count, 500):
                numbers = range(start, min(start + 500, count))
                client.append("INBOX", [message(number, OCTETS) for number in numbers])
            client.close()
        self.stop()
        if self._mail is not None:
            _copy(self._mail, self._kept)

    def begin(self, *, fresh: bool) -> None:
        """Let it run. *fresh*: with its mail as APPEND left it, and nothing in memory."""
        if fresh:
            self.stop()
            if self._mail is not None:
                shutil.rmtree(self._mail)
                _copy(self._kept, self._mail)
        if not self._runs:
            self.server.start()
            self._runs = True

    def stop(self) -> None:
        if self._runs:
            self.server.stop()
            self._runs = False

    def reader(self) -> Imap:
        client = Imap(self.server.imap).login(READER, PASSWORD)
        client.ask("SELECT INBOX")
        return client


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["/bin/cp", "-a", source, target], check=True)


def make(name: str, folder: Path) -> Mailboxes:
    users = [READER, *_CROWD]
    server: Server
    if name == CYRUS:
        return Mailboxes(name, Cyrus(folder / "cyrus", [_LOGIN]), folder, None)
    if name in (SDBOX, SYNCED, MAILDIR):
        location = "maildir:~/Maildir" if name == MAILDIR else "sdbox:~/sdbox"
        fsync = "always" if name == SYNCED else "optimized"
        dovecot = Dovecot(folder / name.replace(", ", "-"), location, fsync)
        return Mailboxes(name, dovecot, folder, dovecot.mail)
    server = Postroom(folder, users, Sink(*free_ports(1)))
    return Mailboxes(name, server, folder, None)


Measure = Callable[[Mailboxes, Sizes, int], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Contest:
    measure: Measure
    peers: Mapping[str, tuple[Figure, ...]]  # what is compared with each of them
    fresh: bool = False  # every turn starts the server anew
    filled: bool = True  # it needs the READER's mail
    crowded: bool = False  # and that of the others

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(figure for figures in self.peers.values() for figure in figures)


def append(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    """Every APPEND waits for the OK of the one before."""
    figures = {}
    for sessions in (1, _SESSIONS):
        users = [READER] if sessions == 1 else _CROWD
        made = [[b"CREATE append%d-%d" % (sessions, turn)] for _ in users]
        scripts = []
        for first, _ in enumerate(users):
            mail = [message(first * 1000 + number, OCTETS) for number in range(sizes.appended)]
            scripts.append(
                [
                    b"APPEND append%d-%d {%d+}\r\n%b" % (sessions, turn, len(each), each)
                    for each in mail
                ]
            )
        _, took = together(side.server.imap, users, made, scripts)
        figures[f"append {sessions}"] = sessions * sizes.appended / took
    return figures


def sync(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    client = side.reader()
    first, again = (sizes.reader / _seconds(client, _LISTING) for _ in range(2))
    client.close()
    return {"imap sync first": first, "imap sync again": again}


def sync_together(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    select = [[b"SELECT INBOX"]] * _SESSIONS
    listing = [[_LISTING.encode()]] * _SESSIONS
    rounds = 5
    took = together(side.server.imap, _CROWD, select, listing, *[listing] * rounds)
    return {"imap sync 8": _SESSIONS * sizes.crowd / statistics.median(took[2:])}


def bodies(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    client = side.reader()
    took = _seconds(client, "FETCH 1:* (BODY.PEEK[])")
    one_by_one = min(sizes.reader, 2000)
    started = time.perf_counter()
    for number in range(1, one_by_one + 1):
        client.ask(f"FETCH {number} (BODY.PEEK[])")
    each = time.perf_counter() - started
    client.close()
    return {"imap bodies": sizes.reader / took, "imap body": one_by_one / each}


def store(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    client = side.reader()
    count = min(sizes.reader, 1000)
    started = time.perf_counter()
    for sign in "+-":
        for number in range(1, count + 1):
            client.ask(f"STORE {number} {sign}FLAGS (\\Flagged)")
    took = time.perf_counter() - started
    client.close()
    return {"imap store": 2 * count / took}


def search(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    client = side.reader()
    figures = {}
    # The first one lets our side make its index, and Dovecot fill its cache.
    client.ask("SEARCH TEXT before")
    if isinstance(side.server, Postroom):
        time.sleep(0.5)  # it is asked for after the reply
        side.server.drain()
    words = {"absent": "xylophone", "rare": f'"figures {sizes.reader // 2} "', "every": "before"}
    for name, word in words.items():
        took = [_seconds(client, f"SEARCH TEXT {word}") for _ in range(_SEARCHES)]
        figures[f"imap search {name}"] = 1000 * statistics.median(took)
    client.close()
    return figures


def login(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    user = _LOGIN if side.name == CYRUS else READER

    def log_in(times: int) -> float:
        started = time.perf_counter()
        for _ in range(times):
            client = Imap(side.server.imap).login(user, PASSWORD)
            client.ask("LOGOUT")
            client.close()
        return time.perf_counter() - started

    log_in(_KNOWN)
    return {"imap login": sizes.logins / log_in(sizes.logins)}


def copy(side: Mailboxes, sizes: Sizes, turn: int) -> dict[str, float]:
    client = side.reader()
    count = min(sizes.reader, _MOVED)
    client.ask(f"CREATE copies{turn}")
    client.ask(f"CREATE moved{turn}")
    copying = _seconds(client, f"COPY 1:{count} copies{turn}")
    client.ask(f"SELECT copies{turn}")
    moving = _seconds(client, f"MOVE 1:{count} moved{turn}")
    client.close()
    return {"imap copy": count / copying, "imap move": count / moving}


def _seconds(client: Imap, command: str) -> float:
    started = time.perf_counter()
    client.ask(command)
    return time.perf_counter() - started


CONTESTS: Mapping[str, Contest] = {
    "imap-append": Contest(
        append,
        {
            SDBOX: (
                Figure("append 1", "msgs/s", True, 1, 2),
                Figure("append 8", "msgs/s", True, 1.5, 3),
            )
        },
        filled=False,
    ),
    "imap-sync": Contest(
        sync,
        {
            SDBOX: (
                Figure("imap sync first", "msgs/s", True, 3, 5),
                Figure("imap sync again", "msgs/s", True, 0.8, 1.3),
            )
        },
        fresh=True,
    ),
    "imap-sync8": Contest(
        sync_together,
        {SDBOX: (Figure("imap sync 8", "msgs/s", True, 0.8, 1.2),)},
        crowded=True,
    ),
    "imap-bodies": Contest(
        bodies,
        {
            SDBOX: (
                Figure("imap bodies", "msgs/s", True, 0.8, 1.2),
                Figure("imap body", "msgs/s", True, 0.5, 1),
            )
        },
    ),
    "imap-store": Contest(
        store,
        {
            MAILDIR: (Figure("imap store", "/s", True, 1.5, 3),),
            SDBOX: (Figure("imap store", "/s", True, 0.5, 0.8),),
            SYNCED: (Figure("imap store", "/s", True),),
        },
    ),
    "imap-search": Contest(
        search,
        {
            SDBOX: (
                Figure("imap search absent", "ms", False, 1 / 5, 1 / 10),
                Figure("imap search rare", "ms", False, 1 / 5, 1 / 10),
                Figure("imap search every", "ms", False, 1 / 5, 1 / 10),
            )
        },
    ),
    "imap-login": Contest(login, {CYRUS: (Figure("imap login", "/s", True, 2, 4),)}, filled=False),
    "imap-copy": Contest(
        copy,
        {
            SDBOX: (
                Figure("imap copy", "msgs/s", True, 0.5, 1),
                Figure("imap move", "msgs/s", True, 0.5, 1),
            )
        },
    ),
    # The last one that reads: it deletes.
    "pop3": Contest(
        maildrop,
        {
            SDBOX: (
                Figure("pop3 first", "ms", False),
                Figure("pop3 again", "ms", False),
                Figure("pop3 LIST", "ms", False),
                Figure("pop3 UIDL", "ms", False),
                Figure("pop3 memory", "MB", False),
                Figure("pop3 RETR", "msgs/s", True),
                Figure("pop3 QUIT", "ms", False),
            )
        },
        fresh=True,
    ),
}
