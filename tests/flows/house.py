"""A whole Postroom in one process: the gateway's listeners in a thread, the functions on call.

The stores are an adapter of tests/contracts; the listeners are those that ``python -m gateway``
opens, on free ports; a function runs when a test says so, on what its queue holds.
"""

import asyncio
import imaplib
import poplib
import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import uvloop

from gateway.__main__ import services
from gateway.crossing import Crossing
from gateway.listeners import Listeners
from gateway.settings import ANY_PORT, GatewaySettings
from gateway.tls import open_tls
from local.runtime.invoke import failed_letters, sqs_event
from postroom.app import App, wire
from postroom.autoreply.answers import from_json
from postroom.directory.records import Account, Domain
from postroom.mailboxes import indexing
from postroom.mailboxes.records import Mailbox, Message
from postroom.mailboxes.search_index import Task
from postroom.pipeline import answers, bounces, inbound
from postroom.pipeline.dead_letters import DeadLetters
from postroom.pipeline.later import letter_of
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.queue import Letter
from postroom.platform.system import SystemRandomness
from postroom.relay.run import Relay
from postroom.relay.waiting import Ticket, feed, in_order, tickets_of
from postroom.relaying import relay_of, routes_of
from postroom.settings import Settings
from tests.contracts.conftest import World

HOSTNAME = "mail.example.test"
DOMAIN = "example.test"
PASSWORD = "correct horse"
QUEUES = ("inbound", "outbound", "bounces", "answers", "index")
_DATE = rb";\r\n\t[^\r\n]*\r\n"  # how our Received field ends, whatever the message begins with
_PATIENCE = 20  # seconds for a client; a test that waits so long has failed
_BUDGET = 60.0  # seconds of a relay function's call
_ROUNDS = 100  # of all functions until nothing is left; more means that they go round in circles


class House:
    """``ports`` by listener. Stores may be looked at while clients are connected."""

    def __init__(self, world: World, tls_folder: Path) -> None:
        self.world = world
        settings = Settings(data=world.folder, hostname=HOSTNAME)
        self.app: App = wire(settings, world.platform, world.clock, SystemRandomness())
        self.ports: dict[str, int] = {}
        self.reasons = Reasons(self.app.platform.table, self.app.clock, "inbound")
        self.dead = DeadLetters(self.app.platform, "inbound", self.app.clock)
        self.queue = self.app.platform.queue("inbound")
        self._tls_folder = tls_folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main)
        self._thread.start()
        assert self._ready.wait(_PATIENCE)

    # People and addresses.

    def domain(self, name: str = DOMAIN, *, alias_of: str = "", catch_all: str = "") -> None:
        self.app.directory.add_domain(Domain(name, alias_of, catch_all))

    def account(self, name: str, quota: int = 0) -> Account:
        account = self.app.directory.add_account(f"{name}@{DOMAIN}", PASSWORD, quota)
        self.app.mailboxes.create_account(account.id)
        return account

    def inbox(self, account: Account) -> Mailbox:
        return self.app.mailboxes.find(account.id, "INBOX")

    def messages(self, account: Account) -> list[Message]:
        """What the store has in the account's INBOX."""
        return list(self.app.mailboxes.messages(self.inbox(account).id))

    # Clients.

    @contextmanager
    def smtp(self) -> Iterator[smtplib.SMTP]:
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"], "client.test", _PATIENCE) as client:
            client.ehlo()
            yield client

    def send(
        self, octets: bytes, *recipients: str, sender: str = "sender@elsewhere.test"
    ) -> tuple[str, dict[str, tuple[int, bytes]]]:
        """Send a message with CRLF line ends. Returns the queue id and the refused recipients."""
        with self.smtp() as client:
            refused: dict[str, tuple[int, bytes]] = {}
            code, answer = client.mail(sender)
            assert code == 250, answer
            for recipient in recipients:
                code, answer = client.rcpt(recipient)
                if code != 250:
                    refused[recipient] = (code, answer)
            code, answer = client.data(octets)
            assert code == 250, answer
            return answer.decode().rsplit(" ", 1)[1], refused

    @contextmanager
    def imap(self, name: str) -> Iterator[imaplib.IMAP4]:
        """A client of that user, logged in."""
        with imaplib.IMAP4("127.0.0.1", self.ports["imap"], _PATIENCE) as client:
            client.login(f"{name}@{DOMAIN}", PASSWORD)
            yield client

    @contextmanager
    def pop3(self, name: str) -> Iterator[poplib.POP3]:
        client = poplib.POP3("127.0.0.1", self.ports["pop3"], timeout=_PATIENCE)
        client.user(f"{name}@{DOMAIN}")
        client.pass_(PASSWORD)
        try:
            yield client
        finally:
            client.quit()

    def read(self, name: str, mailbox: str = "INBOX") -> list[bytes]:
        """All messages of the user's mailbox, as IMAP gives them."""
        with self.imap(name) as client:
            client.select(mailbox, readonly=True)
            _, found = client.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in found if isinstance(part, tuple)]

    @contextmanager
    def submission(self, name: str) -> Iterator[smtplib.SMTP]:
        """A client of that user on the submission port, logged in under TLS."""
        port = self.ports["submission"]
        with smtplib.SMTP("127.0.0.1", port, "client.test", _PATIENCE) as client:
            authority = self._tls_folder / "authority.pem"
            client.starttls(context=ssl.create_default_context(cafile=str(authority)))
            client.login(f"{name}@{DOMAIN}", PASSWORD)
            client.ehlo()
            yield client

    def submit(
        self, name: str, octets: bytes, *recipients: str, options: str = "", rcpt: str = ""
    ) -> str:
        """Submit a message as that user; return its queue id. *options* and *rcpt*: parameters of
        MAIL and of each RCPT."""
        with self.submission(name) as client:
            code, answer = client.mail(f"{name}@{DOMAIN}", options.split())
            assert code == 250, answer
            for recipient in recipients:
                code, answer = client.rcpt(recipient, rcpt.split())
                assert code == 250, answer
            code, answer = client.data(octets)
            assert code == 250, answer
            return answer.decode().rsplit(" ", 1)[1]

    # The functions.

    def letters(self, most: int = 10, queue: str = "inbound") -> list[Letter]:
        return self.app.queue(queue).receive(most, 0.0)

    def invoke(self, letters: Sequence[Letter], queue: str = "inbound") -> set[str]:
        """Run the queue's function on a batch and leave the queue alone; return the letters that
        failed."""
        event = sqs_event(queue, letters)
        return failed_letters(self._functions[queue](event), letters)

    def deliver(self, queue: str = "inbound") -> set[str]:
        """Take batch by batch, as Lambda's event source mapping does, until none waits.

        Returns the letters that failed; they stay taken for the queue's visibility time.
        """
        failed: set[str] = set()
        while letters := self.letters(queue=queue):
            failed |= (now := self.invoke(letters, queue))
            self.app.queue(queue).delete(
                [letter.receipt for letter in letters if letter.id not in now]
            )
        return failed

    def work(self) -> None:
        """Let every function run until no queue has a letter that may be taken now."""
        for _ in range(_ROUNDS):
            batches = {queue: self.letters(queue=queue) for queue in QUEUES}
            if not any(batches.values()):
                return
            for queue, letters in batches.items():
                if letters:
                    assert self.invoke(letters, queue) == set(), queue
                    self.app.queue(queue).delete([letter.receipt for letter in letters])
        raise AssertionError("the functions do not come to an end")

    def tick(self) -> int:
        return feed(self.app.table, self.app.platform, self.app.clock, self.app.settings.lease, 500)

    def pass_time(self, seconds: float) -> None:
        """Let time pass from one record's time to the next; then a tick, and all functions run."""
        clock = self.world.clock
        end = clock.seconds() + seconds
        while clock.seconds() < end:
            due = next((waiting.due for waiting in in_order(self.app.table)), None)
            until = end if due is None else min(max(due / 1000, clock.seconds()) + 1, end)
            self.world.pass_time(max(until - clock.seconds(), 0.001))
            self.tick()
            self.work()

    def lead(self, pattern: str, port: int) -> None:
        """Mail for the domains goes to that port of this machine."""
        routes_of(self.app).set(pattern, f"smtp://127.0.0.1:{port}?tls=none")

    @cached_property
    def relay(self) -> Relay:
        return relay_of(self.app)

    @cached_property
    def _functions(self) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
        """What functions/*/app.py plug together."""
        app = self.app
        reasons = {name: Reasons(app.table, app.clock, name) for name in QUEUES}

        def attempt(letters: Sequence[list[Ticket]]) -> dict[int, Exception]:
            self.relay.process([ticket for tickets in letters for ticket in tickets], _BUDGET)
            return {}

        return {
            "inbound": lambda event: run_batch(
                event, letter_of, lambda batch: inbound.process(app, batch), reasons["inbound"]
            ),
            "outbound": lambda event: run_batch(event, tickets_of, attempt, reasons["outbound"]),
            "bounces": lambda event: run_batch(
                event, bounces.decode, lambda batch: bounces.process(app, batch), reasons["bounces"]
            ),
            "answers": lambda event: run_batch(
                event, from_json, lambda batch: answers.process(app, batch), reasons["answers"]
            ),
            "index": lambda event: run_batch(
                event,
                Task.from_json,
                lambda batch: indexing.process(app.indexing, app.queue("index"), batch),
                reasons["index"],
            ),
        }

    def stop(self) -> None:
        if "relay" in self.__dict__:
            self.relay.close()
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()

    # The thread.

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        settings = GatewaySettings(plaintext_on_loopback=True, drain_timeout=2, threads=4)
        tls = open_tls(None, None, self._tls_folder, ["localhost", "127.0.0.1"])
        crossing = Crossing(self.app, settings.threads)
        listeners = Listeners(settings, tls)
        for service, _ in services(self.app, settings, crossing, tls):
            await listeners.open(service, ANY_PORT)
            self.ports[service.name] = listeners.addresses[service.name][0][1]
        self._ready.set()
        await self._stop.wait()
        await listeners.drain(settings.drain_timeout)
        await asyncio.to_thread(crossing.close)


@contextmanager
def opened(world: World, tls_folder: Path) -> Iterator[House]:
    house = House(world, tls_folder)
    try:
        yield house
    finally:
        house.stop()


def below_ours(octets: bytes) -> tuple[dict[str, str], bytes]:
    """Split a delivered message: the fields that we put on top, by name, and the sender's octets.

    Ours are Return-Path, Delivered-To and one Received, in this order, the last without its date.
    """
    ours: dict[str, str] = {}
    for name, end in ((b"Return-Path", b"\r\n"), (b"Delivered-To", b"\r\n"), (b"Received", _DATE)):
        field = re.match(name + b": (.*?)" + end, octets, re.DOTALL)
        assert field is not None, octets[:300]
        ours[name.decode()] = field[1].decode()
        octets = octets[field.end() :]
    return ours, octets
