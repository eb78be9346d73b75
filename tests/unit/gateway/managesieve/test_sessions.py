"""ManageSieve as a client meets it: on sockets, over a real store."""

import asyncio
import base64
import re
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from scramp import ScramClient

from gateway.settings import GatewaySettings
from postroom.errors import StoreUnavailable
from tests.conversations.managesieve_world import (
    PASSWORD,
    PLAIN,
    SETTINGS,
    USER,
    World,
    greeting,
    managesieve_world,
    without_plaintext,
)

READY = b'OK "Postroom ManageSieve ready"\r\n'
LOGIN = b'AUTHENTICATE "PLAIN" "%b"\r\n' % PLAIN
SCRAM = "SCRAM-SHA-256"


@dataclass
class Client:
    world: World
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def line(self) -> bytes:
        return await asyncio.wait_for(self.reader.readline(), 10)

    async def ask(self, *lines: bytes) -> bytes:
        """Say the lines; return everything up to the OK, NO or BYE, with its text."""
        self.writer.write(b"".join(line + b"\r\n" for line in lines))
        return await self.answer()

    async def answer(self) -> bytes:
        said = b""
        while True:
            line = await self.line()
            said += line
            if not line or line.startswith((b"OK", b"NO", b"BYE")):
                literal = re.search(rb"\{(\d+)\}\r\n$", line)
                return (
                    said + await self.reader.readexactly(int(literal[1]) + 2) if literal else said
                )

    async def start_tls(self) -> None:
        trust = ssl.create_default_context(cafile=str(self.world.authority))
        await self.writer.start_tls(trust, server_hostname="localhost")

    async def rest(self) -> bytes:
        with suppress(ConnectionResetError):
            return await asyncio.wait_for(self.reader.read(), 10)
        return b""


async def connected(world: World, *, mechanisms: str = "SCRAM-SHA-256 PLAIN LOGIN") -> Client:
    client = Client(world, *await world.talk())
    assert await client.answer() == greeting(mechanisms=mechanisms) + READY
    return client


async def logged_in(world: World) -> Client:
    client = await connected(world)
    assert await client.ask(LOGIN.rstrip()) == b'OK "Logged in"\r\n'
    return client


Test = Callable[[World], Coroutine[Any, Any, None]]


def with_world(folder: Path, test: Test, settings: GatewaySettings = SETTINGS) -> None:
    async def run() -> None:
        async with managesieve_world(folder, settings) as world:
            await asyncio.wait_for(test(world), 30)

    asyncio.run(run())


# TLS


def test_tls_comes_first_and_the_capabilities_again(tmp_path: Path) -> None:
    """As Thunderbird's add-on does it: it asks for the capabilities at once, and is told twice."""

    async def talk(world: World) -> None:
        client = await connected(world, mechanisms="")
        refused = await client.ask(LOGIN.rstrip())
        assert refused.startswith(b"NO (ENCRYPT-NEEDED)")
        assert await client.ask(b"StartTls") == b'OK "Begin TLS negotiation"\r\n'
        await client.start_tls()
        told = greeting(starttls=False)
        assert await client.ask(b"CAPABILITY") == told + b'OK "TLS negotiation done"\r\n'
        assert await client.answer() == told + b"OK\r\n"
        assert (await client.ask(b"STARTTLS")).startswith(b"NO ")
        assert await client.ask(LOGIN.rstrip()) == b'OK "Logged in"\r\n'
        owner = b'"OWNER" "%b"\r\n' % USER.encode()
        assert await client.ask(b"CAPABILITY") == told + owner + b"OK\r\n"
        assert await client.ask(b"UNAUTHENTICATE") == b'OK "Logged out"\r\n'
        assert await client.ask(b"CAPABILITY") == told + b"OK\r\n"  # TLS stays

    with_world(tmp_path, talk, without_plaintext())


def test_what_was_said_before_tls_is_forgotten(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        client.writer.write(b"STARTTLS\r\n" + LOGIN + b'PUTSCRIPT "a" {100+}\r\nhalf a scr')
        assert await client.line() == b'OK "Begin TLS negotiation"\r\n'
        await client.start_tls()
        assert await client.answer() == greeting(starttls=False) + b'OK "TLS negotiation done"\r\n'
        assert await client.ask(b'NOOP "sync"') == b'OK (TAG "sync") "Nothing done"\r\n'
        assert (await client.ask(b"LISTSCRIPTS")).startswith(b"NO ")

    with_world(tmp_path, talk)


def test_no_tls_after_the_login(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        assert b"STARTTLS" not in await client.ask(b"CAPABILITY")
        assert (await client.ask(b"STARTTLS")).startswith(b"NO ")
        await client.ask(b"UNAUTHENTICATE")
        assert b"STARTTLS" in await client.ask(b"CAPABILITY")

    with_world(tmp_path, talk)


def test_a_handshake_that_fails_ends_it(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        await client.ask(b"STARTTLS")
        client.writer.write(b"LISTSCRIPTS\r\n" * 10)
        assert b"OK" not in await client.rest()

    with_world(tmp_path, talk)


# Login


def quoted(message: str) -> bytes:
    return b'"' + base64.b64encode(message.encode()) + b'"'


def data(line: bytes) -> str:
    """What stands in the quotes."""
    return base64.b64decode(line.split(b'"')[1]).decode()


@pytest.mark.parametrize("initial", [True, False], ids=["initial response", "asked first"])
def test_scram_proves_the_server_in_its_ok(tmp_path: Path, initial: bool) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        scram = ScramClient([SCRAM], USER, PASSWORD)
        command = b'AUTHENTICATE "SCRAM-SHA-256"'
        if initial:
            client.writer.write(command + b" " + quoted(scram.get_client_first()) + b"\r\n")
        else:
            client.writer.write(command + b"\r\n")
            assert await client.line() == b'""\r\n'
            client.writer.write(quoted(scram.get_client_first()) + b"\r\n")
        scram.set_server_first(data(await client.line()))
        done = await client.ask(quoted(scram.get_client_final()))
        # Nothing after it: sieve-connect would not find it.
        assert done.startswith(b'OK (SASL "')
        assert done.endswith(b'")\r\n')
        scram.set_server_final(data(done))
        assert await client.ask(b"LISTSCRIPTS") == b"OK\r\n"

    with_world(tmp_path, talk)


def test_a_wrong_proof(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        scram = ScramClient([SCRAM], USER, "wrong")
        client.writer.write(
            b'AUTHENTICATE "SCRAM-SHA-256" ' + quoted(scram.get_client_first()) + b"\r\n"
        )
        scram.set_server_first(data(await client.line()))
        refused = await client.ask(quoted(scram.get_client_final()))
        assert refused == b'NO "Wrong name or password"\r\n'
        assert (await client.ask(b"LISTSCRIPTS")).startswith(b"NO ")
        assert await client.ask(LOGIN.rstrip()) == b'OK "Logged in"\r\n'

    with_world(tmp_path, talk)


def test_guessing_ends(tmp_path: Path) -> None:
    wrong = b'AUTHENTICATE "PLAIN" "%b"' % base64.b64encode(f"\0{USER}\0wrong".encode())

    async def talk(world: World) -> None:
        client = await connected(world)
        assert await client.ask(wrong) == b'NO "Wrong name or password"\r\n'
        assert await client.ask(wrong) == b'NO "Wrong name or password"\r\n'
        assert (await client.ask(wrong)).startswith(b'BYE "Wrong name or password')
        assert await client.rest() == b""

    with_world(tmp_path, talk, replace(SETTINGS, errors=3))


def test_a_disabled_account_does_not_get_in(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        world.app.directory.change_account(USER, lambda one: replace(one, enabled=False))
        client = await connected(world)
        assert await client.ask(LOGIN.rstrip()) == b'NO "Wrong name or password"\r\n'

    with_world(tmp_path, talk)


# Scripts


def test_it_takes_effect_with_the_next_message(tmp_path: Path) -> None:
    def version(world: World) -> str:
        [route] = world.app.directory.routes([USER])
        return route.targets[0].scripts

    async def talk(world: World) -> None:
        client = await logged_in(world)
        await client.ask(b'PUTSCRIPT "a" {5+}', b"keep;")
        assert version(world) == ""
        await client.ask(b'SETACTIVE "a"')
        first = version(world)
        await client.ask(b'PUTSCRIPT "a" {5+}', b"stop;")
        assert len({"", first, version(world)}) == 3
        await client.ask(b'SETACTIVE ""')
        assert version(world) == ""

    with_world(tmp_path, talk)


def test_nobody_sees_another_s_scripts(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        bob = world.app.directory.add_account("bob@example.test", PASSWORD)
        world.app.scripts.put(bob.id, "his", b"keep;")
        world.app.scripts.put_form(world.account, b"keep;")
        client = await logged_in(world)
        assert await client.ask(b"LISTSCRIPTS") == b"OK\r\n"
        for command in (b'GETSCRIPT "his"', b'SETACTIVE "his"', b'DELETESCRIPT "his"'):
            assert (await client.ask(command)).startswith(b"NO (NONEXISTENT)")
        await client.ask(b"UNAUTHENTICATE")
        login = base64.b64encode(f"\0{bob.address}\0{PASSWORD}".encode())
        await client.ask(b'AUTHENTICATE "PLAIN" "%b"' % login)
        assert await client.ask(b"LISTSCRIPTS") == b'"his"\r\nOK\r\n'

    with_world(tmp_path, talk)


def test_quotas_have_their_codes(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        limits = world.app.scripts.limits
        for number in range(limits.scripts):
            world.app.scripts.put(world.account, f"s{number}", b"keep;")
        client = await logged_in(world)
        assert (await client.ask(b'HAVESPACE "x" 5')).startswith(b"NO (QUOTA/MAXSCRIPTS)")
        assert (await client.ask(b'HAVESPACE "s1" 5')) == b"OK\r\n"
        for size in (limits.script + 1, 300 * 1024):  # the second one is not even kept to be read
            script = b"#".ljust(size, b"x")
            asked = await client.ask(b'HAVESPACE "s1" %d' % size)
            put = await client.ask(b'PUTSCRIPT "s1" {%d+}' % size, script)
            assert asked.startswith(b"NO (QUOTA/MAXSIZE)")
            assert put.startswith(b"NO (QUOTA/MAXSIZE)")
        assert world.app.scripts.get(world.account, "s1") == b"keep;"
        whole = b"#".ljust(limits.script, b"x")
        assert await client.ask(b'PUTSCRIPT "s1" {%d+}' % limits.script, whole) == b"OK\r\n"
        # A check is about no quota (RFC 5804 section 2.12).
        assert (
            await client.ask(b"CHECKSCRIPT {%d+}" % (limits.script + 1), whole + b"x") == b"OK\r\n"
        )

    with_world(tmp_path, talk)


def test_a_script_comes_back_as_it_was(tmp_path: Path) -> None:
    script = '# "é"\r\n\tkeep; # \\ {5+}\nOK\r\n'.replace("\nOK", "\n#OK").encode() + b"\r\n" * 3

    async def talk(world: World) -> None:
        client = await logged_in(world)
        assert await client.ask(b'PUTSCRIPT "a" {%d+}' % len(script), script) == b"OK\r\n"
        said = await client.ask(b'GETSCRIPT "a"')
        assert said == b"{%d}\r\n%b\r\nOK\r\n" % (len(script), script)

    with_world(tmp_path, talk)


def test_a_store_that_fails_is_told_to_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        await client.ask(b'PUTSCRIPT "a" {5+}', b"keep;")
        table = world.app.platform.table

        def broken(*given: object) -> None:
            raise StoreUnavailable("the test says so")

        monkeypatch.setattr(table, "write", broken)
        said = await client.ask(b'PUTSCRIPT "a" {5+}', b"stop;")
        assert said == b'NO (TRYLATER) "Not now, try again later"\r\n'
        monkeypatch.undo()
        assert await client.ask(b'PUTSCRIPT "b" {5+}', b"stop;") == b"OK\r\n"
        assert world.app.scripts.get(world.account, "a") == b"keep;"

    with_world(tmp_path, talk)


def test_an_account_that_is_removed_meanwhile(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        await client.ask(b'PUTSCRIPT "a" {5+}', b"keep;")
        world.app.directory.remove_account(USER)
        assert (await client.ask(b'SETACTIVE "a"')).startswith(b"NO ")
        assert await client.ask(b"NOOP") == b'OK "Nothing done"\r\n'

    with_world(tmp_path, talk)


# The connection


def test_mistakes_in_scripts_do_not_end_the_session(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        for _ in range(5):
            assert (await client.ask(b"CHECKSCRIPT {5+}", b"kept;")).startswith(b"NO ")
        assert await client.ask(b"CHECKSCRIPT {5+}", b"keep;") == b"OK\r\n"

    with_world(tmp_path, talk, replace(SETTINGS, errors=3))


def test_what_is_far_too_long_ends_the_session(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        said = await client.ask(b"CHECKSCRIPT {999999999+}")
        assert said.startswith(b"BYE ")
        assert await client.rest() == b""

    with_world(tmp_path, talk)


def test_who_half_closes_gets_the_answers(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        client.writer.write(
            LOGIN + b'PUTSCRIPT "a" {5+}\r\nkeep;\r\nSETACTIVE "a"\r\nLISTSCRIPTS\r\n'
        )
        client.writer.write_eof()
        assert await client.rest() == b'OK "Logged in"\r\nOK\r\nOK\r\n"a" ACTIVE\r\nOK\r\n'

    with_world(tmp_path, talk)


def test_who_leaves_in_the_middle_of_a_script_has_put_nothing(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await logged_in(world)
        client.writer.write(b'PUTSCRIPT "a" {100+}\r\nkeep;')
        client.writer.write_eof()
        assert await client.rest() == b""
        assert world.app.scripts.names(world.account) == []

    with_world(tmp_path, talk)


@pytest.mark.parametrize("is_logged_in", [False, True], ids=["a stranger", "a user"])
def test_who_says_nothing_is_told_goodbye(tmp_path: Path, is_logged_in: bool) -> None:
    async def talk(world: World) -> None:
        client = await (logged_in(world) if is_logged_in else connected(world))
        assert await client.rest() == b'BYE (TRYLATER) "Idle for too long"\r\n'

    with_world(tmp_path, talk, replace(SETTINGS, login_timeout=1, sieve_timeout=0.1))


def test_a_stranger_s_time_goes_on_whatever_is_said(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        client = await connected(world)
        with suppress(ConnectionError):  # our NOOP and its goodbye may meet
            while (await client.ask(b"NOOP")).startswith(b"OK"):
                pass
        assert await client.rest() == b""

    with_world(tmp_path, talk, replace(SETTINGS, login_timeout=0.3))


def test_drain_says_goodbye_to_everybody(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        idle, busy = await logged_in(world), await logged_in(world)
        busy.writer.write(b'PUTSCRIPT "a" {5+}\r\nkeep;\r\n')
        assert await busy.answer() == b"OK\r\n"
        assert await world.listeners.drain(5) == 0
        for client in (idle, busy):
            assert await client.rest() == b'BYE (TRYLATER) "Shutting down"\r\n'
        with pytest.raises(OSError):
            await world.talk()

    with_world(tmp_path, talk)


def test_too_many_connections(tmp_path: Path) -> None:
    async def talk(world: World) -> None:
        await connected(world)
        second = Client(world, *await world.talk())
        assert await second.rest() == (
            b'BYE (TRYLATER) "Too many connections, try again later"\r\n'
        )

    with_world(tmp_path, talk, replace(SETTINGS, connections=1))
