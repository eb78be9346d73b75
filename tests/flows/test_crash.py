"""kill -9, again and again, under load: what got a 250 is there once, nothing is there twice.

The whole of postroom runs as its users have it. Clients send numbered messages to a few users
without a pause, while gateways, workers and now and then everything at once are killed at random
moments. A message whose connection broke after the final dot, before the reply, is "unknown": it
may be there or not, but once at most.
"""

import imaplib
import os
import random
import re
import smtplib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.flows.falls import empty_queues, fall, impatient_template, kill_one
from tests.running import PASSWORD, Postroom, running

USERS = ("ann", "ben", "cem", "dora")
CLIENTS = 4
KILLS = 50  # of one process each
FALLS = 3  # of all processes with their supervisor
PAUSE = 0.8  # seconds between kills, on average
PATIENCE = 90  # seconds for the queue to become empty after the last kill


@dataclass
class Sent:
    """What became of the numbered messages, as the clients see it."""

    accepted: dict[str, set[str]] = field(default_factory=dict)  # address -> Message-IDs
    unknown: dict[str, set[str]] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0  # connections that ended before the final dot

    def note(self, notes: dict[str, set[str]], addresses: list[str], number: str) -> None:
        for address in addresses:
            notes.setdefault(address, set()).add(number)


class Client(threading.Thread):
    """Sends one message after the other until told to stop. Each number is tried once."""

    def __init__(self, name: str, port: int, addresses: list[str], seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.sent = Sent()
        self.stop = threading.Event()
        self._port = port
        self._addresses = addresses
        self._chance = random.Random(seed)
        self._count = 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as session:
                    session.ehlo("client.test")
                    for _ in range(self._chance.randrange(1, 30)):
                        if self.stop.is_set():
                            break
                        self._send(session)
                        time.sleep(
                            self._chance.uniform(0, 0.02)
                        )  # leave some of the cores to others
            except (OSError, smtplib.SMTPException):
                self.sent.broken += 1
                time.sleep(0.05)

    def _send(self, session: smtplib.SMTP) -> None:
        self._count += 1
        number = f"{self.name}-{self._count}"
        to = self._chance.sample(self._addresses, self._chance.choice((1, 1, 1, 2)))
        session.mail("load@elsewhere.test")
        for address in to:
            session.rcpt(address)
        code, _ = session.docmd("DATA")
        if code != 354:
            self.sent.refused[code] += 1
            session.rset()
            return
        size = self._chance.choice((100, 1000, 1000, 10_000, 300_000))
        try:
            session.send(
                b"Message-ID: <%b@elsewhere.test>\r\nSubject: load\r\n\r\n" % number.encode()
                + (b"x" * 70 + b"\r\n") * (size // 72)
                + b".\r\n"
            )
            code, _ = session.getreply()
        except (OSError, smtplib.SMTPException):
            self.sent.note(self.sent.unknown, to, number)
            raise
        if code == 250:
            self.sent.note(self.sent.accepted, to, number)
        else:
            self.sent.refused[code] += 1


@pytest.mark.slow
def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTROOM_CRASH_SEED") or random.SystemRandom().randrange(2**32))
    print(f"again with POSTROOM_CRASH_SEED={seed}")
    chance = random.Random(seed)
    environment = {
        "POSTROOM_TEMPLATE": str(impatient_template(tmp_path)),
        "POSTROOM_LOG": "error",  # a line for each message would be megabytes
    }
    with running(tmp_path, USERS, gateways=2, workers=2, environment=environment) as postroom:
        addresses = [f"{name}@example.test" for name in USERS]
        port = postroom.ports["smtp"]
        clients = [
            Client(f"c{n}", port, addresses, chance.randrange(2**32)) for n in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        killed = Counter[str]()
        falls = sorted(chance.sample(range(5, KILLS), FALLS))
        for number in range(KILLS):
            time.sleep(chance.uniform(0.1, 2 * PAUSE - 0.1))
            if number in falls:
                fall(postroom)
                killed["everything"] += 1
            killed[kill_one(postroom, chance)] += 1
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(60)
            assert not client.is_alive()
        empty_queues(postroom, PATIENCE)
        check(postroom, clients, killed)


def check(postroom: Postroom, clients: list[Client], killed: Counter[str]) -> None:
    health = postroom.health()
    assert health["ok"]
    assert health["queues"]["inbound-dead"] == {"waiting": 0, "taken": 0}
    total = unknown = arrived = 0
    for name in USERS:
        address = f"{name}@example.test"
        found, uids = inbox(postroom, address)
        assert uids == sorted(set(uids)), "UIDs ascend"
        twice = [number for number, times in Counter(found).items() if times > 1]
        assert not twice, f"{address}: doubled {twice[:10]}"
        accepted = set[str]().union(*(c.sent.accepted.get(address, set()) for c in clients))
        unsure = set[str]().union(*(c.sent.unknown.get(address, set()) for c in clients))
        lost = accepted - set(found)
        assert not lost, f"{address}: {len(lost)} of {len(accepted)} lost: {sorted(lost)[:10]}"
        strange = set(found) - accepted - unsure
        assert not strange, f"{address}: never accepted: {sorted(strange)[:10]}"
        total += len(accepted)
        unknown += len(unsure)
        arrived += len(unsure & set(found))
    refused = sum((client.sent.refused for client in clients), Counter[int]())
    print(
        f"killed {dict(killed)}; {total} accepted and delivered; {unknown} without a reply, "
        f"{arrived} of them delivered; refused {dict(refused)}"
    )
    assert total > KILLS, "there was hardly any load"


def inbox(postroom: Postroom, address: str) -> tuple[list[str], list[int]]:
    """Numbers and UIDs of all messages, in the mailbox's order."""
    port = postroom.ports["imaps"]
    with imaplib.IMAP4_SSL("localhost", port, ssl_context=postroom.trust(), timeout=60) as client:
        client.login(address, PASSWORD)
        count = int(client.select("INBOX", readonly=True)[1][0] or 0)
        if not count:
            return [], []
        lines = client.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
    parts = [part for part in lines if isinstance(part, tuple)]
    assert len(parts) == count
    uids = [int(match[1]) for head, _ in parts if (match := re.search(rb"UID (\d+)", head))]
    numbers = [match[1].decode() for _, body in parts if (match := re.search(rb"<(.*)@", body))]
    return numbers, uids
