"""Mail that swaks sends gets one answer of somebody who is away, and the second mail none."""

import time
from collections.abc import Callable

import pytest

from tests.clients.conftest import User
from tests.clients.programs import Home
from tests.clients.reading import inbox
from tests.running import Postroom

pytestmark = pytest.mark.clients

TEXT = "I am at sea until Monday."


def by_form(postroom: Postroom, address: str, home: Home) -> None:
    done = postroom.command("vacation", "set", address, "--text", TEXT)
    assert done.returncode == 0, done.stderr


def by_script(postroom: Postroom, address: str, home: Home) -> None:
    script = home.write("away.sieve", f'require "vacation";\nvacation "{TEXT}";\n'.encode())
    done = postroom.command("sieve", "put", address, "away", str(script), "--activate")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("turn_on", [by_form, by_script])
def test_one_answer(
    postroom: Postroom, user: User, home: Home, turn_on: Callable[[Postroom, str, Home], None]
) -> None:
    away = User(postroom.add_user(f"away.{turn_on.__name__.replace('_', '.')}"))
    turn_on(postroom, away.address, home)
    for number in (1, 2):
        home.run(
            "swaks", "--silent", "2", "--server", f"localhost:{postroom.ports['smtp']}",
            "--from", user.address, "--to", away.address, "--header", f"Subject: Sail {number}",
        )  # fmt: skip
        inbox(postroom, away, number)
    answers = inbox(postroom, user, 1)
    deadline = time.monotonic() + 20
    while "not answered" not in postroom.command("trace", away.address).stdout:
        assert time.monotonic() < deadline, "nothing is told of the second mail"
    assert inbox(postroom, user, 1) == answers
    [answer] = answers
    assert TEXT.encode() in answer
    assert b"Auto-Submitted: auto-replied" in answer
    assert b"Return-Path: <>" in answer
