"""Who watches is reminded now and then, in parts: news may have been lost."""

import asyncio
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

from gateway.crossing import Crossing
from gateway.imap.literals import CommandReader
from gateway.imap.session import Session
from gateway.imap.watchers import Watchers
from postroom.app import build


class Reminded:
    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def watch(self, watchers: Watchers, name: str) -> None:
        watchers.watch(name, Named(self, name))
        watchers.watch_account(f"account of {name}", self)

    def account_news(self, account: str, mailbox: str) -> None:
        self.of[account] += 1


class Named:
    def __init__(self, reminded: Reminded, name: str) -> None:
        self.reminded, self.name = reminded, name

    def news(self, version: int) -> None:
        assert version == 0
        self.reminded.of[self.name] += 1


def test_everybody_is_reminded_once_and_never_many_at_a_time(tmp_path: Path) -> None:
    async def run() -> None:
        app = build({"POSTROOM_DATA": str(tmp_path)})
        crossing = Crossing(app)
        watchers = Watchers(app.platform.topic, crossing)
        reminded = Reminded()
        names = [f"mailbox{number}" for number in range(600)]
        for name in names:
            reminded.watch(watchers, name)
        for part in range(60):
            before = reminded.of.total()
            watchers.remind(part, 60)
            assert reminded.of.total() - before < 150
        assert reminded.of == Counter([*names, *(f"account of {name}" for name in names)])
        watchers.close()
        crossing.close()
        app.platform.close()

    asyncio.run(run())


def test_news_of_a_mailbox_that_is_being_selected_are_kept_in_mind() -> None:
    """A session watches before it has read the mailbox."""
    session = Session(Mock(), Mock(), CommandReader(), "192.0.2.1", tls=False)
    session.news(7)
    assert session.unseen_news
