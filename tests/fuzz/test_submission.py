"""Whatever a submitting client says, nothing is queued without a login, and nothing that no 250
told of; whoever wrote it."""

import asyncio
import base64
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.smtp.parameters import ALWAYS_OFFERED, parse_mail_parameters
from postroom.errors import BadSyntax
from tests.conversations.imap_world import Client
from tests.conversations.smtp_world import Submitting, World, log_in, new_data, say

OFFERED = ALWAYS_OFFERED | {"HOLDFOR", "HOLDUNTIL", "BY", "AUTH", "REQUIRETLS"}
_REPLIES = re.compile(rb"(?:[2-5][0-9]{2}[ -][ -~]*\r\n)*")


def _b64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


_WORDS = [
    b"MAIL FROM:<alice@example.test>\r\n",
    b"MAIL FROM:<> HOLDFOR=60 BY=120;R AUTH=<>\r\n",
    b"MAIL FROM:<bob@example.test>\r\n",
    b"RCPT TO:<bob@example.test>\r\n",
    b"RCPT TO:<someone@elsewhere.test>\r\n",
    b"DATA\r\n",
    b"From: alice@example.test\r\nBcc: x\r\n\r\nhello\r\n.\r\n",
    b"From: bob@example.test\r\n\r\n.\r\n",
    b".\r\n",
    b"BDAT 5\r\n12345",
    b"BDAT 0 LAST\r\n",
    b"RSET\r\n",
    b"EHLO c.example.org\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN YQ==\r\n",
    b"AUTH PLAIN " + _b64(b"\0alice@example.test\0secret") + b"\r\n",
    b"AUTH SCRAM-SHA-256 " + _b64(b"n,,n=alice@example.test,r=abc") + b"\r\n",
    _b64(b"c=biws,r=abc,p=" + b"A" * 44) + b"\r\n",
    b"*\r\n",
    b"=\r\n",
    b"STARTTLS\r\n",
    b"\r\n",
    b"\n",
    b"\0\xff",
]
sittings = st.lists(
    st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS[:9]), st.binary(max_size=30)),
    max_size=20,
)


def test_any_sitting(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(words=sittings, piece=st.sampled_from([0, 1, 7]), logged_in=st.booleans())
    def sitting(words: list[bytes], piece: int, logged_in: bool) -> None:
        asyncio.run(_sit(data, words, piece, logged_in))

    sitting()


async def _sit(data: Path, words: list[bytes], piece: int, logged_in: bool) -> None:
    world = World(
        data,
        submitting=Submitting(messages=0, recipients=0),
        message_size=300,
        in_memory=20,
        header_seen=60,
        errors=8,
    )
    try:
        client: Client = await world.connect()
        await say(client, b"EHLO c.example.org")
        if logged_in:
            await log_in(client)
        await client.send(b"".join(words), piece)
        while getattr(client.connection, "_task", None) is not None:
            await asyncio.sleep(0.001)
        said = await client.wait(lambda _: True)
        assert _REPLIES.fullmatch(said), said
        assert b"Internal error" not in said
        client.transport.close()
        await asyncio.sleep(0)
        queued = world.queued()
        assert len(queued) == said.count(b" Ok: queued as ")
        assert all(accepted.account for accepted in queued)
        if not logged_in and b"235 2.7.0" not in said:
            assert queued == []
        for accepted in queued:
            assert b"bob@example.test" not in world.stored(accepted).partition(b"\r\n\r\n")[0]
            assert b"Bcc" not in world.stored(accepted)
    finally:
        await world.close()


@settings(max_examples=300, deadline=None)
@given(
    st.text(" HOLDFORUNTIL=BY0123456789-+:TZ;RNAQES<>", max_size=50)
    | st.builds(
        " {}={}".format,
        st.sampled_from(sorted(OFFERED)),
        st.text("0123456789-+:TZ;RN<>", max_size=25),
    )
)
def test_parameters_raise_one_error_only(text: str) -> None:
    try:
        found = parse_mail_parameters(text.encode(), OFFERED)
    except BadSyntax:
        return
    assert not (found.hold_for and found.hold_until)
    assert found.by_mode in ("", "R", "N", "RT", "NT")
    assert found.by_time > 0 or not found.by_mode.startswith("R")
