"""What becomes of a submitted message: as it is stored, and as its queue entry tells of it."""

import asyncio
import base64
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from scramp import ScramClient

from gateway.__main__ import services
from gateway.certificates import development_certificate
from gateway.crossing import Crossing
from gateway.listeners import Listeners
from gateway.settings import GatewaySettings
from gateway.tls import Tls, open_tls
from postroom.app import build
from postroom.pipeline.accepted import Accepted
from postroom.submission.counts import MESSAGES, RECIPIENTS
from tests.conversations.imap_world import Client
from tests.conversations.smtp_world import PASSWORD, Submitting, World, log_in, reply, say, until

ALICE = "alice@example.test"
NOON = 4_102_488_000.0  # 2100-01-01 12:00 UTC: to the store, which has its own clock, not past


@dataclass
class SettableClock:
    time: float = NOON

    def seconds(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)


def run(
    data: Path,
    scene: Callable[[World, Client], Coroutine[Any, Any, None]],
    submitting: Submitting | None = None,
    local: bool = True,
    **limits: Any,
) -> None:
    async def played() -> None:
        clock = SettableClock()
        world = World(data, submitting=submitting or Submitting(), clock=clock, **limits)
        world.crossing.reads_are_local = local
        try:
            client = await world.connect()
            await say(client, b"EHLO client.example.org")
            await log_in(client)
            await asyncio.wait_for(scene(world, client), 60)
        finally:
            await world.close()

    asyncio.run(played())


async def send(
    client: Client,
    text: bytes,
    mail: bytes = b"<alice@example.test>",
    recipients: tuple[bytes, ...] = (b"<bob@elsewhere.test>",),
    piece: int = 0,
) -> bytes:
    """Return the reply to the final dot. *text* needs no dot-stuffing."""
    replies = await say(
        client, b"MAIL FROM:" + mail, *(b"RCPT TO:" + one for one in recipients), b"DATA"
    )
    assert replies[-1].startswith(b"354"), replies
    await client.send(text + b".\r\n", piece)
    return await reply(client)


HEADER = b"Date: x\r\nFrom: alice@example.test\r\nMessage-ID: <1@c.example.org>\r\n"


@pytest.mark.parametrize("local", [True, False], ids=["local reads", "reads in threads"])
def test_what_is_stored_and_told(data: Path, local: bool) -> None:
    async def scene(world: World, client: Client) -> None:
        text = HEADER + b"Subject: x\r\n\r\nHello\r\n"
        assert (await send(client, text)).startswith(b"250")
        [accepted] = world.queued()
        alice = world.app.directory.account(ALICE)
        assert alice is not None
        assert accepted.account == alice.id
        assert accepted.message_id == "<1@c.example.org>"
        assert [recipient.address for recipient in accepted.recipients] == ["bob@elsewhere.test"]
        assert (accepted.hold_until, accepted.deliver_by, accepted.by_mode) == (0, 0, "")
        assert (accepted.requiretls, accepted.tls_optional) == (False, False)
        assert world.stored(accepted) == text
        assert b" with ESMTPA id " in world.app.blobs.get(accepted.blob)

    run(data, scene, local=local)


@pytest.mark.parametrize("piece", [0, 1000], ids=["at once", "in pieces"])
@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "spilled"])
def test_fixups(data: Path, size: int, piece: int) -> None:
    async def scene(world: World, client: Client) -> None:
        body = b"\r\nBcc: stays@in.body\r\n" + b"x" * 70 * (size // 70) + b"\r\n"
        fields = b"From: alice@example.test\r\nbcc: c@d.test,\r\n\te@f.test\r\nSubject: x\r\n"
        assert (await send(client, fields + body, piece=piece)).startswith(b"250")
        [accepted] = world.queued()
        stored = world.stored(accepted)
        date, message_id, rest = stored.split(b"\r\n", 2)
        assert date == b"Date: Fri, 01 Jan 2100 12:00:00 +0000"
        assert message_id == f"Message-ID: {accepted.message_id}".encode()
        assert accepted.message_id.endswith("@mail.example.test>")
        assert rest == b"From: alice@example.test\r\nSubject: x\r\n" + body

    run(data, scene, text_line=0)


def test_a_header_alone_and_a_body_alone(data: Path) -> None:
    async def scene(world: World, client: Client) -> None:
        assert (await send(client, HEADER)).startswith(b"250")
        assert (await send(client, b"\r\njust text\r\n")).startswith(b"250")
        assert (await send(client, b"")).startswith(b"250")
        first, second, third = (world.stored(accepted) for accepted in world.queued())
        assert first == HEADER
        assert second.startswith(b"Date: ")
        assert second.endswith(b"@mail.example.test>\r\n\r\njust text\r\n")
        assert third.endswith(b"@mail.example.test>\r\n")

    run(data, scene)


@pytest.mark.parametrize("size", [1000, 400_000])
def test_a_header_must_be_seen_whole(data: Path, size: int) -> None:
    """What could not be searched for Bcc and From is not taken."""

    async def scene(world: World, client: Client) -> None:
        filler = (b"X: " + b"y" * 70 + b"\r\n") * (size // 75)
        for text in (filler + b"From: bob@example.test\r\n\r\n", filler):
            assert (await send(client, text)).startswith(b"552 5.3.4 The header")
        assert world.queued() == []
        assert (await send(client, HEADER)).startswith(b"250")

    run(data, scene, header_seen=500, in_memory=300)


def test_a_spilled_message_of_another_author_leaves_nothing(data: Path) -> None:
    async def scene(world: World, client: Client) -> None:
        before = world.blobs(data)
        text = b"From: bob@example.test\r\n\r\n" + b"x" * 70_000 + b"\r\n"
        assert (await send(client, text, piece=5000)).startswith(b"550 5.7.1 You may not")
        await until(lambda: world.blobs(data) == before)
        assert world.queued() == []

    run(data, scene, in_memory=100, header_seen=1000)


@pytest.mark.parametrize("local", [True, False], ids=["local reads", "reads in threads"])
def test_times(data: Path, local: bool) -> None:
    async def scene(world: World, client: Client) -> None:
        now = int(NOON * 1000)
        for parameters, hold_until, deliver_by, by_mode in (
            (b"HOLDFOR=3600", now + 3_600_000, 0, ""),
            (b"HOLDUNTIL=2100-01-01T14:00:00+01:00", now + 3_600_000, 0, ""),
            (b"HOLDUNTIL=2099-12-31T12:00:00Z", now - 86_400_000, 0, ""),
            (b"BY=120;R", 0, now + 120_000, "R"),
            (b"BY=-120;nt", 0, now - 120_000, "NT"),
            (b"HOLDFOR=60 BY=120;RT", now + 60_000, now + 120_000, "RT"),
        ):
            mail = b"<alice@example.test> " + parameters
            assert (await send(client, HEADER, mail)).startswith(b"250")
            [accepted] = world.queued()
            assert accepted.hold_until == hold_until
            assert (accepted.deliver_by, accepted.by_mode) == (deliver_by, by_mode)

    run(data, scene, local=local)


@pytest.mark.parametrize(
    ("field", "optional"),
    [
        (b"TLS-Required: No\r\n", True),
        (b"tls-required:no\r\n", True),
        (b"TLS-Required:\r\n\tNO \r\n", True),
        (b"TLS-Required: Yes\r\n", False),
        (b"TLS-Required: No, never\r\n", False),
        (b"X-TLS-Required: No\r\n", False),
        (b"X: y\r\n TLS-Required: No\r\n", False),
        (b"\r\nTLS-Required: No\r\n", False),
    ],
)
def test_tls_required_no(data: Path, field: bytes, optional: bool) -> None:
    async def scene(world: World, client: Client) -> None:
        assert (await send(client, HEADER + field)).startswith(b"250")
        [accepted] = world.queued()
        assert accepted.tls_optional is optional

    run(data, scene)


def test_limits_of_ones_own_and_a_disabled_account(data: Path) -> None:
    async def scene(world: World, client: Client) -> None:
        directory = world.app.directory
        alice = directory.account(ALICE)
        assert alice is not None
        directory.set_account(replace(alice, messages_per_hour=2))
        for _ in range(2):
            assert (await send(client, HEADER)).startswith(b"250")
        [said] = await say(client, b"MAIL FROM:<alice@example.test>")
        assert said == (
            b"450 4.7.1 You have sent 2 messages in this hour, the limit is 2; "
            b"try again in 60 minutes"
        )
        directory.set_account(replace(alice, messages_per_hour=100))
        assert (await send(client, HEADER)).startswith(b"250")
        directory.set_account(replace(alice, enabled=False))
        desk = world.server.desk
        assert desk is not None
        while desk.allowance.take(alice.id, MESSAGES):
            pass  # what was taken from the store before may still be sent
        [said] = await say(client, b"MAIL FROM:<boss@elsewhere.test>")
        assert said == b"530 5.7.0 Your account is disabled"
        assert await say(client, b"MAIL FROM:<alice@example.test>") == [
            b"530 5.7.0 Authentication required"
        ]

    run(data, scene, Submitting(messages=1, recipients=0))


def test_a_message_costs_few_writes(data: Path) -> None:
    """Counts are taken from the store ten at a time, with the default limits."""

    async def scene(world: World, client: Client) -> None:
        table = world.app.platform.table
        writes = 0
        write = table.write

        def counted(*given: Any) -> None:
            nonlocal writes
            writes += 1
            write(*given)

        table.write = counted  # type: ignore[method-assign]
        for _ in range(50):
            assert (await send(client, HEADER)).startswith(b"250")
        assert writes == 50 // 10 + 1

    run(data, scene)


def test_what_is_not_sent_is_not_counted(data: Path) -> None:
    async def scene(world: World, client: Client) -> None:
        opening = (b"MAIL FROM:<alice@example.test>", b"RCPT TO:<bob@elsewhere.test>")
        for _ in range(5):
            assert (await say(client, *opening, b"RSET"))[-1].startswith(b"250")
        assert (await send(client, b"From: bob@example.test\r\n\r\n")).startswith(b"550")
        await say(client, *opening)
        client.transport.close()
        await asyncio.sleep(0)
        again = await world.connect()
        await say(again, b"EHLO client.example.org")
        await log_in(again)
        assert (await send(again, HEADER)).startswith(b"250")
        assert (await say(again, opening[0])) == [
            b"450 4.7.1 You have sent 1 message in this hour, the limit is 1; "
            b"try again in 60 minutes"
        ]

    run(data, scene, Submitting(messages=1, recipients=1))


def test_a_store_that_fails_counts_nothing_and_takes_nothing(data: Path) -> None:
    async def scene(world: World, client: Client) -> None:
        desk = world.server.desk
        assert desk is not None
        alice = world.app.directory.account(ALICE)
        assert alice is not None
        held = [desk.allowance._held.get((alice.id, window.name)) for window in (MESSAGES,)]
        assert held == [None]
        world.crossing._most_waiting = 0  # the pool takes no more calls
        assert await say(client, b"MAIL FROM:<alice@example.test>") == [
            b"451 4.3.0 Cannot count your messages now, try again later"
        ]
        world.crossing._most_waiting = 100
        assert (await send(client, HEADER)).startswith(b"250")
        assert desk.allowance.take(alice.id, RECIPIENTS)

    run(data, scene)


# Over real sockets and TLS.

SETTINGS = GatewaySettings(ports={"submission": -1, "submissions": -1})


def with_gateway(
    data: Path,
    talk: Callable[[dict[str, int], Tls, ssl.SSLContext], None],
    settings: GatewaySettings = SETTINGS,
) -> list[Accepted]:
    """Run *talk* in a thread of its own, with the ports; return what was queued."""

    async def scene() -> list[Accepted]:
        app = build({"POSTROOM_DATA": str(data), "POSTROOM_HOSTNAME": "mail.example.test"})
        tls = open_tls(None, None, data / "tls", ["localhost", "127.0.0.1"])
        trust = ssl.create_default_context(cafile=str(data / "tls" / "authority.pem"))
        crossing = Crossing(app, 4)
        listeners = Listeners(settings, tls)
        try:
            for service, port in services(app, settings, crossing, tls):
                await listeners.open(service, port)
            ports = {name: found[0][1] for name, found in listeners.addresses.items()}
            await asyncio.to_thread(talk, ports, tls, trust)
            letters = app.platform.queue("inbound").receive(10)
            return [Accepted.from_json(letter.body) for letter in letters]
        finally:
            await listeners.drain(2)
            await asyncio.to_thread(crossing.close)
            app.platform.close()

    return asyncio.run(scene())


def test_starttls_comes_first(data: Path) -> None:
    def talk(ports: dict[str, int], tls: Tls, trust: ssl.SSLContext) -> None:
        with smtplib.SMTP("localhost", ports["submission"], timeout=20) as client:
            client.ehlo("c.example.org")
            assert not client.has_extn("auth")
            assert not client.has_extn("requiretls")
            assert client.docmd("AUTH", "PLAIN AAAA")[0] == 538
            assert client.mail(ALICE)[0] == 530
            client.starttls(context=trust)
            assert client.mail(ALICE) == (530, b"5.7.0 Authentication required")
            client.ehlo("c.example.org")
            assert client.esmtp_features["auth"].split() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
            assert client.has_extn("requiretls")
            client.login(ALICE, PASSWORD)
            client.sendmail(ALICE, ["bob@elsewhere.test"], HEADER, ["REQUIRETLS", "HOLDFOR=60"])

    [accepted] = with_gateway(data, talk)
    assert accepted.requiretls
    assert accepted.tls.startswith("TLSv1.3 ")
    assert accepted.hold_until == accepted.received + 60_000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["tls-server-end-point", "tls-unique"])
def test_channel_binding(data: Path, version: ssl.TLSVersion, kind: str) -> None:
    """With scramp, which computes the binding from the certificate that it sees."""
    if kind == "tls-unique" and version is ssl.TLSVersion.TLSv1_3:
        return  # not defined

    def talk(ports: dict[str, int], tls: Tls, trust: ssl.SSLContext) -> None:
        trust.maximum_version = version
        with smtplib.SMTP_SSL(
            "localhost", ports["submissions"], timeout=20, context=trust
        ) as client:
            client.ehlo("c.example.org")
            assert isinstance(client.sock, ssl.SSLSocket)
            if kind == "tls-unique":
                binding = (kind, client.sock.get_channel_binding(kind))
            else:
                der = client.sock.getpeercert(binary_form=True)
                assert der is not None
                binding = (kind, ssl.DER_cert_to_PEM_cert(der))
            for name, expected in (("carol", 535), ("alice", 235)):
                scram = ScramClient(
                    ["SCRAM-SHA-256-PLUS"],
                    f"{name}@example.test",
                    PASSWORD,
                    channel_binding=scramp_binding(binding),
                )
                first = base64.b64encode(scram.get_client_first().encode()).decode()
                code, said = client.docmd("AUTH", f"SCRAM-SHA-256-PLUS {first}")
                assert code == 334
                scram.set_server_first(base64.b64decode(said).decode())
                code, said = client.docmd(
                    base64.b64encode(scram.get_client_final().encode()).decode()
                )
                if code == 334:
                    scram.set_server_final(base64.b64decode(said).decode())
                    code, said = client.docmd("=")
                assert code == expected
            client.sendmail(ALICE, ["bob@elsewhere.test"], HEADER)

    [accepted] = with_gateway(data, talk)
    assert accepted.tls.startswith(f"{version.name.replace('_', '.')} ")


def test_a_token_of_the_issuer_that_the_settings_name(data: Path, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    claims = {"iss": "https://id.test", "aud": "mail", "exp": int(time.time()) + 60, "sub": ALICE}
    token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
    settings = replace(
        SETTINGS,
        oauth_jwks=keys,
        oauth_issuer="https://id.test",
        oauth_audience="mail",
        oauth_claim="sub",
        channel_binding=True,
    )

    def talk(ports: dict[str, int], tls: Tls, trust: ssl.SSLContext) -> None:
        with smtplib.SMTP_SSL(
            "localhost", ports["submissions"], timeout=20, context=trust
        ) as client:
            client.ehlo("c.example.org")
            assert client.esmtp_features["auth"].split() == [
                "SCRAM-SHA-256-PLUS",
                "SCRAM-SHA-256",
                "OAUTHBEARER",
                "XOAUTH2",
                "PLAIN",
                "LOGIN",
            ]
            bad = base64.b64encode(b"n,,\1auth=Bearer x.y.z\1\1").decode()
            code, said = client.docmd("AUTH", f"OAUTHBEARER {bad}")
            assert (code, base64.b64decode(said)) == (334, b'{"status": "invalid_token"}')
            assert client.docmd("AQ==")[0] == 535
            good = base64.b64encode(f"user={ALICE}\1auth=Bearer {token}\1\1".encode()).decode()
            assert client.docmd("AUTH", f"XOAUTH2 {good}")[0] == 235
            client.sendmail(ALICE, ["bob@elsewhere.test"], HEADER)

    assert len(with_gateway(data, talk, settings)) == 1


def scramp_binding(binding: tuple[str, Any]) -> tuple[str, bytes]:
    from scramp.core import CBindData

    kind, found = binding
    if isinstance(found, bytes):
        return kind, found
    return kind, bytes(CBindData.from_der(ssl.PEM_cert_to_DER_cert(found)))


def test_a_replaced_certificate_binds_its_own_connections(tmp_path: Path) -> None:
    first = development_certificate(tmp_path / "one", ["localhost"])
    second = development_certificate(tmp_path / "two", ["localhost"])
    tls = Tls(first.certificate, first.key)
    server, _ = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = tls.context.wrap_bio(server, ssl.MemoryBIO(), server_side=True)
    [before] = tls.bindings(connection)["tls-server-end-point"]
    first.certificate.write_bytes(second.certificate.read_bytes())
    first.key.write_bytes(second.key.read_bytes())
    assert tls.reload()
    after, former = tls.bindings(connection)["tls-server-end-point"]
    assert former == before != after
    assert tls.bindings(None) == {}
