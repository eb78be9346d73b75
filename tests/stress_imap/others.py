"""Who else is at the account: mail that arrives by SMTP, and a POP3 program."""

import asyncio
import poplib
import random
import smtplib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.imap_model.ledger import TOKEN, Ledger, content, is_kept, must

PATIENCE = 60  # seconds
_BROKEN = (OSError, EOFError, smtplib.SMTPException)


@dataclass
class Sender:
    """Delivers a message now and then; a 250 is a promise."""

    port: int
    address: str
    ledger: Ledger
    dice: random.Random
    count: int = 0

    async def step(self) -> None:
        self.count += 1
        token = f"{'k' if self.dice.random() < 0.3 else 'p'}-smtp-{self.count}"
        attempt = self.ledger.attempt(made=[token])
        try:
            await asyncio.to_thread(self._send, token)
        except _BROKEN:
            self.ledger.steps["delivery without a reply"] += 1
        else:
            attempt.settle(made=[token])
            self.ledger.steps["delivery"] += 1
        await asyncio.sleep(self.dice.uniform(0.05, 0.6))

    def _send(self, token: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, "client.test", PATIENCE) as client:
            client.sendmail("sender@elsewhere.test", [self.address], content(token))


@dataclass
class Maildrop:
    """What one POP3 session saw."""

    unique_ids: list[bytes] = field(default_factory=list)
    tokens: dict[int, str] = field(default_factory=dict)  # by number


@dataclass
class PopProgram:
    port: int
    address: str
    password: str
    ledger: Ledger
    dice: random.Random
    known: dict[bytes, str] = field(default_factory=dict)  # unique-id -> token

    async def step(self) -> None:
        seed = self.dice.random()
        try:
            await self._session(random.Random(seed))
        except poplib.error_proto as error:
            broken = "EOF" in str(error)  # poplib's word for a connection that is gone
            must(broken or "IN-USE" in str(error), f"POP3: {error}")
        except _BROKEN:
            self.ledger.steps["POP3 session broken"] += 1
        await asyncio.sleep(self.dice.uniform(0.2, 1.5))

    async def _session(self, dice: random.Random) -> None:
        client = await asyncio.to_thread(self._log_in)
        try:
            drop = await asyncio.to_thread(self._look, client, dice)
            must(len(set(drop.unique_ids)) == len(drop.unique_ids), "POP3: a unique-id twice")
            for number, token in drop.tokens.items():
                unique_id = drop.unique_ids[number - 1]
                known = self.known.setdefault(unique_id, token)
                must(known == token, f"POP3: {unique_id!r} was {known} and is {token}")
            unwanted = [number for number, token in drop.tokens.items() if not is_kept(token)]
            self.ledger.touched_tokens |= {drop.tokens[number] for number in unwanted}
            await asyncio.to_thread(self._leave, client, unwanted)
            self.ledger.steps["POP3 session"] += 1
        finally:
            client.close()

    def _log_in(self) -> poplib.POP3:
        client = poplib.POP3("127.0.0.1", self.port, timeout=PATIENCE)
        client.user(self.address)
        client.pass_(self.password)
        return client

    def _look(self, client: poplib.POP3, dice: random.Random) -> Maildrop:
        drop = Maildrop([line.split(b" ")[1] for line in client.uidl()[1]])
        count, _ = client.stat()
        must(count == len(drop.unique_ids), "POP3: STAT and UIDL do not agree")
        for number in dice.sample(range(1, count + 1), min(count, 5)):
            try:
                lines = client.retr(number)[1]
            except poplib.error_proto as error:
                must("removed meanwhile" in str(error), f"RETR: {error}")
                continue
            match = TOKEN.search(b"\n".join(lines))
            must(match is not None, "POP3: a message that nobody has made")
            assert match is not None
            drop.tokens[number] = match[1].decode()
        return drop

    def _leave(self, client: poplib.POP3, numbers: list[int]) -> None:
        for number in numbers:
            client.dele(number)
        client.quit()


async def again_and_again(step: Callable[[], Awaitable[None]], until: Callable[[], bool]) -> None:
    while not until():
        await step()
