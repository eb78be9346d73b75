"""A client that selects mailboxes, and brings what it has kept of them up to date."""

from tests.imap_model.conversation import Conversation
from tests.imap_model.ledger import must
from tests.imap_model.view import Cache, View


class Client(Conversation):
    async def select(self, name: str, *, examine: bool = False) -> bool:
        """False when there is no such mailbox."""
        before = self.view
        self.leave_mailbox()
        self._before = before
        ledger, kind = self.ledger, self.kind
        validity = self.validity_of.get(name, 0)
        kept = self.caches.get(validity, Cache())
        resyncs = kind.qresync and bool(kept.highest)
        view = View(ledger, mod_seqs=kind.mod_seqs, uid_only=kind.uid_only)
        view.validity = validity  # VANISHED and FETCH may come before anything else only if so
        view.read_only = examine
        view.selecting = Cache(dict(kept.flags), kept.highest) if resyncs else Cache()
        options = self._resync_options(validity, kept) if resyncs else ""
        if kind.mod_seqs and not kind.qresync and self.dice.random() < 0.5:
            options = " (CONDSTORE)"
        highest = dict(ledger.highest)
        self.view = view
        command = await self.ask(
            f"{'EXAMINE' if examine else 'SELECT'} {self.named(name)}{options}"
        )
        self._before = None
        if not command.ok:
            must(command.code[:1] == [b"NONEXISTENT"], f"SELECT {name}: {command.reply}")
            self.view = None
            return False
        self.validity_of[name] = view.validity
        self.selected_name = name
        deleted = ledger.deleted.get(view.validity)
        must(deleted is None or deleted > command.sent, f"{name} was deleted and is there")
        must(
            view.highest >= highest.get(view.validity, 0),
            f"HIGHESTMODSEQ {view.highest} at SELECT, {highest.get(view.validity)} before",
        )
        if view.validity != validity:
            must(not view.flags or not resyncs, "resynchronised under another UIDVALIDITY")
            view.selecting = Cache()
        view.selected()
        late = ledger.must_be_gone(view.validity, view.known, command.sent)
        must(not late, f"SELECT shows {late}, which others were told are gone")
        if not resyncs:
            self._learning = True
            await self._learn_anew(kept if view.validity == validity else Cache())
            self._learning = False
        return True

    def _resync_options(self, validity: int, kept: Cache) -> str:
        known = sorted(kept.flags)
        words = f"{validity} {kept.highest}"
        if known and self.dice.random() < 0.7:
            words += f" 1:{known[-1]}"
            if not self.kind.uid_only and self.dice.random() < 0.4:
                count = len(known)
                numbers = sorted({max(count // 2, 1), count})
                uids = [known[number - 1] for number in numbers]
                words += f" ({','.join(map(str, numbers))} {','.join(map(str, uids))})"
        return f" (QRESYNC ({words}))"

    async def _learn_anew(self, kept: Cache) -> None:
        """Without QRESYNC: which messages there are, and with MODSEQ only the flags that changed
        (RFC 4549 section 4.2, RFC 7162 section 3.1)."""
        view = self.view
        assert view is not None
        if not view.uids:
            return
        if not (self.kind.mod_seqs and kept.highest) or self.kind.uid_only:
            await self._fetch_all("(UID FLAGS)")
            return
        told = view.flags
        await self._fetch_all("(UID)")
        there = {uid: flags for uid, flags in kept.flags.items() if uid in view.uids}
        view.flags = there | told
        if view.uids:
            await self._fetch_all(f"(UID FLAGS) (CHANGEDSINCE {kept.highest})")

    async def _fetch_all(self, items: str) -> None:
        by_uid = not self.kind.numbers or self.dice.random() < 0.3
        command = await self.ask(f"{'UID ' if by_uid else ''}FETCH 1:* {items}")
        must(command.ok or command.code == [b"EXPUNGEISSUED"], f"{command.reply}")
