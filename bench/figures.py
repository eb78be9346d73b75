"""What is measured. Each scenario runs against one side and returns its figures by name."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from bench.aliases import Aliases
from bench.clients import Burst, Imap, Smtp, burst
from bench.deferred import Deferred
from bench.idling import Idle
from bench.machine import Peak, processor_time, proportional_memory, wait_until
from bench.mail import OCTETS, message
from bench.returning import Return
from bench.sides import (
    CLOCKED,
    ELSEWHERE,
    LOADED,
    PASSWORD,
    WRITER,
    Side,
    single,
    spread,
)

_SESSIONS = 20  # of SMTP, kept open
_BETWEEN = 0.03  # seconds between two mails whose latency is taken
_POLL = 0.01  # seconds between two looks into a mailbox


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    accepted: int = 4000  # messages of 4 KiB
    large: int = 1500  # messages of 100 KiB
    burst: int = 2000
    clocked: int = 50
    reader: int = 10_000
    idle: int = 500  # IMAP sessions
    logins: int = 200
    turns: int = 3
    few: int = 100  # deferred messages, or aliases
    many: int = 100_000  # deferred messages
    aliases: int = 1_000_000
    appended: int = 1000  # messages, by each session
    crowd: int = 1250  # messages in each of eight mailboxes
    small: int = 1000  # messages of a mailbox to which clients come back
    huge: int = 100_000
    quiet: int = 100  # idle sessions of one process
    crowded: int = 2000

    def fields(self) -> dict[str, int]:
        return asdict(self)


QUICK = Sizes(300, 100, 200, 5, 500, 40, 20, 1, 100, 5000, 20_000, 50, 60, 100, 2000, 40, 200)


@dataclass(frozen=True, slots=True)
class Figure:
    """``must`` and ``aim`` bound ours divided by the peer's, from below when more is better.

    ``most`` bounds ours, whatever the peer's is.
    """

    name: str
    unit: str
    more_is_better: bool
    must: float | None = None
    aim: float | None = None
    most: float | None = None

    def holds(self, ratio: float, bound: float) -> bool:
        return ratio >= bound if self.more_is_better else ratio <= bound


@dataclass(frozen=True, slots=True)
class Scenario:
    measure: Callable[[Side, Sizes, int], Mapping[str, float]]
    figures: tuple[Figure, ...]
    fresh: bool = False  # it starts and stops its side by itself


class Grown(Protocol):
    """A Postroom with so much of something in it."""

    @property
    def name(self) -> str: ...
    def figures(self) -> Mapping[str, float]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Growth:
    """Ours beside itself, with little and with much in it."""

    start: Callable[[Path, int], Grown]
    many: Callable[[Sizes], int]
    figures: tuple[Figure, ...]
    few: Callable[[Sizes], int] = lambda sizes: sizes.few


def warm_up(side: Side) -> None:
    """Let both start what they start when the first mail comes."""
    burst(side.smtp, _SESSIONS, [side.accepting], message(1, OCTETS), 200)
    _relay(side, 200)
    side.drain()


def accept(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    return {"accept 4 KiB": _smtp_source(side, sizes.accepted, OCTETS)}


def accept_large(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    return {"accept 100 KiB": _smtp_source(side, sizes.large, 102_400)}


def _smtp_source(side: Side, count: int, octets: int) -> float:
    """Messages a second. The driver is Postfix's own, written in C, for both."""
    command = ["/usr/sbin/smtp-source", "-d", "-s", str(_SESSIONS), "-m", str(count)]
    command += ["-l", str(octets), "-f", "sender@example.org", "-t", side.accepting]
    started = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{side.smtp}"], check=True, timeout=300)
    took = time.perf_counter() - started
    side.drain()
    return count / took


def dot(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    done = burst(side.smtp, _SESSIONS, [side.accepting], message(turn, OCTETS), sizes.accepted)
    side.drain()
    return {
        "dot p50": 1000 * statistics.median(done.waits),
        "dot p99": 1000 * _percentile(done.waits, 99),
    }


def burst_to_one(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    return {"burst to 1": _burst(side, sizes.burst, single(turn))}


def burst_to_many(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    return {"burst to 20": _burst(side, sizes.burst, spread(turn))}


def _burst(side: Side, count: int, recipients: list[str]) -> float:
    """Messages a second, from the first command until STATUS counts them all."""
    readers = [Imap(side.imap).login(user, PASSWORD) for user in recipients]
    each = count // len(recipients)
    before = [reader.count() for reader in readers]
    started = time.perf_counter()
    sent: Burst = burst(side.smtp, _SESSIONS, recipients, message(turn_of(before), OCTETS), count)
    # Nothing is visible before its 250, so there is nothing to look at until now.
    for reader, first in zip(readers, before, strict=True):
        while reader.count() < first + each:
            time.sleep(_POLL)
    took = time.perf_counter() - started
    for reader in readers:
        reader.close()
    side.drain()
    assert len(sent.waits) == count
    return count / took


def relay(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    before = processor_time(side.pids())
    took = _relay(side, sizes.burst)
    side.drain()
    used = processor_time(side.pids()) - before
    return {"relay": sizes.burst / took, "relay cpu": 1000 * used / sizes.burst}


def _relay(side: Side, count: int) -> float:
    """Seconds from the first command of the submission until the sink has given its last 250."""
    before = side.sink.messages
    mail = message(before, OCTETS, ELSEWHERE[0], WRITER)
    password = PASSWORD if side.logs_in else ""
    sent = burst(side.submission, _SESSIONS, ELSEWHERE, mail, count, WRITER, password)
    return side.sink.wait_for(before + count) - sent.started


def turn_of(before: list[int]) -> int:
    return sum(before) + 7


def arrival(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    reader = Imap(side.imap).login(CLOCKED, PASSWORD)
    reader.ask("SELECT INBOX")
    sender = Smtp(side.smtp)
    waits = []
    for number in range(sizes.clocked):
        reader.idle()
        sent = sender.send(CLOCKED, message(number, OCTETS))
        reader.wait_for(b" EXISTS")
        waits.append(time.perf_counter() - sent)
        reader.done()
        time.sleep(_BETWEEN)
    sender.close()
    reader.close()
    return {
        "arrival p50": 1000 * statistics.median(waits),
        "arrival p99": 1000 * _percentile(waits, 99),
    }


def memory(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    """On servers just started: what earlier figures left in a heap would hide the growth."""
    side.start()
    try:
        people = [*single(0), *spread(0), CLOCKED]
        # What the first logins load is not a matter of the session.
        kept = [_idling(side, user) for user in people]
        time.sleep(1)
        before = proportional_memory(side.pids())
        kept += [_idling(side, people[number % len(people)]) for number in range(sizes.idle)]
        time.sleep(1)
        held = proportional_memory(side.pids()) - before
        for session in kept:
            session.close()
    finally:
        side.stop()
    return {"idle session": held / sizes.idle / 1024}


def _idling(side: Side, user: str) -> Imap:
    session = Imap(side.imap).login(user, PASSWORD)
    session.ask("SELECT INBOX")
    session.idle()
    return session


def large_message(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    reader = Imap(side.imap).login(LOADED, PASSWORD)
    before = reader.count()
    sender = Smtp(side.smtp)
    mail = message(turn, 25_000_000)
    with Peak(side.pids) as peak:
        sender.send(LOADED, mail)
        wait_until(lambda: reader.count() > before, "a message of 25 MB")
        reader.ask("SELECT INBOX")
        reader.ask("FETCH * (BODY.PEEK[])")
    sender.close()
    reader.close()
    return {"25 MB": peak.growth / 1e6}


def logins(side: Side, sizes: Sizes, turn: int) -> dict[str, float]:
    started = time.perf_counter()
    for _ in range(sizes.logins):
        client = Imap(side.imap).login(CLOCKED, PASSWORD)
        client.ask("LOGOUT")
        client.close()
    return {"logins": sizes.logins / (time.perf_counter() - started)}


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


SCENARIOS: Mapping[str, Scenario] = {
    "accept": Scenario(accept, (Figure("accept 4 KiB", "msgs/s", True, 2.5, 5),)),
    "large": Scenario(accept_large, (Figure("accept 100 KiB", "msgs/s", True, 1.2, 3),)),
    "dot": Scenario(
        dot, (Figure("dot p50", "ms", False), Figure("dot p99", "ms", False, 0.5, 0.25))
    ),
    "burst": Scenario(burst_to_one, (Figure("burst to 1", "msgs/s", True, 4, 8),)),
    "spread": Scenario(burst_to_many, (Figure("burst to 20", "msgs/s", True, 4, 8),)),
    "relay": Scenario(
        relay, (Figure("relay", "msgs/s", True, 2, 4), Figure("relay cpu", "ms", False))
    ),
    "arrival": Scenario(
        arrival,
        (
            Figure("arrival p50", "ms", False, 1 / 30, 1 / 100),
            Figure("arrival p99", "ms", False, 1 / 30, 1 / 100),
        ),
    ),
    "logins": Scenario(logins, (Figure("logins", "/s", True),)),
    "memory": Scenario(memory, (Figure("idle session", "KiB", False),), fresh=True),
    "25mb": Scenario(large_message, (Figure("25 MB", "MB", False),)),
}

GROWTHS: Mapping[str, Growth] = {
    "deferred": Growth(
        Deferred,
        lambda sizes: sizes.many,
        (Figure("tick", "ms", False, 1.2, 1), Figure("queue list", "ms", False, 1.2, 1)),
    ),
    "aliases": Growth(
        Aliases,
        lambda sizes: sizes.aliases,
        (
            Figure("rcpt alias", "µs", False, 1.5, 1.2),
            Figure("rcpt detail", "µs", False, 1.5, 1.2),
            Figure("rcpt unknown", "µs", False, 1.5, 1.2),
        ),
    ),
    "return": Growth(
        Return,
        lambda sizes: sizes.huge,
        (
            Figure("select again", "ms", False, 2, 1.2),
            Figure("resync", "ms", False, 2, 1.2, most=20),
        ),
        few=lambda sizes: sizes.small,
    ),
    "idle": Growth(
        Idle,
        lambda sizes: sizes.crowded,
        (
            Figure("idle plain", "KB", False, most=100),
            Figure("idle tls", "KB", False, most=100),
            Figure("wake p50", "ms", False, most=100),
            Figure("wake p99", "ms", False, most=100),
        ),
        few=lambda sizes: sizes.quiet,
    ),
}
