"""A world for scripts, as tables; and scripts run in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pytest

from postroom.sieve.actions import Action, Keep
from postroom.sieve.engine import Outcome, Program, compile_script, run
from postroom.sieve.errors import ScriptError
from postroom.sieve.letter import Letter
from postroom.sieve.world import Envelope

NOW = datetime.fromisoformat("2026-11-25T20:00:00+01:00")
ENVELOPE = Envelope(sender="sender@example.org", recipient="bob@example.test")
LETTER = (
    b"From: Alice <alice@example.org>\r\nTo: Bob <bob@example.test>\r\nSubject: Hello\r\n"
    b"Message-ID: <1@example.org>\r\nDate: Wed, 25 Nov 2026 18:00:00 +0000\r\n\r\nHi Bob\r\n"
)


@dataclass
class TableWorld:
    """Knows what it is given, nothing else."""

    at: datetime = NOW
    items: Mapping[str, str] = field(default_factory=dict)
    mailboxes: Mapping[str, Collection[str]] = field(default_factory=dict)  # name -> special uses
    mailbox_ids: Collection[str] = ()
    annotations: Mapping[tuple[str | None, str], str] = field(default_factory=dict)
    lists: Mapping[str, Collection[str]] = field(default_factory=dict)
    remembered: Collection[tuple[str, str]] = ()
    spam_score: tuple[float, float] | None = None
    virus_score: int | None = None
    scripts: Mapping[tuple[str, str], bytes] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.at

    def environment(self, item: str) -> str | None:
        return self.items.get(item)

    def mailbox_exists(self, name: str) -> bool:
        return name in self.mailboxes

    def mailbox_id_exists(self, mailbox_id: str) -> bool:
        return mailbox_id in self.mailbox_ids

    def special_use_exists(self, mailbox: str | None, uses: Collection[str]) -> bool:
        wanted = {use.lower() for use in uses}
        if mailbox is not None:
            return wanted <= {use.lower() for use in self.mailboxes.get(mailbox, ())}
        return wanted <= {use.lower() for own in self.mailboxes.values() for use in own}

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        return self.annotations.get((mailbox, annotation))

    def has_list(self, name: str) -> bool:
        return name in self.lists

    def in_list(self, name: str, value: str) -> bool:
        return value in self.lists[name]

    def seen(self, handle: str, unique_id: str) -> bool:
        return (handle, unique_id) in self.remembered

    def spam(self) -> tuple[float, float] | None:
        return self.spam_score

    def virus(self) -> int | None:
        return self.virus_score

    def script(self, location: Literal["personal", "global"], name: str) -> Program | None:
        text = self.scripts.get((location, name))
        return None if text is None else compile_script(text)


def outcome(
    *scripts: str,
    letter: bytes = LETTER,
    envelope: Envelope = ENVELOPE,
    world: TableWorld | None = None,
) -> Outcome:
    """What becomes of a message by these scripts, one after the other."""
    programs = [compile_script(script.encode()) for script in scripts]
    return run(programs, Letter(letter), envelope, world or TableWorld())


def actions(
    *scripts: str,
    letter: bytes = LETTER,
    envelope: Envelope = ENVELOPE,
    world: TableWorld | None = None,
) -> tuple[Action, ...]:
    """The actions of scripts that end well."""
    found = outcome(*scripts, letter=letter, envelope=envelope, world=world)
    assert found.error is None, found.error
    return found.actions


def failure(*scripts: str, letter: bytes = LETTER, world: TableWorld | None = None) -> str:
    """How a script stopped that was right; nothing came of it but an implicit keep."""
    found = outcome(*scripts, letter=letter, world=world)
    assert found.error is not None, found.actions
    [kept] = found.actions
    assert isinstance(kept, Keep)
    assert kept.implicit
    return str(found.error)


def complaints(script: str) -> tuple[str, ...]:
    """What is wrong with a script."""
    with pytest.raises(ScriptError) as caught:
        compile_script(script.encode())
    return tuple(map(str, caught.value.problems))
