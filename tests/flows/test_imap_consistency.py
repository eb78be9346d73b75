"""Several clients change one mailbox at once; what each was told must add up.

A model follows each client by the untagged responses alone: EXPUNGE comes only where RFC 9051
section 7.5.1 allows it, EXISTS never takes a message away, a number keeps its UID, and in the end
the client knows every message and its flags without having asked for them again.
"""

import asyncio
import random
import re
from pathlib import Path

import pytest

from tests.conversations.imap_world import Client, World, new_data

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "Work")
_EXISTS = re.compile(rb"\* (\d+) EXISTS")
_EXPUNGE = re.compile(rb"\* (\d+) EXPUNGE")
_FETCH = re.compile(rb"\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)")
_SEARCH = re.compile(rb"\* SEARCH((?: \d+)*)")


class Told:
    """What one client knows, from what it was told."""

    def __init__(self, client: Client, dice: random.Random) -> None:
        self.client = client
        self.dice = dice
        self.uids: list[int] = []  # by number - 1; 0: not told yet
        self.flags: dict[int, frozenset[str]] = {}
        self.commands = 0

    async def ask(self, command: str, *, expunges: bool) -> list[bytes]:
        self.commands += 1
        tag = b"t%d" % self.commands
        answer = await self.client.ask(command.encode(), tag)
        lines = answer.split(b"\r\n")
        assert lines[-2].startswith(tag + b" "), f"{command}: {answer!r}"
        assert not lines[-2].startswith(tag + b" BAD"), f"{command}: {answer!r}"
        self.hear(lines[:-2], expunges=expunges)
        return lines[:-1]

    def hear(self, lines: list[bytes], *, expunges: bool) -> None:
        for line in lines:
            if match := _EXPUNGE.fullmatch(line):
                assert expunges, "EXPUNGE during FETCH, STORE or SEARCH by number"
                number = int(match[1])
                assert 1 <= number <= len(self.uids)
                self.flags.pop(self.uids.pop(number - 1), None)
            elif match := _EXISTS.fullmatch(line):
                more = int(match[1]) - len(self.uids)
                assert more >= 0, "EXISTS took a message away"
                self.uids += [0] * more
            elif match := _FETCH.match(line):
                number, uid = int(match[1]), int(match[2])
                assert self.uids[number - 1] in (0, uid), "a number changed its UID"
                self.uids[number - 1] = uid
                flags = match[3].decode().split()
                self.flags[uid] = frozenset(flag for flag in flags if flag != "\\Recent")

    async def learn_new(self) -> None:
        """Ask for messages whose UID is not known, as a client does after EXISTS."""
        unknown = [number for number, uid in enumerate(self.uids, 1) if not uid]
        if unknown:
            await self.ask(f"FETCH {unknown[0]}:{unknown[-1]} (UID FLAGS)", expunges=False)

    def some_set(self) -> tuple[str, list[int]]:
        numbers = sorted(self.dice.sample(range(1, len(self.uids) + 1), min(3, len(self.uids))))
        return ",".join(map(str, numbers)), numbers

    async def step(self) -> None:
        dice = self.dice
        await self.learn_new()
        known = [uid for uid in self.uids if uid]
        if not known or dice.random() < 0.15:
            await self.append()
            return
        numbers, chosen = self.some_set()
        uids = ",".join(str(uid) for uid in (self.uids[n - 1] for n in chosen) if uid)
        change = f"{dice.choice('+-')}FLAGS ({' '.join(dice.sample(FLAGS, 2))})"
        match dice.randrange(9):
            case 0:
                await self.ask(f"STORE {numbers} {change}", expunges=False)
            case 1 if uids:
                await self.ask(f"UID STORE {uids} {change}", expunges=True)
            case 2:
                await self.ask("EXPUNGE", expunges=True)
            case 3:
                await self.ask(f"FETCH {numbers} (UID FLAGS BODY.PEEK[])", expunges=False)
            case 4:
                await self.search()
            case 5 if uids:
                await self.ask(f"UID MOVE {uids} Archive", expunges=True)
            case 6:
                await self.ask(f"COPY {numbers} INBOX", expunges=True)
            case 7:
                await self.idle()
            case _:
                await self.ask("NOOP", expunges=True)

    async def append(self) -> None:
        await self.ask("APPEND INBOX {7+}\r\na: b\r\n ", expunges=True)

    async def search(self) -> None:
        for line in await self.ask("SEARCH ALL", expunges=False):
            if match := _SEARCH.fullmatch(line):
                assert all(int(number) <= len(self.uids) for number in match[1].split())

    async def idle(self) -> None:
        self.commands += 1
        tag = b"t%d" % self.commands
        await self.client.send(tag + b" IDLE\r\n")
        await asyncio.sleep(self.dice.random() * 0.02)
        await self.client.send(b"DONE\r\n")
        done = b"\r\n" + tag + b" OK IDLE completed\r\n"
        answer = await self.client.wait(lambda new: new.endswith(done))
        assert answer.startswith(b"+ idling\r\n"), answer
        assert answer.endswith(done), answer
        self.hear(answer.split(b"\r\n"), expunges=True)


@pytest.mark.parametrize("seed", range(4))
def test_what_clients_are_told_adds_up(
    seed: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asyncio.run(_play(seed, new_data(tmp_path_factory.getbasetemp(), tmp_path)))


async def _play(seed: int, data: Path) -> None:
    world = World(data, local=seed % 2 == 0)
    try:
        for number in range(10):
            world.deliver(b"Subject: %d\r\n\r\n" % number)
        players = []
        for number in range(4):
            client = await world.client()
            player = Told(client, random.Random(seed * 10 + number))
            await player.ask("SELECT INBOX", expunges=False)
            players.append(player)

        async def play(player: Told) -> None:
            for _ in range(60):
                await player.step()

        await asyncio.gather(*map(play, players))
        account = world.account().id
        inbox = world.app.mailboxes.find(account, "INBOX").id
        there = {m.uid: frozenset(m.flags) for m in world.app.mailboxes.messages(inbox)}
        for player in players:
            await player.ask("NOOP", expunges=True)
            await player.learn_new()
            assert player.uids == sorted(there), "the client's messages are not those there"
            assert player.flags == there, "the client was not told of all flags"
    finally:
        await world.close()
