"""``python -m bench.sieve``: 100 Sieve rules on a message of 10 KiB, beside Debian's Pigeonhole.

Ours: processor time of one run of a compiled program with a new letter, as for each message that
is delivered; and of the same with a letter that was read before, as for its second recipient.

Pigeonhole has no way to run one process for many messages: `sieve-test` is started anew for each,
with the script compiled before by `sievec`. So that neither its start nor its reading of message
and binary counts, the rules stand in the script once, and many times over: the difference, for
100 rules, is what its engine takes. The same difference is measured of ours. All rules look at
the header and none matches; what is compared is processor time.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.message import message
from postroom.sieve.engine import compile_script, run
from postroom.sieve.letter import Letter
from postroom.sieve.world import Envelope
from tests.peers.pigeonhole import MISSING, Pigeonhole
from tests.unit.sieve.worlds import TableWorld

RULES = 100
MANY = 30  # times the rules, to take the difference
_ROUNDS = 200
_KINDS = (
    'header :contains "subject" "offer {0}"',
    'address :is "from" "sender{0}@example.org"',
    'header :is ["x-list", "list-id"] "list{0}"',
    'header :matches "subject" "*number {0}*"',
    'address :domain ["to", "cc"] "domain{0}.test"',
    'allof (exists "x-priority", header :is "x-priority" "{0}")',
    'anyof (header :contains "received" "host{0}.test", size :over 100M)',
    'not exists ["from", "date"]',
)


def script(times: int = 1) -> str:
    rules = "".join(
        f'if {_KINDS[number % len(_KINDS)].format(number)} {{ fileinto "Folder{number}"; }}\n'
        for number in range(RULES)
    )
    return 'require "fileinto";\n' + rules * times


def ours(times: int, *, read_before: bool) -> float:
    """Microseconds of one run, the median of many."""
    program = compile_script(script(times).encode())
    text = message(10 * 1024)
    envelope, world, letter = Envelope("a@x.test", "b@y.test"), TableWorld(), Letter(text)

    def once() -> object:
        return run([program], letter if read_before else Letter(text), envelope, world)

    return statistics.median(_microseconds(once) for _ in range(_ROUNDS // times + 5))


def _microseconds(work: Callable[[], object]) -> float:
    start = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start) / 1000


class Compiled:
    """Scripts that sievec compiles and sieve-test runs, one process for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        Pigeonhole(folder)  # writes its configuration
        (folder / "m.eml").write_bytes(message(10 * 1024))

    def compile(self, times: int) -> None:
        (self._folder / f"{times}.sieve").write_text(script(times))
        self._spend("sievec", "-c", "dovecot.conf", f"{times}.sieve")

    def took(self, times: int) -> float:
        """Microseconds of a process; it takes the binary that lies beside the script."""
        who = ("-f", "a@x.test", "-r", "b@y.test")
        return self._spend("sieve-test", "-c", "dovecot.conf", *who, f"{times}.sieve", "m.eml")

    def _spend(self, *command: str) -> float:
        child = subprocess.Popen(
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
        return (usage.ru_utime + usage.ru_stime) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="100 Sieve rules beside Pigeonhole.")
    parser.add_argument("--turns", type=int, default=20)
    given = parser.parse_args()
    new, again = ours(1, read_before=False), ours(1, read_before=True)
    print(f"Postroom, a run with a new letter:         {new:8.0f} µs")
    print(f"Postroom, a run with one read before:      {again:8.0f} µs")
    if MISSING:
        print(f"Pigeonhole: {MISSING}")
        return
    own, other = [], []
    with tempfile.TemporaryDirectory(prefix="sieve-bench-") as path:
        peer = Compiled(Path(path))
        for times in (1, MANY):
            peer.compile(times)
        for _ in range(given.turns):
            own.append((ours(MANY, read_before=True) - ours(1, read_before=True)) / (MANY - 1))
            other.append((peer.took(MANY) - peer.took(1)) / (MANY - 1))
        start = statistics.median(peer.took(1) for _ in range(given.turns))
    mine, its = statistics.median(own), statistics.median(other)
    print(f"100 more rules, Postroom:                  {mine:8.0f} µs")
    print(f"100 more rules, Pigeonhole:                {its:8.0f} µs, ours {mine / its:.1f}×")
    print(f"Pigeonhole, a process for one message:     {start:8.0f} µs, its start included")


if __name__ == "__main__":
    main()
