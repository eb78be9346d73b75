"""A mailbox that was found and goes before the messages come: which of the two it is matters."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.imap_world import World, new_data

_COMMANDS = [
    pytest.param("copy", b"COPY 1 Plans", id="COPY"),
    pytest.param("move", b"MOVE 1 Plans", id="MOVE"),
    pytest.param("replace", b"REPLACE 1 Plans {4+}\r\na: b", id="REPLACE"),
]


def _answer(
    folders: tuple[Path, Path], method: str, command: bytes, goes: str, monkeypatch: Any
) -> bytes:
    """To the command in the mailbox Here, while the mailbox *goes* is deleted."""

    async def talk() -> bytes:
        world = World(new_data(*folders))
        account, mailboxes = world.account().id, world.app.mailboxes
        for name in ("Here", "Plans"):
            mailboxes.create(account, name)
        world.deliver(b"Subject: a\r\n\r\n", "Here")
        client = await world.client("Here")
        done = getattr(mailboxes, method)

        def late(*words: Any, **options: Any) -> Any:
            mailboxes.delete(account, goes)
            return done(*words, **options)

        monkeypatch.setattr(mailboxes, method, late)
        answer = await client.ask(command)
        await world.close()
        return answer

    return asyncio.run(talk())


@pytest.fixture
def folders(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.getbasetemp(), tmp_path


@pytest.mark.parametrize(("method", "command"), _COMMANDS)
def test_the_client_may_create_the_target(
    folders: tuple[Path, Path], method: str, command: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9051 sections 6.4.7 and 6.4.8, RFC 8508 section 3.4."""
    answer = _answer(folders, method, command, "Plans", monkeypatch)
    assert answer == b"t NO [TRYCREATE] There is no such mailbox\r\n"


@pytest.mark.parametrize(("method", "command"), _COMMANDS)
def test_creating_the_target_does_not_bring_the_source_back(
    folders: tuple[Path, Path], method: str, command: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = _answer(folders, method, command, "Here", monkeypatch)
    assert b"TRYCREATE" not in answer
    assert answer.startswith((b"t NO [NONEXISTENT]", b"* BYE [NONEXISTENT]"))
