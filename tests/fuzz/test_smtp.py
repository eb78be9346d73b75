"""Whatever a client says, it hears replies, and nothing is queued that no 250 told of."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.smtp.parameters import parse_mail_parameters, parse_rcpt_parameters
from gateway.smtp.paths import parse_forward_path, parse_reverse_path
from postroom.errors import BadSyntax
from tests.conversations.imap_world import Client
from tests.conversations.smtp_world import World, new_data

_WORDS = [
    b"EHLO c.example.org\r\n",
    b"HELO c\r\n",
    b"MAIL FROM:<a@example.org>\r\n",
    b"MAIL FROM:<> SIZE=9 BODY=8BITMIME RET=FULL ENVID=a+41 SMTPUTF8\r\n",
    b"RCPT TO:<alice@example.test>\r\n",
    b"RCPT TO:<bob@example.test> NOTIFY=NEVER ORCPT=rfc822;a\r\n",
    b"RCPT TO:<full@example.test>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\nhello\r\n.\r\n",
    b".\r\n",
    b"BDAT 5\r\n12345",
    b"BDAT 0 LAST\r\n",
    b"BDAT 4 LAST\r\nab\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY x\r\n",
    b"STARTTLS\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
]
_REPLIES = re.compile(rb"(?:[2-5][0-9]{2}[ -][ -~]*\r\n)*")
sittings = st.lists(
    st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS[:13]), st.binary(max_size=40)),
    max_size=25,
)


def test_any_sitting(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(words=sittings, piece=st.sampled_from([0, 1, 7]), opening=st.booleans())
    def sitting(words: list[bytes], piece: int, opening: bool) -> None:
        asyncio.run(_sit(data, ([_WORDS[0]] if opening else []) + words, piece))

    sitting()


async def _sit(data: Path, words: list[bytes], piece: int) -> None:
    world = World(data, command_line=100, message_size=300, in_memory=20, errors=8)
    try:
        client: Client = await world.connect()
        await client.send(b"".join(words), piece)
        protocol = client.connection
        while getattr(protocol, "_task", None) is not None:
            await asyncio.sleep(0.001)
        said = await client.wait(lambda _: True)
        assert _REPLIES.fullmatch(said), said
        assert b"Internal error" not in said
        client.transport.close()
        await asyncio.sleep(0)
        assert len(world.queued()) == said.count(b" Ok: queued as ")
    finally:
        await world.close()


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.binary(max_size=60), st.text('<>@."\\[]:,a1é=+;- ').map(str.encode)))
@pytest.mark.parametrize(
    "parse", [parse_forward_path, parse_reverse_path, parse_mail_parameters, parse_rcpt_parameters]
)
def test_parsers_raise_one_error_only(parse: object, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        if parse in (parse_mail_parameters, parse_rcpt_parameters):
            return  # the path's parser has refused it
    with suppress(BadSyntax):
        parse(text)  # type: ignore[operator]
