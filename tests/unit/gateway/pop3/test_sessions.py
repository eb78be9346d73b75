"""POP3 as a client meets it: on sockets, over a real store."""

import asyncio
import poplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.mailboxes.maildrop import LEASE, MaildropLock
from postroom.message.surrogate import surrogate
from tests.conversations.pop3_world import (
    PASSWORD,
    SETTINGS,
    USER,
    World,
    pop3_world,
    without_plaintext,
)

MESSAGE = b"Subject: a\r\n\r\nbody\r\n"


def with_world(
    folder: Path, test: Callable[[World], Any], *messages: bytes, settings: Any = SETTINGS
) -> None:
    async def run() -> None:
        async with pop3_world(folder, messages, settings) as world:
            outcome = test(world)
            if asyncio.iscoroutine(outcome):
                await asyncio.wait_for(outcome, 30)

    asyncio.run(run())


def logged_in(client: poplib.POP3) -> poplib.POP3:
    client.user(USER)
    client.pass_(PASSWORD)
    return client


def in_thread(test: Callable[[World], None]) -> Callable[[World], Any]:
    return lambda world: asyncio.to_thread(test, world)


def test_poplib_over_tls_both_ways(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        trust = ssl.create_default_context(cafile=str(world.authority))
        with_tls = poplib.POP3_SSL("localhost", world.port("pop3s"), context=trust, timeout=10)
        assert logged_in(with_tls).stat() == (1, len(MESSAGE))
        assert b"\r\n".join(with_tls.retr(1)[1]) + b"\r\n" == MESSAGE
        with_tls.quit()
        upgraded = world.client()
        assert "STLS" in upgraded.capa()
        with pytest.raises(poplib.error_proto, match="STLS"):
            upgraded.user(USER)
        upgraded.stls(trust)
        assert "STLS" not in upgraded.capa()
        assert logged_in(upgraded).uidl()[1][0].endswith(b".1")
        upgraded.quit()

    with_world(tmp_path, in_thread(talk), MESSAGE, settings=without_plaintext())


def test_what_was_said_before_tls_is_forgotten(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        reader, writer = await world.talk()
        await reader.readline()
        writer.write(b"STLS\r\nNOOP\r\nQUIT\r\n")
        assert await reader.readline() == b"+OK Begin TLS negotiation\r\n"
        trust = ssl.create_default_context(cafile=str(world.authority))
        await writer.start_tls(trust, server_hostname="localhost")
        writer.write(b"LANG en\r\n")
        assert await reader.readline() == b"+OK en Language is English\r\n"
        writer.close()

    with_world(tmp_path, talk)


def test_a_large_message_comes_in_pieces(tmp_path: Path) -> None:
    line = b".line that begins with a dot\r\n"
    message = b"Subject: large\r\n\r\n" + line * 60_000

    def talk(world: World) -> None:
        client = logged_in(world.client())
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == message
        assert len(client.top(1, 3)[1]) == 2 + 3
        assert b"\r\n".join(client.top(1, 100_000)[1]) + b"\r\n" == message
        client.quit()

    with_world(tmp_path, in_thread(talk), message)


def test_a_large_surrogate_comes_in_pieces(tmp_path: Path) -> None:
    message = (
        "Subject: Grüße\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
        + "über\r\n" * 60_000
        + "--b\r\nContent-Description: über\r\n\r\nende\r\n--b--\r\n"
    ).encode()
    expected = surrogate(message)
    assert b"=?utf-8?b?w7xiZXI=?=" in expected

    def talk(world: World) -> None:
        client = logged_in(world.client())
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == expected
        assert b"\r\n".join(client.top(1, 100_000)[1]) + b"\r\n" == expected
        client.quit()
        client = world.client()
        client.utf8()
        logged_in(client)
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == message
        client.quit()

    with_world(tmp_path, in_thread(talk), message)


def test_the_prefix_is_part_of_the_message(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        world.deliver([MESSAGE], prefix=b"Return-Path: <>\r\n")
        client = logged_in(world.client())
        assert client.list(1).split()[2] == b"%d" % (len(MESSAGE) + 17)
        assert client.retr(1)[1][:2] == [b"Return-Path: <>", b"Subject: a"]
        client.quit()

    with_world(tmp_path, in_thread(talk))


def test_the_maildrop_is_for_one_at_a_time(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        first = logged_in(world.client())
        second = world.client()
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            logged_in(second)
        first.quit()
        assert logged_in(second).stat()[0] == 1
        second.close()  # without QUIT: the lock goes all the same
        for attempt in range(200):
            third = world.client()
            try:
                logged_in(third).quit()
            except poplib.error_proto:
                assert attempt < 199
                continue
            break

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_mail_that_comes_during_the_sitting_waits_for_the_next(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        client = logged_in(world.client())
        world.deliver([MESSAGE])
        assert client.stat()[0] == 1
        client.dele(1)
        client.quit()
        client = logged_in(world.client())
        assert client.uidl()[1][0].endswith(b".2")
        client.quit()

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_without_the_lock_nothing_is_deleted(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        client = logged_in(world.client())
        client.dele(1)
        table = world.app.platform.table
        record = next(iter(table.range(f"account/{world.account}", "maildrop", "maildrop")))
        MaildropLock(table, world.app.clock, world.account, str(record.body["owner"])).release()
        other = MaildropLock(table, world.app.clock, world.account, "other")
        assert other.acquire()
        with pytest.raises(poplib.error_proto, match="nothing was deleted"):
            client.quit()
        assert world.inbox().messages == 1
        assert other.renew()  # the loser has not let go of the winner's lock

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_a_lock_ends_by_itself(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        clock = Later(world.app.clock.seconds())
        table = world.app.platform.table
        assert MaildropLock(table, clock, "a", "one").acquire()
        record = next(iter(table.range("account/a")))
        assert record.expires == int(clock.seconds()) + LEASE
        assert not MaildropLock(table, clock, "a", "two").acquire()

    with_world(tmp_path, talk)


class Later:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def seconds(self) -> float:
        return self._seconds

    def now(self) -> Any:
        raise NotImplementedError


def test_too_many_errors_end_the_session(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        reader, writer = await world.talk()
        writer.write(b"NOPE\r\n" * 10)
        replies = (await reader.read()).splitlines()
        assert len(replies) == 1 + 3
        assert replies[-1] == b"-ERR [SYS/PERM] Too many errors"
        writer.close()

    with_world(tmp_path, talk, settings=replace(SETTINGS, errors=3))


def test_a_client_that_half_closes_gets_its_answers(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        reader, writer = await world.talk()
        login = f"USER {USER}\r\nPASS {PASSWORD}\r\nDELE 1\r\nQUIT\r\n"
        writer.write(login.encode())
        writer.write_eof()
        assert (await reader.read()).splitlines()[-1] == b"+OK Bye, 1 messages deleted"
        writer.close()
        assert world.inbox().messages == 0

    with_world(tmp_path, talk, MESSAGE)


def test_who_says_nothing_is_cut_off(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        reader, _ = await world.talk()
        await reader.readline()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""

    with_world(tmp_path, talk, settings=replace(SETTINGS, login_timeout=0.1))


def test_a_message_whose_blob_is_gone_keeps_the_session(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        message = next(iter(world.app.mailboxes.messages(world.inbox().id)))
        world.app.platform.blobs.delete([message.blob])
        client = logged_in(world.client())
        with pytest.raises(poplib.error_proto, match="cannot be read"):
            client.retr(1)
        with pytest.raises(poplib.error_proto, match="cannot be read"):
            client.top(1, 0)
        assert client.stat()[0] == 1
        client.quit()

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_a_blob_that_lost_its_end_is_told_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(world: World) -> None:
        blobs = world.app.platform.blobs
        monkeypatch.setattr(blobs, "get_range", lambda key, start, length: MESSAGE[:9][start:])
        client = logged_in(world.client())
        assert client.top(1, 5)[1] == MESSAGE[:9].splitlines()
        client.quit()

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_an_account_removed_meanwhile_ends_the_session(tmp_path: Path) -> None:
    def talk(world: World) -> None:
        client = logged_in(world.client())
        world.app.mailboxes.remove_account(world.account)
        with pytest.raises(poplib.error_proto, match="no maildrop"):
            client.list()

    with_world(tmp_path, in_thread(talk), MESSAGE)


def test_drain_finishes_what_runs_and_lets_go(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        reader, writer = await world.talk()
        writer.write(f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode())
        for _ in range(3):
            await reader.readline()
        assert await world.listeners.drain(5) == 0
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError):
            await world.talk()
        lock = MaildropLock(world.app.platform.table, world.app.clock, world.account, "next")
        assert lock.acquire()

    with_world(tmp_path, talk, MESSAGE)
