"""Servers that mean harm, or are broken: they cost a bounded time and bounded memory, and mail for
others goes on meanwhile. The whole of postroom runs as its users have it."""

import os
import smtplib
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.app import App, build
from postroom.relay.operations import Filter, Queued
from postroom.relaying import operations_of, routes_of
from tests.running import PASSWORD, Postroom, running
from tests.sink_actions import Endless, Raw, Trickle, Wait
from tests.sinks import EXTENSIONS, Rule, Sink, at

ALICE = "alice@example.test"
TIMEOUT = 20  # seconds that postroom waits for a reply here
FOR_EVER = 600.0  # longer than the test
PATIENCE = 90.0  # seconds of this test
SILENT = 16  # servers that say nothing at all
GOOD = 20  # messages for the server that behaves
MORE_MEMORY = 64 * 1024  # KiB that a worker may take for all this
TLS = (*EXTENSIONS, "STARTTLS")
GARBAGE = bytes(range(256)) * 64


@dataclass(frozen=True)
class Hostile:
    rule: Rule
    extensions: tuple[str, ...] = EXTENSIONS
    route: str = "?tls=none"


HOSTILE: Mapping[str, Hostile] = {
    "endless greeting": Hostile(at("CONNECT", Endless(b"220-more\r\n"))),
    "endless reply": Hostile(at("EHLO", Endless(b"250-more\r\n" * 1000))),
    "endless line": Hostile(at("MAIL", Endless(b"2" * 65_536))),
    "endless and slow": Hostile(at("RCPT", Endless(b"250-more\r\n", 0.5))),
    "one octet a second": Hostile(at("CONNECT", Trickle("220 sink.example " + "x" * 60))),
    "binary greeting": Hostile(at("CONNECT", Raw(GARBAGE))),
    "binary reply": Hostile(at("DOT", Raw(GARBAGE))),
    "no greeting": Hostile(at("CONNECT", Wait(FOR_EVER))),
    "no answer to the dot": Hostile(at("DOT", Wait(FOR_EVER))),
    # After that reply the client begins TLS, and the sink takes it for commands.
    "garbage for TLS": Hostile(at("STARTTLS", Raw(b"220 2.0.0 Go on\r\n")), TLS, "?tls=encrypt"),
    "nothing for TLS": Hostile(
        at("STARTTLS", Endless(b"220 2.0.0 Go on\r\n", FOR_EVER)), TLS, "?tls=encrypt"
    ),
}


@pytest.mark.slow
def test_hostile_servers_harm_nobody_else(tmp_path: Path) -> None:
    environment = {"POSTROOM_RELAY_TIMEOUT": f"{TIMEOUT}s", "POSTROOM_LOG": "error"}
    with ExitStack() as stack:
        postroom = stack.enter_context(running(tmp_path, ["alice"], environment=environment))
        app = build({"POSTROOM_DATA": str(postroom.data)})
        stack.callback(app.platform.close)
        sinks = open_sinks(stack, app)
        good = stack.enter_context(Sink())
        routes_of(app).set("good.test", f"smtp://127.0.0.1:{good.port}?tls=none")

        submit(postroom, "good.test", 1)  # the worker has all that it needs
        wait_for(lambda: len(good.letters) == 1)
        before = memory_of_workers(postroom)
        for domain in sinks:
            submit(postroom, domain, 1)
        wait_for(lambda: all(sink.visits for sink in sinks.values()))
        submit(postroom, "good.test", GOOD)
        wait_for(lambda: len(good.letters) == 1 + GOOD)
        holding = [domain for domain, sink in sinks.items() if sink._open]
        assert len(holding) >= SILENT, "mail for others arrived while these held their connections"

        wait_for(lambda: len(attempted(app)) == len(sinks))
        for entry in (queued.entry for queued in attempted(app)):
            assert entry.events[-1][1] == "deferred", entry.events
            assert len(entry.events[-1][2]) < 1000
        grown = memory_of_workers(postroom) - before
        assert grown < MORE_MEMORY, f"{grown} KiB"
        print(f"{len(sinks)} hostile servers; {grown} KiB more memory in the worker")


def open_sinks(stack: ExitStack, app: App) -> dict[str, Sink]:
    """One for each kind, each with a domain that leads to it."""
    silent = {f"silent {number}": HOSTILE["no greeting"] for number in range(SILENT)}
    sinks = {}
    for name, hostile in {**HOSTILE, **silent}.items():
        sink = stack.enter_context(Sink(hostile.rule, extensions=hostile.extensions))
        domain = f"{name.replace(' ', '-').lower()}.test"
        routes_of(app).set(domain, f"smtp://127.0.0.1:{sink.port}{hostile.route}")
        sinks[domain] = sink
    return sinks


def submit(postroom: Postroom, domain: str, count: int) -> None:
    port = postroom.ports["submission"]
    with smtplib.SMTP("localhost", port, timeout=30) as client:
        client.starttls(context=postroom.trust())
        client.login(ALICE, PASSWORD)
        for number in range(count):
            text = f"From: {ALICE}\r\nSubject: {number}\r\n\r\nHello.\r\n"
            assert client.sendmail(ALICE, [f"bob@{domain}"], text) == {}


def attempted(app: App) -> list[Queued]:
    """What is left to do, of all that was attempted and given back."""
    entries = operations_of(app).entries(Filter())
    return [queued for queued in entries if queued.entry.attempts and not queued.busy]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.1)


def memory_of_workers(postroom: Postroom) -> int:
    """The most that the workers have ever had, in KiB."""
    pids = [pid for name, pid in postroom.pids().items() if name.startswith("worker")]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if not os.path.exists("/proc/self/status"):
    pytest.skip("the memory of a process is read from /proc", allow_module_level=True)
