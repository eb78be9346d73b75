"""kill -9 while mail leaves: each recipient gets it, and each failure is told once.

The whole of postroom runs as its users have it, and a sink takes its mail: one that defers, hangs
up, keeps silent, takes a letter and hangs up instead of 250, and refuses some recipients for good.
Several sessions submit numbered messages to many domains, while gateways, workers and now and
then everything at once are killed at random moments.

A recipient may get a message again only if the connection that brought it the time before broke
right after the final dot: the sink writes down when nothing came after a letter, not even QUIT.
"""

import email
import email.policy
import imaplib
import json
import os
import random
import re
import smtplib
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest

from postroom.app import App, build
from postroom.platform.queue import Queue
from postroom.relay.waiting import OUTBOUND, SHARDS, feed
from postroom.relaying import routes_of
from tests.flows.falls import LEASE, empty_queues, fall, impatient_template, kill_one
from tests.running import PASSWORD, Postroom, free_port, running
from tests.waiting import every

USERS = ("ann", "ben", "cem", "dora")
DOMAINS = tuple(f"d{number}.elsewhere.test" for number in range(20))
SESSIONS = 4
MESSAGES = int(os.environ.get("POSTROOM_CRASH_MESSAGES") or 2000)
FALLS = 3  # of all processes with their supervisor
PAUSE = 0.8  # seconds between kills of one process, on average
PATIENCE = 150  # seconds for everything to be delivered or told after the last kill
FAULTS = {"defer": 0.1, "busy": 0.01, "drop": 0.02, "lose": 0.02, "slow": 0.05}
REFUSED = "refused"  # local part of those whom the sink does not know
ENVIRONMENT = {
    "POSTROOM_LOG": "error",  # a line for each message would be megabytes
    "POSTROOM_RELAY_LEASE": f"{LEASE}s",
    "POSTROOM_RETRY_PAUSES": "1s 2s 3s",
    "POSTROOM_SENDER_MESSAGES": "0",
    "POSTROOM_SENDER_RECIPIENTS": "0",
}
Pair = tuple[str, str]  # Message-ID and recipient


@dataclass
class Submitted:
    """What the sessions know of their messages, shared by them."""

    accepted: dict[str, list[str]] = field(default_factory=dict)  # Message-ID -> recipients
    unknown: dict[str, list[str]] = field(default_factory=dict)  # no reply to the final dot
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0  # connections that ended before the final dot
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_done(self) -> bool:
        return len(self.accepted) >= MESSAGES

    def next_number(self) -> int:
        with self.lock:
            self.count += 1
            return self.count


class Session(threading.Thread):
    """Submits one message after the other until enough are accepted. Each is tried once."""

    def __init__(self, user: str, port: int, trust: ssl.SSLContext, to: Submitted, seed: int):
        super().__init__(name=user, daemon=True)
        self._user = f"{user}@example.test"
        self._port = port
        self._trust = trust
        self._submitted = to
        self._chance = random.Random(seed)

    def run(self) -> None:
        while not self._submitted.is_done:
            try:
                with smtplib.SMTP("localhost", self._port, timeout=30) as client:
                    client.starttls(context=self._trust)
                    client.login(self._user, PASSWORD)
                    for _ in range(self._chance.randrange(20, 100)):
                        if self._submitted.is_done:
                            break
                        self._send(client)
                        # Leave some of the cores to others, and the kills some mail.
                        time.sleep(self._chance.uniform(0, 0.12))
            except (OSError, smtplib.SMTPException):
                self._submitted.broken += 1
                time.sleep(0.1)

    def _send(self, client: smtplib.SMTP) -> None:
        submitted, number = self._submitted, self._submitted.next_number()
        name = f"<{number}@example.test>"
        to = self._recipients(number)
        client.mail(self._user)
        for address in to:
            client.rcpt(address)
        code, _ = client.docmd("DATA")
        if code != 354:
            submitted.refused[code] += 1
            client.rset()
            return
        size = self._chance.choice((100, 4000, 4000, 100_000))
        header = f"From: {self._user}\r\nMessage-ID: {name}\r\nSubject: load\r\n\r\n".encode()
        try:
            client.send(header + (b"x" * 70 + b"\r\n") * (size // 72) + b".\r\n")
            code, _ = client.getreply()
        except (OSError, smtplib.SMTPException):
            submitted.unknown[name] = to
            raise
        if code == 250:
            submitted.accepted[name] = to
        else:
            submitted.refused[code] += 1

    def _recipients(self, number: int) -> list[str]:
        """One to three, some of one domain, some of whom nobody knows."""
        chance = self._chance
        domains = chance.choices(DOMAINS, k=chance.choice((1, 1, 2, 3)))
        if len(domains) > 1 and chance.random() < 0.3:
            domains[1] = domains[0]
        return [
            f"{REFUSED if chance.random() < 0.1 else 'to'}-{number}-{place}@{domain}"
            for place, domain in enumerate(domains)
        ]


@pytest.mark.slow
def test_kill_9_while_mail_leaves(tmp_path: Path) -> None:
    seed = int(os.environ.get("POSTROOM_CRASH_SEED") or random.SystemRandom().randrange(2**32))
    print(f"again with POSTROOM_CRASH_SEED={seed}")
    chance = random.Random(seed)
    environment = {**ENVIRONMENT, "POSTROOM_TEMPLATE": str(impatient_template(tmp_path))}
    log = tmp_path / "taken.jsonl"
    with (
        sink(log, chance.randrange(2**32)) as port,
        running(tmp_path, USERS, gateways=2, workers=2, environment=environment) as postroom,
        opened(postroom) as app,
        ticking(app),
    ):
        routes_of(app).set("*", f"smtp://127.0.0.1:{port}?tls=none")
        submitted = Submitted()
        began = time.monotonic()
        sessions = [
            Session(
                USERS[number % len(USERS)],
                postroom.ports["submission"],
                postroom.trust(),
                submitted,
                chance.randrange(2**32),
            )
            for number in range(SESSIONS)
        ]
        for session in sessions:
            session.start()
        killed = kill_meanwhile(postroom, submitted, chance)
        for session in sessions:
            session.join(60)
            assert not session.is_alive()
        submitting = time.monotonic() - began
        empty_everything(postroom, app)
        all_up(postroom)
        took = time.monotonic() - began
        bounces = bounces_of_all(postroom)
    print(f"killed {dict(killed)}; submitted in {submitting:.0f} s, all done after {took:.0f} s")
    check(submitted, log, bounces)


def kill_meanwhile(postroom: Postroom, submitted: Submitted, chance: random.Random) -> Counter[str]:
    """One process after the other, until all is submitted; everything at a few points."""
    killed = Counter[str]()
    falls = [MESSAGES * (number + 1) // (FALLS + 1) for number in range(FALLS)]
    while not submitted.is_done:
        time.sleep(chance.uniform(0.1, 2 * PAUSE - 0.1))
        if falls and len(submitted.accepted) >= falls[0]:
            del falls[0]
            fall(postroom)
            killed["everything"] += 1
        else:
            killed[kill_one(postroom, chance)] += 1
    for _ in range(5):  # mail goes on leaving
        time.sleep(2 * PAUSE)
        killed[kill_one(postroom, chance)] += 1
    return killed


@contextmanager
def sink(log: Path, seed: int) -> Iterator[int]:
    """A misbehaving server in a process of its own; gives its port."""
    with free_port() as port:
        faults = [f"--{name}={probability}" for name, probability in FAULTS.items()]
        options = [f"--port={port}", f"--log={log}", f"--seed={seed}", f"--refuse={REFUSED}-"]
        command = [sys.executable, "-m", "tests.sinks", *options, *faults]
        root = Path(__file__).parents[2]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith(b"listening")
                yield port
            finally:
                process.terminate()


@contextmanager
def opened(postroom: Postroom) -> Iterator[App]:
    """The stores, beside the processes that use them."""
    app = build({"POSTROOM_DATA": str(postroom.data), **ENVIRONMENT})
    try:
        yield app
    finally:
        app.platform.close()


@contextmanager
def ticking(app: App) -> Iterator[None]:
    """What `tick` does each minute for mail that waits, each second. And letters that come again,
    as queues bring them: while somebody is at it, and when all is done."""
    stop = threading.Event()
    repeated: set[str] = set()

    def tick() -> None:
        while not stop.wait(0.6):
            feed(app.table, app.platform, app.clock, LEASE, 5000)
            for _ in range(4):
                tickets = [waiting.ticket for waiting in every(app.table, OUTBOUND)]
                app.outbound.ring(random.sample(tickets, min(30, len(tickets))))
                repeat(app.queue("inbound"), repeated)
                stop.wait(0.1)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
        assert thread.is_alive()
        print(f"{len(repeated)} letters of the Inbound queue repeated")
    finally:
        stop.set()
        thread.join(30)


def repeat(queue: Queue, repeated: set[str]) -> None:
    """Some of the queue's letters, if there are any at this moment, will come again."""
    for letter in queue.receive(3, 0.0):
        queue.send(letter.body)
        if letter.body not in repeated:
            repeated.add(letter.body)
            queue.send(letter.body, 3)
        queue.delete([letter.receipt])


def empty_everything(postroom: Postroom, app: App) -> None:
    """Wait until nothing waits, neither a record nor a letter, and no letter is dead."""
    deadline = time.monotonic() + PATIENCE
    while left := still_waiting(app):
        assert time.monotonic() < deadline, f"{len(left)} still wait: {left[:5]}"
        time.sleep(0.3)
    empty_queues(postroom, PATIENCE)
    assert not still_waiting(app)
    queues = postroom.health()["queues"]
    dead = {name: queue for name, queue in queues.items() if name.endswith("-dead")}
    assert all(queue == {"waiting": 0, "taken": 0} for queue in dead.values()), dead


def all_up(postroom: Postroom) -> None:
    """Who has died again and again is given a rest first."""
    deadline = time.monotonic() + PATIENCE
    while not postroom.health()["ok"]:
        assert time.monotonic() < deadline, postroom.health()["processes"]
        time.sleep(0.1)


def still_waiting(app: App) -> list[str]:
    return [
        record.key.sort for shard in range(SHARDS) for record in app.table.range(f"waiting/{shard}")
    ]


def bounces_of_all(postroom: Postroom) -> Counter[Pair]:
    """How often the senders were told of each failure: the reports in their INBOXes."""
    told = Counter[Pair]()
    for user in USERS:
        for octets in inbox(postroom, f"{user}@example.test"):
            report = email.message_from_bytes(octets, policy=email.policy.default)
            told.update(_told(report))
    return told


def inbox(postroom: Postroom, address: str) -> list[bytes]:
    port = postroom.ports["imaps"]
    with imaplib.IMAP4_SSL("localhost", port, ssl_context=postroom.trust(), timeout=60) as client:
        client.login(address, PASSWORD)
        if not int(client.select("INBOX", readonly=True)[1][0] or 0):
            return []
        lines = client.fetch("1:*", "(BODY.PEEK[])")[1]
    return [part[1] for part in lines if isinstance(part, tuple)]


def _told(report: EmailMessage) -> list[Pair]:
    """The Message-ID that the report quotes, and each recipient that it says has failed."""
    status, original = list(report.iter_parts())[1:3]
    assert status.get_content_type() == "message/delivery-status"
    text = original.as_string()
    quoted = re.search(r"(?im)^Message-ID:\s*(<\S+>)", text)
    assert quoted, text[:500]
    failed = re.findall(
        r"(?im)^Final-Recipient: rfc822;\s*(\S+)\s+(?:\S.*\s+)*?Action: failed", status.as_string()
    )
    assert failed, status.as_string()
    return [(quoted[1], address) for address in failed]


def check(submitted: Submitted, log: Path, bounces: Counter[Pair]) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    broken = {line["broke_after"] for line in lines if "broke_after" in line}
    deliveries: dict[Pair, list[str]] = defaultdict(list)  # names of the letters, in their order
    for line in lines:
        for recipient in line.get("to", ()):
            deliveries[line["message_id"], recipient].append(line["name"])

    accepted = pairs(submitted.accepted)
    unknown = pairs(submitted.unknown)
    good = {pair for pair in accepted if not pair[1].startswith(REFUSED)}
    bad = accepted - good
    lost = good - set(deliveries)
    assert not lost, f"{len(lost)} of {len(good)} lost: {sorted(lost)[:10]}"
    again = {pair: names for pair, names in deliveries.items() if len(names) > 1}
    doubled = {pair: names for pair, names in again.items() if not broken.issuperset(names[:-1])}
    assert not doubled, f"{len(doubled)} doubled: {list(doubled.items())[:10]}"
    assert set(deliveries) <= good | unknown, "what nobody has submitted"
    untold = bad - set(bounces)
    assert not untold, f"{len(untold)} of {len(bad)} never told: {sorted(untold)[:10]}"
    more = {pair: count for pair, count in bounces.items() if count > 1}
    assert not more, f"{len(more)} told again: {list(more.items())[:10]}"
    strange = set(bounces) - bad - {pair for pair in unknown if pair[1].startswith(REFUSED)}
    assert not strange, f"bounces without a reason: {sorted(strange)[:10]}"
    print(
        f"{len(submitted.accepted)} messages accepted, {len(submitted.unknown)} without a reply, "
        f"refused {dict(submitted.refused)}, {submitted.broken} sessions broken; "
        f"{len(good)} recipients reached, {len(again)} of them again after a broken connection "
        f"({len(broken)} broke after a final dot); {len(bad)} failures, each told once"
    )
    assert len(broken) > 5, "hardly any connection broke where it matters"


def pairs(messages: dict[str, list[str]]) -> set[Pair]:
    return {(name, address) for name, recipients in messages.items() for address in recipients}
