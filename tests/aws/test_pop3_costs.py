"""What reading mail by POP3 costs on AWS: the end of docs/COSTS.md. ``test_costs`` says how it is
written anew."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.pop3.maildrop import PAGE
from postroom.app import wire
from postroom.platform.aws.store import AwsStore
from tests.aws.filling import HugeMailboxes, fill_fast, huge_mailboxes, message_of
from tests.aws.letters import letter
from tests.aws.meter import Meter, metered
from tests.aws.reading import HUGE, LARGE, Row
from tests.aws.test_costs import COSTS, SteadyClock, SteadyRandomness
from tests.aws.test_reading_costs import table
from tests.aws_account import account_in_process, make_stores
from tests.conversations.pop3_world import PASSWORD, USER, World, pop3_world

HEADING = "## Reading by POP3\n"
PATIENCE = 60  # seconds; moto takes its time for transactions


@dataclass
class Pop3Reading:
    world: World
    meter: Meter
    huge: HugeMailboxes
    rows: list[Row] = field(default_factory=list)
    _reader: asyncio.StreamReader = field(init=False)
    _writer: asyncio.StreamWriter = field(init=False)

    async def connect(self) -> None:
        self._reader, self._writer = await self.world.talk()
        await self._reader.readline()

    async def count(self, what: str, *commands: str) -> None:
        self.meter.start()
        for command in commands:
            await self._ask(command)
        self.rows.append(Row(what, self.meter.calls.copy(), self.meter.units.copy()))

    async def _ask(self, command: str) -> None:
        self._writer.write(f"{command}\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            answer = await self._reader.readline()
            assert answer.startswith(b"+OK"), (command, answer)
            if command in ("LIST", "UIDL") or command[:4] in ("RETR", "TOP "):
                while await self._reader.readline() != b".\r\n":
                    pass

    async def all(self) -> list[Row]:
        app = self.world.app
        fill_fast(app, self.world.account, "INBOX", LARGE)
        for number in (1, 2, LARGE):
            app.blobs.put(message_of(number).blob, letter(number, USER))
        count = self.count
        login = [f"USER {USER}", f"PASS {PASSWORD}", "STAT"]
        await self.connect()
        await count("USER, PASS, STAT", *login)
        await count("LIST 1", "LIST 1")
        await count(f"LIST of {LARGE:,}", "LIST")
        await count(f"UIDL of {LARGE:,}, after LIST", "UIDL")
        await count("RETR of one", "RETR 1")
        await count("RETR of the next", "RETR 2")
        await count("TOP of one", f"TOP {LARGE} 0")
        await count("QUIT", "QUIT")
        await self.connect()
        await count("USER, PASS, STAT, again within minutes", *login)
        await count(f"UIDL of {LARGE:,}", "UIDL")
        await count("DELE of one, QUIT", "DELE 1", "QUIT")
        await self.connect()
        for command in login:
            await self._ask(command)
        await count("DELE of 100, QUIT", *(f"DELE {number}" for number in range(1, 101)), "QUIT")
        assert self.world.inbox().messages == LARGE - 101
        await self._of_bob()
        return self.rows

    async def _of_bob(self) -> None:
        app, address = self.world.app, "bob@example.test"
        account = app.directory.add_account(address, PASSWORD)
        app.mailboxes.create_account(account.id)
        self.huge.fill(app, account.id, "INBOX", HUGE)
        app.blobs.put(message_of(HUGE).blob, letter(HUGE, address))
        await self.connect()
        login = [f"USER {address}", f"PASS {PASSWORD}", "STAT"]
        await self.count(f"USER, PASS, STAT, {HUGE:,} messages", *login)
        await self.count(f"LIST of {HUGE:,}", "LIST")
        await self.count(f"RETR of one of {HUGE:,}", f"RETR {HUGE}")


async def read_by_pop3(folder: Path) -> list[Row]:
    clock = SteadyClock()
    with account_in_process(), huge_mailboxes() as huge, metered() as meter:
        settings = make_stores()
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())
        async with pop3_world(folder, app=app) as world:
            return await Pop3Reading(world, meter, huge).all()


def page(rows: Sequence[Row]) -> str:
    lines = [
        HEADING,
        "Counted by `tests/aws/test_pop3_costs.py`, from the calls that POP3 sessions make. STAT "
        "is answered by the counters",
        f"of the mailbox; numbers, sizes and unique-ids are read when they are asked for, {PAGE:,} "
        "messages at a time, once a session.",
        "The lock that a session holds is a write for each time that it is taken, renewed (three "
        "times a lease) and given back.",
        "",
        *table(rows),
    ]
    return "\n".join([*lines, ""])


@pytest.mark.aws
def test_pop3_makes_few_requests_and_the_page_says_what_they_cost(tmp_path: Path) -> None:
    rows = asyncio.run(read_by_pop3(tmp_path))
    text = page(rows)
    reading, _, written = COSTS.read_text().partition(HEADING)
    if os.environ.get("POSTROOM_WRITE_COSTS"):
        COSTS.write_text(reading.rstrip("\n") + "\n\n" + text)
        written = text.removeprefix(HEADING)
    took = {
        row.what: sum(row.calls[name] for name in row.calls if name[:3] == "dyn") for row in rows
    }
    for size in (LARGE, HUGE):  # pages, and whether any was expunged
        assert took[f"LIST of {size:,}"] <= 2 * size / PAGE
    assert took[f"USER, PASS, STAT, {HUGE:,} messages"] == took["USER, PASS, STAT"]
    assert took[f"UIDL of {LARGE:,}, after LIST"] == 0
    assert took["RETR of one"] == 1
    assert took["RETR of the next"] == 0
    assert took["DELE of 100, QUIT"] <= 25
    assert written == text.removeprefix(HEADING), "docs/COSTS.md is out of date: see test_costs"
