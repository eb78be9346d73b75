"""A search with an index finds what a search without one finds, whatever is looked for."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.imap import indexed
from postroom.mailboxes.search_index import Found, Task
from tests.conversations.imap_world import Client, World, new_data

LETTERS = "aAeéèEÉnñß ()\"'.-,你好世界かが\u0301ſKkıi0 \x00"
WORDS = ["lunch", "Grüße", "Straße", "café", "日本語のメール", "re:", "100%", "a b", "naïve"]
TEXT = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).flatmap(lambda word: st.sampled_from([word[:2], word[1:], word[:1]])),
    st.text(st.sampled_from(LETTERS.replace("\x00", "")), max_size=5),
    st.just(""),
)


def literal(text: str) -> bytes:
    octets = text.encode()
    return b"{%d+}\r\n%b" % (len(octets), octets)


LEAVES = st.one_of(
    st.builds(lambda text: b"TEXT " + literal(text), TEXT),
    st.builds(lambda text: b"BODY " + literal(text), TEXT),
    st.builds(lambda text: b"SUBJECT " + literal(text), TEXT),
    st.builds(
        lambda name, text: b"HEADER " + name + b" " + literal(text),
        st.sampled_from([b"X-Odd", b"To", b"Nowhere"]),
        TEXT,
    ),
    st.sampled_from([b"UNSEEN", b"SENTSINCE 1-Jan-2020", b"LARGER 400", b"5:35", b"UID 7,9,33:*"]),
)
KEYS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda key: b"NOT " + key, inner),
        st.builds(lambda one, other: b"OR " + one + b" " + other, inner, inner),
        st.builds(lambda one, other: b"(" + one + b" " + other + b")", inner, inner),
    ),
    max_leaves=6,
)
COMMANDS = st.builds(
    lambda verb, key: verb + b" " + key,
    st.sampled_from(
        [
            b"UID SEARCH",
            b"SEARCH RETURN (MIN MAX COUNT ALL)",
            b"SEARCH RETURN (PARTIAL -1:-3)",
            b"UID SORT (SUBJECT) UTF-8",
            b"THREAD ORDEREDSUBJECT UTF-8",
            b"ESEARCH IN (personal)",
        ]
    ),
    KEYS,
)


def odd_mail(count: int) -> Iterator[bytes]:
    chance = random.Random(5)

    def words(most: int) -> str:
        return " ".join(
            chance.choice(WORDS)
            if chance.random() < 0.5
            else "".join(chance.choices(LETTERS, k=chance.randint(1, 6)))
            for _ in range(chance.randint(0, most))
        )

    for number in range(count):
        charset = chance.choice(["utf-8", "iso-2022-jp", "utf-16", "latin-1", "x-none", "utf-7"])
        subject = words(6).replace("\x00", "").encode()
        folded = b"\r\n\t".join(subject.split(b" "))
        body = words(12).encode(charset if charset != "x-none" else "utf-8", "replace")
        page = "<p>" + words(5).replace("é", "&eacute;").replace(" ", "<br>") + "<script>lunch"
        yield (
            b"To: a%d@example.test\r\nSubject: %b\r\nX-Odd: %b\r\n X-Odd: lunch\r\nx-odd:\r\n"
            b"Date: Mon, 7 Feb 20%02d 23:52:25 -0800\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/plain; charset=%b\r\n\r\n%b\r\n"
            b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n%b\r\n--b--\r\n"
            % (number, folded, subject, number, charset.encode(), body, page.encode())
        )


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def talk(
    runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Client]]:
    async def begin() -> tuple[World, Client]:
        folder = tmp_path_factory.mktemp("search")
        world = World(new_data(folder / "shared", folder))
        mail = list(odd_mail(50))
        for octets in mail[:25]:
            world.deliver(octets, prefix=b"X-Odd: prefix\r\n")
        account = world.account().id
        inbox = world.app.mailboxes.find(account, "INBOX").id
        world.app.indexing.step(Task(account, inbox))
        for octets in mail[25:40]:  # a second segment
            world.deliver(octets, flags=("\\Seen",))
        index = world.app.search_index.read(account, inbox)
        assert index.covered == 25
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("postroom.mailboxes.indexing.LARGEST_MERGED", 0)
            world.app.indexing.step(Task(account, inbox))
        assert len(world.app.search_index.read(account, inbox).segments) == 2
        world.app.mailboxes.store_flags(account, inbox, [3, 30], add=["\\Deleted"])
        world.app.mailboxes.expunge(account, inbox)
        for octets in mail[40:]:
            world.deliver(octets)
        client = await world.client("INBOX")
        world.app.mailboxes.store_flags(account, inbox, [9], add=["\\Deleted"])
        world.app.mailboxes.expunge(account, inbox)
        await client.ask(b"SEARCH UID 1")  # the view knows, and the client has not been told
        return world, client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexed, "READ_ANYWAY", 0)
        world, client = runner.run(begin())
        yield world, client
        runner.run(world.close())


@settings(max_examples=150, deadline=None)
@given(command=COMMANDS)
def test_an_index_changes_nothing(
    runner: asyncio.Runner, talk: tuple[World, Client], command: bytes
) -> None:
    world, client = talk
    asked = []

    async def with_and_without() -> tuple[bytes, bytes]:
        index = world.app.search_index
        find = index.find

        def counted(account: str, mailbox: str, needles: object) -> Found:
            found = find(account, mailbox, needles)  # type: ignore[arg-type]
            asked.append(found.covered)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index, "find", counted)
            by_index = await client.ask(command)
            patch.setattr(index, "find", lambda *_: Found(0, {}))
            by_reading = await client.ask(command)
        return by_index, by_reading

    by_index, by_reading = runner.run(with_and_without())
    assert b"t OK" in by_index
    assert by_index.replace(b"* 8 EXPUNGE\r\n", b"") == by_reading
    assert all(covered in (0, 40) for covered in asked)


def test_the_index_is_asked(
    runner: asyncio.Runner, talk: tuple[World, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, client = talk
    monkeypatch.setattr(
        world.app.search_index, "find", lambda _, __, needles: Found(40, {needles[0]: [1, 4]})
    )
    answer = runner.run(client.ask(b"UID SEARCH UID 1:40 TEXT none-has-this"))
    assert b"* SEARCH 1 4\r\n" in answer
