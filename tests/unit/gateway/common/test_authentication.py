"""Whole exchanges, against a real directory; SCRAM with scramp's client on the other side."""

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scramp import ScramClient
from scramp.utils import ScramException

from gateway.authentication import Authentication, Channel, WrongCredentials, mechanisms
from gateway.bearer import parse_oauthbearer, parse_xoauth2
from gateway.crossing import Crossing
from gateway.login import Login, LoginLimits, TooManyFailures
from gateway.sasl import Cancelled, UnknownMechanism, decode, parse_plain
from gateway.scram import ScramExchange
from postroom.app import App, build
from postroom.directory.records import Account, Domain
from postroom.directory.scram import nobodys_verifier
from postroom.errors import BadSyntax, StoreUnavailable

ALICE, PASSWORD = "alice@example.test", "seCret,=\u00a0päss"
BINDINGS = {"tls-server-end-point": (b"new" * 11, b"old" * 11), "tls-unique": (b"finished",)}
TOKENS = {"good": ALICE, "of-nobody": "nobody@example.test", "of-gone": "gone@example.test"}


class FewTokens:
    def account(self, token: str) -> str | None:
        if token == "broken":
            raise StoreUnavailable("no keys")
        return TOKENS.get(token)


class World:
    def __init__(self, folder: Path, limits: LoginLimits | None = None) -> None:
        self.app: App = build({"POSTROOM_DATA": str(folder)})
        directory = self.app.directory
        if directory.domain("example.test") is None:
            directory.add_domain(Domain("example.test"))
            for name in ("alice", "bob", "gone"):
                account = directory.add_account(f"{name}@example.test", PASSWORD)
                if name == "gone":
                    directory.set_account(replace(account, enabled=False))
        self.crossing = Crossing(self.app, 2)
        self.slept: list[float] = []
        self.login = Login(
            directory,
            self.crossing,
            self.app.clock,
            tokens=FewTokens(),
            limits=limits,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def begin(
        self, mechanism: str, bindings: Mapping[str, Any] = BINDINGS, lists_plus: bool = True
    ) -> Authentication:
        channel = Channel("192.0.2.1", bindings, lists_plus)
        return Authentication(mechanism, self.login, channel)

    async def scram(
        self,
        name: str = ALICE,
        password: str = PASSWORD,
        binding: tuple[str, bytes] | None = None,
        alter: Callable[[bytes], bytes] = lambda octets: octets,
        between: Callable[[], None] = lambda: None,
    ) -> Account:
        mechanism = "SCRAM-SHA-256-PLUS" if binding else "SCRAM-SHA-256"
        # A client that would say "y" where PLUS is on offer is one that somebody lied to.
        exchange = self.begin(mechanism, BINDINGS if binding else {})
        client = ScramClient([mechanism], name, password, channel_binding=binding)
        assert exchange.challenge == b""
        assert await exchange.receive(base64.b64encode(client.get_client_first().encode())) is None
        client.set_server_first(base64.b64decode(exchange.challenge).decode())
        between()
        final = alter(client.get_client_final().encode())
        assert await exchange.receive(base64.b64encode(final)) is None
        client.set_server_final(base64.b64decode(exchange.challenge).decode())
        account = await exchange.receive(b"")
        assert account is not None
        return account


def run(
    folder: Path,
    scene: Callable[[World], Coroutine[Any, Any, None]],
    limits: LoginLimits | None = None,
) -> None:
    async def played() -> None:
        world = World(folder, limits)
        try:
            await asyncio.wait_for(scene(world), 60)
        finally:
            await asyncio.to_thread(world.crossing.close)
            world.app.platform.close()

    asyncio.run(played())


def test_login_asks_twice(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        exchange = world.begin("login")
        assert base64.b64decode(exchange.challenge) == b"Username:"
        assert await exchange.receive(base64.b64encode(ALICE.encode())) is None
        assert base64.b64decode(exchange.challenge) == b"Password:"
        account = await exchange.receive(base64.b64encode(PASSWORD.encode()))
        assert account is not None
        assert account.address == ALICE

    run(tmp_path, scene)


def test_plain(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        exchange = world.begin("PLAIN")
        assert exchange.challenge == b""
        right = base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode())
        account = await exchange.receive(right)
        assert account is not None
        with pytest.raises(WrongCredentials):
            await world.begin("PLAIN").receive(base64.b64encode(f"\0{ALICE}\0x".encode()))

    run(tmp_path, scene)


def test_what_is_offered(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        plain = Login(world.app.directory, world.crossing, world.app.clock)
        assert mechanisms(plain, Channel("192.0.2.1")) == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        listed = ("SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
        assert mechanisms(world.login, Channel("192.0.2.1", BINDINGS)) == listed
        assert mechanisms(world.login, Channel("192.0.2.1", BINDINGS, lists_plus=True)) == (
            "SCRAM-SHA-256-PLUS",
            *listed,
        )
        # Unlisted it is there all the same, and nobody is wrong to believe that it is not.
        world.begin("SCRAM-SHA-256-PLUS", lists_plus=False)
        exchange = world.begin("SCRAM-SHA-256", lists_plus=False)
        assert await exchange.receive(base64.b64encode(b"y,,n=a,r=abc")) is None
        for name in ("CRAM-MD5", "", "PLAIN ", "SCRAM-SHA-256-PLUS"):
            with pytest.raises(UnknownMechanism):
                world.begin(name, {})

    run(tmp_path, scene)


def test_scram(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        assert (await world.scram()).address == ALICE
        assert (await world.scram(name="Alice+x@EXAMPLE.test")).address == ALICE
        for name, data in BINDINGS.items():
            if name in ("tls-server-end-point", "tls-unique"):
                for one in data:
                    assert (await world.scram(binding=(name, one))).address == ALICE
        assert not world.slept

    run(tmp_path, scene)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"password": "other"}, id="password"),
        pytest.param({"name": "nobody@example.test"}, id="unknown name"),
        pytest.param({"name": "gone@example.test"}, id="disabled account"),
        pytest.param({"binding": ("tls-server-end-point", b"another server's")}, id="binding"),
        pytest.param({"alter": lambda octets: octets[:-8] + b"AAAAAAA="}, id="proof"),
    ],
)
def test_scram_with_a_wrong(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async def scene(world: World) -> None:
        with pytest.raises(WrongCredentials):
            await world.scram(**wrong)
        assert world.slept == [0.5]

    run(tmp_path, scene)


def test_scram_forgives_no_change_under_way(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        directory = world.app.directory

        def disable() -> None:
            account = directory.account(ALICE)
            assert account is not None
            directory.set_account(replace(account, enabled=False))

        for between in (lambda: directory.set_password(ALICE, "another"), disable):
            directory.set_password(ALICE, PASSWORD)
            with pytest.raises(WrongCredentials):
                await world.scram(between=between)

    run(tmp_path, scene)


def test_nobody_is_told_whether_a_name_exists(tmp_path: Path) -> None:
    """The first answer looks the same, twice, for a user and for nobody (RFC 5802 section 9)."""

    async def scene(world: World) -> None:
        for name in (ALICE, "nobody@example.test"):
            seen = set()
            for _ in range(2):
                exchange = world.begin("SCRAM-SHA-256", {})
                await exchange.receive(base64.b64encode(f"n,,n={name},r=rOprNGfwEbeR".encode()))
                nonce, salt, count = base64.b64decode(exchange.challenge).decode().split(",")
                assert nonce.startswith("r=rOprNGfwEbeR")
                assert len(nonce) == len("r=rOprNGfwEbeR") + 24
                seen.add((salt, count))
            [(salt, count)] = seen
            assert len(base64.b64decode(salt[2:])) == 16
            assert count == "i=32768"

    run(tmp_path, scene)


@pytest.mark.parametrize(
    ("mechanism", "bindings", "first"),
    [
        ("SCRAM-SHA-256", {}, b"n,,n=,r=abc"),
        ("SCRAM-SHA-256", {}, b"n,,n=a,r="),
        ("SCRAM-SHA-256", {}, b"n,,n=a=2,r=abc"),
        ("SCRAM-SHA-256", {}, b"n,,n=a,r=a\x7fc"),
        ("SCRAM-SHA-256", {}, b"n,,r=abc,n=a"),
        ("SCRAM-SHA-256", {}, b"n,b=x,n=a,r=abc"),
        ("SCRAM-SHA-256", {}, b"n,,n=a,r=abc,x"),
        ("SCRAM-SHA-256", {}, b"x,,n=a,r=abc"),
        ("SCRAM-SHA-256", {}, b"n,,n=\xff,r=abc"),
        ("SCRAM-SHA-256", {}, b"n,,n=a,r=" + b"a" * 3000),
        ("SCRAM-SHA-256", BINDINGS, b"y,,n=a,r=abc"),
        ("SCRAM-SHA-256", BINDINGS, b"p=tls-unique,,n=a,r=abc"),
        ("SCRAM-SHA-256-PLUS", BINDINGS, b"n,,n=a,r=abc"),
        ("SCRAM-SHA-256-PLUS", BINDINGS, b"y,,n=a,r=abc"),
        ("SCRAM-SHA-256-PLUS", BINDINGS, b"p=tls-exporter,,n=a,r=abc"),
    ],
)
def test_bad_first_messages(
    tmp_path: Path, mechanism: str, bindings: Mapping[str, Any], first: bytes
) -> None:
    async def scene(world: World) -> None:
        with pytest.raises(BadSyntax):
            await world.begin(mechanism, bindings).receive(base64.b64encode(first))

    run(tmp_path, scene)


def test_the_last_message_belongs_to_the_exchange(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        def other_nonce(octets: bytes) -> bytes:
            return octets.replace(b",r=", b",r=x")

        def other_header(octets: bytes) -> bytes:
            return octets.replace(b"c=biws", b"c=eSws")  # "y,,"

        def short_proof(octets: bytes) -> bytes:
            return octets[: octets.index(b",p=")] + b",p=AAAA"

        def no_proof(octets: bytes) -> bytes:
            return octets[: octets.index(b",p=")]

        for alter in (other_nonce, short_proof, no_proof):
            with pytest.raises(BadSyntax):
                await world.scram(alter=alter)
        with pytest.raises(WrongCredentials):
            await world.scram(alter=other_header)

    run(tmp_path, scene)


def test_failed_proofs_are_guesses(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        for _ in range(3):
            with pytest.raises(WrongCredentials):
                await world.scram(password="wrong")
        with pytest.raises(TooManyFailures):
            await world.scram()
        with pytest.raises(TooManyFailures):
            await world.begin("PLAIN").receive(base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode()))
        assert world.slept == [0.5, 1, 2]

    run(tmp_path, scene, LoginLimits(of_pair=3))


def bearer(token: str, name: str = "") -> bytes:
    user = f"a={name}" if name else ""
    return base64.b64encode(f"n,{user},\1auth=Bearer {token}\1\1".encode())


def xoauth2(token: str, name: str) -> bytes:
    return base64.b64encode(f"user={name}\1auth=Bearer {token}\1\1".encode())


def test_tokens(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        for mechanism, response in (
            ("OAUTHBEARER", bearer("good")),
            ("OAUTHBEARER", bearer("good", ALICE)),
            ("XOAUTH2", xoauth2("good", ALICE.upper())),
        ):
            account = await world.begin(mechanism).receive(response)
            assert account is not None
            assert account.address == ALICE
        with pytest.raises(StoreUnavailable):
            await world.begin("OAUTHBEARER").receive(bearer("broken"))

    run(tmp_path, scene)


def test_tokens_that_are_not_taken(tmp_path: Path) -> None:
    """The error comes as a challenge; whatever is said to it, the exchange fails."""

    async def scene(world: World) -> None:
        for mechanism, response in (
            ("OAUTHBEARER", bearer("bad")),
            ("OAUTHBEARER", bearer("good", "bob@example.test")),
            ("OAUTHBEARER", bearer("good", "x" * 500)),
            ("OAUTHBEARER", bearer("of-nobody")),
            ("OAUTHBEARER", bearer("of-gone")),
            ("XOAUTH2", xoauth2("bad", ALICE)),
        ):
            exchange = world.begin(mechanism)
            assert await exchange.receive(response) is None
            assert "status" in json.loads(base64.b64decode(exchange.challenge))
            with pytest.raises(WrongCredentials):
                await exchange.receive(base64.b64encode(b"\1"))
        assert len(world.slept) == 6
        # A client that asks what is wanted has guessed nothing (RFC 7628 section 4.3).
        exchange = world.begin("OAUTHBEARER")
        question = b"n,a=user@example.com,\1host=server.example.com\1port=143\1auth=\1\1"
        assert await exchange.receive(base64.b64encode(question)) is None
        assert json.loads(base64.b64decode(exchange.challenge)) == {"status": "invalid_token"}
        with pytest.raises(WrongCredentials):
            await exchange.receive(b"AQ==")
        assert len(world.slept) == 6

    run(tmp_path, scene)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | st.text("npy,am=\1\0r=abBearer usth.").map(str.encode))
def test_parsers_raise_one_error_only(octets: bytes) -> None:
    for parse in (parse_plain, parse_oauthbearer, parse_xoauth2):
        with suppress(BadSyntax):
            parse(octets)
    exchange = ScramExchange(plus=False, bindings={}, lists_plus=False, nonce="server")
    with suppress(BadSyntax):
        exchange.client_first(octets)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | st.text("c=biws,r=ab,p=AZ+/").map(str.encode))
def test_no_last_message_fits_nobody(octets: bytes) -> None:
    exchange = ScramExchange(plus=False, bindings={}, lists_plus=False, nonce="b")
    assert exchange.client_first(b"n,,n=x,r=a") == "x"
    exchange.server_first(nobodys_verifier(b"secret", "x"))
    with suppress(BadSyntax):
        assert exchange.client_final(octets) is None


def test_any_exchange(tmp_path: Path) -> None:
    """Whatever is said in whatever mechanism: an error of ours, and nobody is logged in."""
    responses = st.lists(
        st.binary(max_size=40).map(base64.b64encode)
        | st.binary(max_size=20)
        | st.sampled_from([base64.b64encode(b"n,,n=alice@example.test,r=abc"), b"=", b"*", b""]),
        max_size=4,
    )

    async def scene(world: World) -> None:
        names = mechanisms(world.login, Channel("192.0.2.1", BINDINGS, lists_plus=True))

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(names), responses)
        def sitting(name: str, lines: list[bytes]) -> None:
            exchange = world.begin(name)
            for line in lines:
                coroutine = exchange.receive(line)
                try:
                    assert asyncio.run_coroutine_threadsafe(coroutine, loop).result(30) is None
                except (BadSyntax, Cancelled, WrongCredentials, TooManyFailures):
                    return
                assert decode(exchange.challenge or b"=") is not None

        loop = asyncio.get_running_loop()
        await asyncio.to_thread(sitting)

    run(tmp_path, scene)


def test_scramp_would_notice_a_server_that_does_not_know_the_password() -> None:
    """The oracle of these tests: a wrong last message of the server is an error to it."""
    client = ScramClient(["SCRAM-SHA-256"], "x", "y")
    client.get_client_first()
    nonce = client.c_nonce
    client.set_server_first(f"r={nonce}more,s={base64.b64encode(b'0' * 16).decode()},i=4096")
    client.get_client_final()
    with pytest.raises(ScramException):
        client.set_server_final("v=" + base64.b64encode(b"0" * 32).decode())
