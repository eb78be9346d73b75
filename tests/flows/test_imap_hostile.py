"""Whatever a client sends, its session answers or ends; it never fails inside."""

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversations.imap_world import World, new_data, sample

WORDS = [
    *(b"SELECT INBOX", b"EXAMINE INBOX", b"FETCH", b"UID FETCH", b"STORE", b"UID STORE", b"COPY"),
    *(b"MOVE", b"SEARCH", b"UID SEARCH", b"EXPUNGE", b"UID EXPUNGE", b"CLOSE", b"UNSELECT"),
    *(b"APPEND INBOX {3+}\r\nabc", b"APPEND Nowhere {3+}\r\nabc", b"APPEND INBOX ~{2}\r\n\x00\x01"),
    *(b"IDLE\r\nDONE", b"IDLE\r\nNOOP", b"NOOP", b"LIST", b"LSUB", b"STATUS INBOX", b"NAMESPACE"),
    *(b"CREATE", b"DELETE", b"RENAME", b"SUBSCRIBE", b"ENABLE IMAP4rev2 CONDSTORE", b"ID NIL"),
    *(b"SORT (SUBJECT)", b"UID SORT RETURN (UPDATE) (DATE)", b"THREAD REFERENCES", b"ESEARCH"),
    *(b"SEARCH RETURN (UPDATE PARTIAL -1:-3)", b"ESEARCH IN (personal)", b'CANCELUPDATE "t"'),
    *(b"AUTHENTICATE PLAIN\r\n*", b"LOGIN a b", b"STARTTLS", b"CHECK", b"CAPABILITY"),
]
ARGUMENTS = [
    *(b"1", b"1:*", b"*", b"2,1", b"4294967295", b"0", b"$", b"99:*", b"1:4294967295"),
    *(b"FLAGS", b"ALL", b"BODY[]", b"BODY.PEEK[1.2.HEADER]", b"BINARY[1]", b"BINARY.SIZE[2]"),
    *(b"BODY[TEXT]<5.2>", b'BODY[HEADER.FIELDS (A "b c")]', b"(UID MODSEQ)", b"BODYSTRUCTURE"),
    *(b"+FLAGS (\\Seen Work)", b"-FLAGS.SILENT (\\Deleted)", b"FLAGS ()", b"+FLAGS (\\Deleted)"),
    *(b"(UNCHANGEDSINCE 1)", b"(CHANGEDSINCE 2)", b"RETURN (SAVE MIN)", b"RETURN ()"),
    *(b"UTF-8", b"(PARTIAL 1:2)", b"(EMAILID PREVIEW SAVEDATE)"),
    *(b'TEXT "a"', b"NOT", b"OR SEEN UNSEEN", b"MODSEQ 3", b"SINCE 1-Jan-2024", b"LARGER 10"),
    *(
        b'""',
        b"*",
        b"%",
        b"INBOX",
        b"Archive",
        b'"a/b"',
        b"a//b",
        b"\xff",
        b'"&AAA-"',
        b"(MESSAGES)",
    ),
    *(b"{3+}\r\nabc", b"{2}\r\nab", b"{99999999999}", b"(((", b")", b"\x00", b"\r", b"\n", b'"'),
]
COMMANDS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(ARGUMENTS), max_size=3)),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_data(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("hostile"))


@given(commands=COMMANDS, noise=st.binary(max_size=40), piece=st.sampled_from([0, 1, 7]))
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_session_never_fails_inside(
    commands: list[tuple[bytes, list[bytes]]],
    noise: bytes,
    piece: int,
    data: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    lines = [
        b"t%d " % number + b" ".join([word, *arguments])
        for number, (word, arguments) in enumerate(commands)
    ]
    octets = b"\r\n".join(lines) + b"\r\n" + noise + b"\r\n"
    asyncio.run(_talk(data, octets, piece))
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not failures, failures[0].exc_text or failures[0].getMessage()


async def _talk(data: Path, octets: bytes, piece: int) -> None:
    world = World(data)
    try:
        world.deliver(sample("mixed"))
        client = await world.client("INBOX")
        await client.send(octets, piece)
        # It still answers, or it has said BYE.
        await client.send(b"\r\nDONE\r\n)\r\nlast NOOP\r\n")
        answer = await asyncio.wait_for(client.wait(lambda new: b"last " in new), 10)
        assert b"last " in answer or client.closed or _waits_for_literal(octets)
        assert b"SERVERBUG" not in answer
        assert b"Internal error" not in answer
    finally:
        await world.close()


def _waits_for_literal(octets: bytes) -> bool:
    return b"{" in octets or b"AUTHENTICATE" in octets
