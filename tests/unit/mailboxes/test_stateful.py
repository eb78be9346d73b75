"""Any mix of changes by two writers, against a plain model of what a mailbox is."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postroom.mailboxes.records import DELETED, FLAGGED, SEEN
from postroom.mailboxes.store import BadMailboxName, Mailboxes, MailboxExists
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemRandomness

from .conftest import ACCOUNT, DAY, HandClock, Office

NAMES = ("INBOX", "Sent", "a/b")
FLAGS = st.frozensets(st.sampled_from([SEEN, DELETED, FLAGGED, "word", "other"]), max_size=3)
UIDS = st.lists(st.integers(1, 12), max_size=6)
WRITER = st.integers(0, 1)
NAME = st.sampled_from(NAMES)

Model = dict[int, frozenset[str]]  # flags by UID


class Machine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        clock = HandClock()
        self.store = EmbeddedStore(Path(self.folder.name), clock)
        self.writers = [
            Mailboxes(self.store.table, self.store.blobs, self.store.topic, clock, chance)
            for chance in (SystemRandomness(), SystemRandomness())
        ]
        self.office = Office(self.store, clock, self.writers[0])
        self.writers[0].create_account(ACCOUNT)
        self.writers[0].create(ACCOUNT, "a/b")
        self.ids = {name: self.office.id(name) for name in NAMES}
        self.names = {name: name for name in NAMES}
        self.model: dict[str, Model] = {name: {} for name in NAMES}
        self.next = dict.fromkeys(NAMES, 1)
        # What a client that looked then would know, by MODSEQ.
        self.past: dict[str, dict[int, Model]] = {name: {1: {}} for name in NAMES}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(writer=WRITER, name=NAME, flags=FLAGS, count=st.integers(1, 3))
    def append(self, writer: int, name: str, flags: frozenset[str], count: int) -> None:
        letters = [self.office.letter(flags=flags) for _ in range(count)]
        done = self.writers[writer].append(ACCOUNT, self.ids[name], letters)
        for appended in done:
            self._add(name, appended, flags)

    def _add(self, name: str, appended: Any, flags: frozenset[str]) -> None:
        assert appended.uid == self.next[name]
        self.next[name] += 1
        self.model[name][appended.uid] = flags

    @rule(writer=WRITER, name=NAME, uids=UIDS, flags=FLAGS, how=st.sampled_from("+-="))
    def flag(
        self, writer: int, name: str, uids: list[int], flags: frozenset[str], how: str
    ) -> None:
        change: Any = {"+": {"add": flags}, "-": {"remove": flags}, "=": {"replace": flags}}[how]
        self.writers[writer].store_flags(ACCOUNT, self.ids[name], uids, **change)
        model = self.model[name]
        for uid in model.keys() & set(uids):
            now = model[uid]
            model[uid] = {"+": now | flags, "-": now - flags, "=": flags}[how]

    @rule(writer=WRITER, source=NAME, into=NAME, uids=UIDS, move=st.booleans())
    def copy(self, writer: int, source: str, into: str, uids: list[int], move: bool) -> None:
        there = sorted(self.model[source].keys() & set(uids))
        mailboxes = self.writers[writer]
        act = mailboxes.move if move else mailboxes.copy
        done = act(ACCOUNT, self.ids[source], uids, self.ids[into])
        assert [uid for uid, _ in done] == there
        for uid, appended in done:
            self._add(into, appended, self.model[source][uid])
            if move:
                del self.model[source][uid]

    @rule(writer=WRITER, name=NAME, uids=st.none() | UIDS)
    def expunge(self, writer: int, name: str, uids: list[int] | None) -> None:
        done = self.writers[writer].expunge(ACCOUNT, self.ids[name], uids)
        model = self.model[name]
        wanted = model.keys() if uids is None else model.keys() & set(uids)
        gone = sorted(uid for uid in wanted if DELETED in model[uid])
        assert done == gone
        for uid in gone:
            del model[uid]

    @rule(writer=WRITER, new=st.sampled_from(["a/b", "c", "c/d", "e"]))
    def rename(self, writer: int, new: str) -> None:
        old = self.names["a/b"]
        taken = {mailbox.name for mailbox in self.writers[0].all_of(ACCOUNT)}
        try:
            self.writers[writer].rename(ACCOUNT, old, new)
        except MailboxExists:
            assert new in taken
        except BadMailboxName:
            assert new.startswith(old + "/")
        else:
            assert new not in taken
            self.names["a/b"] = new

    @precondition(lambda self: self.office.count > 3)
    @rule(days=st.integers(0, 9))
    def wait(self, days: int) -> None:
        self.office.clock.time += days * DAY
        self.writers[0].sweep()

    @invariant()
    def agrees(self) -> None:
        for name, mailbox_id in self.ids.items():
            mailboxes = self.writers[0]
            mailbox = mailboxes.get(ACCOUNT, mailbox_id)
            messages = list(mailboxes.messages(mailbox_id))
            model = self.model[name]
            assert mailbox.name == self.names[name]
            assert {message.uid: message.flags for message in messages} == model
            assert mailbox.uid_next == self.next[name]
            assert mailbox.messages == len(model)
            assert mailbox.unseen == sum(SEEN not in flags for flags in model.values())
            assert mailbox.deleted == sum(DELETED in flags for flags in model.values())
            assert mailbox.size == sum(message.size for message in messages)
            assert all(message.mod_seq <= mailbox.highest_mod_seq for message in messages)
            # Every blob that a message refers to is there, and counted.
            summaries = list(mailboxes.summaries([message.blob for message in messages]))
            assert [summary.size for summary in summaries] == [each.size for each in messages]
            assert (
                b"".join(self.store.blobs.get_many([each.blob for each in messages])) or not model
            )
            self._replays(name, mailbox_id, mailbox.highest_mod_seq)

    def _replays(self, name: str, mailbox_id: str, mod_seq: int) -> None:
        past, model = self.past[name], self.model[name]
        assert mod_seq >= max(past)  # or MODSEQ went backwards
        if mod_seq == max(past):
            assert past[mod_seq] == model  # or a change has no MODSEQ of its own
        past[mod_seq] = dict(model)
        for then, known in list(past.items())[-6:]:
            changes = self.writers[1].changes(ACCOUNT, mailbox_id, then)
            now = {**known, **{each.uid: each.flags for each in changes.changed}}
            for uid in changes.expunged:
                now.pop(uid, None)
            assert now == model


TestMailboxes = Machine.TestCase
TestMailboxes.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
