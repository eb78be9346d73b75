"""Replays tests/conversations/smtp/*.txt: whole, byte by byte, and pipelined.

The form is that of test_imap.py. The greeting and the reply to EHLO are read first. ``given``:

    limit NAME NUMBER    a field of SmtpLimits
    nothing said         the greeting was read, EHLO is to come
    not pipelined        the outcome depends on when the client speaks
    submission           AUTH and the rest of RFC 6409; the client is on the loopback
    passwords need TLS   the loopback's exception is taken away
    as alice             with submission: alice has logged in
    allowed N M          messages in an hour and recipients in a day (500 and 5000 when not said)
    N queued             so many queue entries are there at the end (0 when not said)
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.smtp_world import Submitting, World, log_in, new_data, say
from tests.conversations.test_imap import Conversation, _expect, read

FOLDER = Path(__file__).parent / "smtp"


def cases() -> Iterator[object]:
    for path in sorted(FOLDER.glob("*.txt")):
        conversation = read(path)
        manners = ["whole", "bytes"] + ["pipelined"] * conversation.can_be_pipelined
        for manner in manners:
            yield pytest.param(conversation, manner, id=f"{path.stem}-{manner}")


@pytest.mark.parametrize(("conversation", "manner"), list(cases()))
def test_conversation(
    conversation: Conversation,
    manner: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)
    asyncio.run(_replay(conversation, manner, data))


async def _replay(conversation: Conversation, manner: str, data: Path) -> None:
    limits: dict[str, Any] = {}
    queued, greeted, user = 0, True, ""
    submitting: Submitting | None = None
    for given in conversation.given:
        match given.split():
            case ["limit", name, number]:
                limits[name] = float(number) if "timeout" in name else int(number)
            case ["nothing", "said"]:
                greeted = False
            case ["not", "pipelined"]:
                pass
            case ["submission"]:
                submitting = Submitting()
            case ["passwords", "need", "TLS"] if submitting is not None:
                submitting = replace(submitting, plaintext=False)
            case ["allowed", messages, recipients] if submitting is not None:
                submitting = replace(submitting, messages=int(messages), recipients=int(recipients))
            case ["as", user] if submitting is not None:
                pass
            case [number, "queued"]:
                queued = int(number)
            case _:
                raise AssertionError(f"given: {given}")
    world = World(data, submitting=submitting, **limits)
    try:
        client = await world.connect()
        if greeted:
            await say(client, b"EHLO client.example.org")
        if user:
            await log_in(client, user)
        turns = conversation.lines
        if manner == "pipelined":  # the client says everything before it listens
            turns = sorted(turns, key=lambda line: line[1])
        for side, lines in groupby(turns, key=lambda line: line[1]):
            texts = [text for _, _, text in lines]
            if side == "C":
                octets = "".join(f"{text}\r\n" for text in texts).encode()
                await client.send(octets, piece=1 if manner == "bytes" else 0)
            else:
                await _expect(client, texts)
        await asyncio.sleep(0.005)
        left = await client.wait(lambda _: True)
        assert not left, f"the server said more: {left!r}"
        assert len(world.queued()) == queued
    finally:
        await world.close()
