"""APPENDs that go together: a few writes for many, and each has its own outcome."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.crossing import Crossing
from gateway.imap.appender import Appender
from postroom.app import App, build
from postroom.errors import PostroomError, StoreUnavailable
from postroom.mailboxes.errors import MailboxMissing, OverQuota
from postroom.mailboxes.records import Appended, Delivery, NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey

OCTETS = b"Subject: a\r\n\r\n"
ACCOUNT = "anna"

Outcome = list[Appended] | BaseException


def _delivery(app: App, name: str, *, mailbox: str = "", quota: int = 0) -> Delivery:
    message = NewMessage(BlobKey(name), summarise(OCTETS), 0, frozenset())
    return Delivery(ACCOUNT, mailbox or app.mailboxes.inbox(ACCOUNT), [message], quota=quota)


def _append(app: App, *deliveries: Delivery) -> list[Outcome]:
    """All at once."""

    async def run() -> list[Outcome]:
        crossing = Crossing(app)
        appender = Appender(app, crossing)
        outcomes = await asyncio.gather(
            *(appender.append(delivery, OCTETS) for delivery in deliveries),
            return_exceptions=True,
        )
        crossing.close()
        return list(outcomes)

    return asyncio.run(run())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = build({"POSTROOM_DATA": str(tmp_path)})
    app.mailboxes.create_account(ACCOUNT)
    yield app
    app.platform.close()


def test_those_that_come_together_are_one_change_of_the_mailbox(app: App) -> None:
    outcomes = _append(app, *(_delivery(app, f"b{number}") for number in range(5)))
    appended = [each for outcome in outcomes if isinstance(outcome, list) for each in outcome]
    assert [each.uid for each in appended] == [1, 2, 3, 4, 5]
    assert len({each.mod_seq for each in appended}) == 1
    assert list(app.blobs.get_many([BlobKey("b0"), BlobKey("b4")])) == [OCTETS, OCTETS]


def test_who_comes_when_a_batch_is_just_done_is_not_forgotten(app: App) -> None:
    async def run() -> None:
        crossing = Crossing(app)
        appender = Appender(app, crossing)
        for number in range(3):
            await asyncio.wait_for(_two(appender, app, str(number)), 10)
        crossing.close()

    asyncio.run(run())
    assert len(list(app.mailboxes.messages(app.mailboxes.inbox(ACCOUNT)))) == 6


async def _two(appender: Appender, app: App, name: str) -> None:
    """One after the other, without a look at the loop between them."""
    await appender.append(_delivery(app, f"a{name}"), OCTETS)
    await appender.append(_delivery(app, f"b{name}"), OCTETS)


def test_each_has_its_own_outcome(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    put_each = app.blobs.put_each

    def fails(blobs: Sequence[tuple[BlobKey, bytes]]) -> list[StoreUnavailable | None]:
        errors = put_each(blobs)
        return [
            StoreUnavailable("the disk") if key == "lost" else error
            for (key, _), error in zip(blobs, errors, strict=True)
        ]

    monkeypatch.setattr(app.blobs, "put_each", fails)
    outcomes = _append(
        app,
        _delivery(app, "first"),
        _delivery(app, "lost"),
        _delivery(app, "large", quota=1),
        _delivery(app, "astray", mailbox="gone"),
        _delivery(app, "last"),
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [list, StoreUnavailable, OverQuota, MailboxMissing, list]
    messages = app.mailboxes.messages(app.mailboxes.inbox(ACCOUNT))
    assert [message.blob for message in messages] == ["first", "last"]


def test_those_who_append_again_and_again_go_together(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    append_many = app.mailboxes.append_many

    def counts(deliveries: Sequence[Delivery]) -> object:
        batches.append(len(deliveries))
        return append_many(deliveries)

    async def client(appender: Appender, name: str) -> None:
        for number in range(20):
            await appender.append(_delivery(app, f"{name}{number}"), OCTETS)
            await asyncio.sleep(0.0001)  # on its way to the client, and back

    async def run() -> None:
        crossing = Crossing(app)
        appender = Appender(app, crossing)
        # Not all at the same moment: that alone would make them half batches in turn.
        first = asyncio.gather(client(appender, "a"), client(appender, "b"))
        await asyncio.sleep(0.0005)
        second = asyncio.gather(client(appender, "c"), client(appender, "d"))
        await first
        await second
        crossing.close()

    monkeypatch.setattr(app.mailboxes, "append_many", counts)
    asyncio.run(run())
    assert sum(batches) == 80
    assert len(batches) <= 30


def test_a_table_that_fails_is_told_to_all(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(deliveries: object) -> object:
        raise StoreUnavailable("the table")

    monkeypatch.setattr(app.mailboxes, "append_many", fails)
    outcomes = _append(app, _delivery(app, "a"), _delivery(app, "b"))
    assert all(isinstance(outcome, PostroomError) for outcome in outcomes)
