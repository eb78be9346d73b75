"""One client and what it does next, by its dice: reading. Writing is in ``writer``."""

import random
from collections.abc import Sequence

from tests.imap_model.client import Client
from tests.imap_model.commands import Command, Kind
from tests.imap_model.conversation import PATIENCE
from tests.imap_model.ledger import KEYWORDS, TOKEN, Ledger, content, is_kept, keyword, must
from tests.imap_model.responses import Response, render, uid_set
from tests.imap_model.view import View

FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "Work", "$Junk")
STABLE = ("INBOX", "Archive", "Lists")
PASSING = ("T0", "T1", "T2")  # come and go; no kept message is put there


class Player(Client):
    def __init__(
        self, name: str, kind: Kind, ledger: Ledger, ports: Sequence[int], dice: random.Random
    ) -> None:
        super().__init__(name, kind, ledger, ports, dice)
        self._made = 0

    @property
    def here(self) -> View:
        assert self.view is not None
        return self.view

    def new_token(self, kept: bool) -> str:
        self._made += 1
        return f"{'k' if kept else 'p'}-{self.name}-{self._made}"

    def token(self, uid: int) -> str:
        """Of a message whose token may not be known: then nobody must remove it."""
        return self.ledger.tokens.get((self.here.validity, uid), "k")

    def some(self, most: int = 4) -> list[int]:
        """UIDs of messages whose tokens are known."""
        view = self.here
        known = [uid for uid in view.known if (view.validity, uid) in self.ledger.tokens]
        return sorted(self.dice.sample(known, min(self.dice.randint(1, most), len(known))))

    def by_number_or_uid(self, command: str, uids: Sequence[int], rest: str) -> str:
        if not self.kind.numbers or self.dice.random() < 0.5:
            return f"UID {command} {render(list(uids))} {rest}".rstrip()
        numbers = [self.here.uids.index(uid) + 1 for uid in uids]
        return f"{command} {render(numbers)} {rest}".rstrip()

    # What every client does.

    async def learn_new(self) -> None:
        """Ask for messages whose UIDs are not known, until there are none."""
        for tries in range(20):
            view = self.here
            if view.is_complete:
                return
            what = "ENVELOPE" if self.dice.random() < 0.7 else "BODY.PEEK[]"
            if not self.kind.numbers:
                # A change may have been told of one of the new ones: the others lie below it.
                last = 0 if tries else max(view.known, default=0)
                command = await self.ask(f"UID FETCH {last + 1}:* (FLAGS {what})")
            else:
                numbers = [number for number, uid in enumerate(view.uids, 1) if not uid]
                command = await self.ask(f"FETCH {render(numbers)} (UID FLAGS {what})")
            self.note_tokens(command)
            if not view.is_complete:  # some are gone: hear it
                await self.do("NOOP")
        must(False, "messages that EXISTS has counted cannot be fetched")

    def note_tokens(self, command: Command) -> None:
        must(
            command.ok or command.code[:1] == [b"EXPUNGEISSUED"],
            f"{command.text}: {command.reply and command.reply.octets!r}",
        )
        for response in command.untagged:
            if response.name in (b"FETCH", b"UIDFETCH"):
                self._note_token(response)

    def _note_token(self, response: Response) -> None:
        items = response.items()
        uid = response.number if response.name == b"UIDFETCH" else int(items.get(b"UID", 0))
        octets = items.get(b"BODY[]")
        if octets is None:
            octets = (items.get(b"ENVELOPE") or [b""])[-1]
        match = TOKEN.search(octets)
        if match is None:
            return
        token = match[1].decode()
        if uid:
            self.ledger.seen((self.here.validity, uid), token)
        if b"BODY[]" in items:
            must(octets.endswith(content(token)), f"UID {uid}: the octets of {token} are not its")
        if b"RFC822.SIZE" in items and b"BODY[]" in items:
            must(int(items[b"RFC822.SIZE"]) == len(octets), f"UID {uid}: RFC822.SIZE is wrong")

    async def learn_tokens(self) -> None:
        """A program looks at each message once, also at those it knows by UID only."""
        view, tokens = self.here, self.ledger.tokens
        unseen = [uid for uid in view.known if (view.validity, uid) not in tokens]
        if unseen:
            self.note_tokens(await self.ask(f"UID FETCH {render(unseen)} (UID ENVELOPE)"))

    async def noop(self) -> None:
        """After it a client knows all that others knew before it."""
        command = await self.do(self.dice.choice(("NOOP", "NOOP", "CHECK")))
        await self.check_up_to_date(command.sent)

    async def check_up_to_date(self, since: int) -> None:
        view, ledger = self.here, self.ledger
        if self.kind.visits and view.validity in ledger.withdrawn:
            # Who may not read it any more was told of nothing, and its BYE comes after the OK.
            await self.do("NOOP")
        late = ledger.must_be_gone(view.validity, view.known, since)
        must(not late, f"{late} are still there, which others were told are gone")
        await self.learn_new()
        # What has gone in the meantime is noted as such: ask for that last.
        lost = ledger.must_be_there(view.validity, since) - set(view.known)
        must(not lost, f"NOOP does not tell of {sorted(lost)}")

    async def fetch(self) -> None:
        view, dice = self.here, self.dice
        uids = self.some(8)
        if not uids:
            return
        whole = dice.choice(("BODY.PEEK[]", "BODY.PEEK[]", "" if view.read_only else "BODY[]"))
        items = dice.choice(
            ("FLAGS", f"FLAGS RFC822.SIZE {whole}", "ENVELOPE", "INTERNALDATE BODYSTRUCTURE")
        )
        if self.kind.mod_seqs and dice.random() < 0.5:
            items = items.rstrip() + " MODSEQ"
        rest = f"(UID {items.rstrip()})"
        if self.kind.mod_seqs and dice.random() < 0.2:
            rest += f" (CHANGEDSINCE {max(view.highest - dice.randint(0, 20), 1)}"
            vanished = self.kind.qresync and dice.random() < 0.5
            text = f"UID FETCH 1:* {rest}{' VANISHED' if vanished else ''})"
            self.note_tokens(await self.ask(text))
            return
        self.note_tokens(await self.ask(self.by_number_or_uid("FETCH", uids, rest)))

    async def search(self) -> None:
        """A message's keyword never changes, so everybody finds the same."""
        view, dice = self.here, self.dice
        word = dice.choice(KEYWORDS)
        by_uid = not self.kind.numbers or dice.random() < 0.5
        before = list(view.uids)
        command = await self.do(f"{'UID ' if by_uid else ''}SEARCH KEYWORD {word}")
        found = search_result(command)
        if by_uid:
            uids = set(found)
        else:  # numbers did not change, but some may have been added
            must(max(found, default=0) <= len(view.uids), "SEARCH found numbers beyond EXISTS")
            uids = {view.uids[number - 1] for number in found}
        for uid in before:
            token = self.token(uid)
            if not uid or token == "k" or "smtp" in token:
                continue
            if keyword(token) == word:
                gone = self.ledger.may_be_gone((view.validity, uid))
                must(uid in uids or gone, f"SEARCH KEYWORD {word} misses UID {uid}")
            else:
                must(uid not in uids, f"SEARCH KEYWORD {word} finds UID {uid}, which has not")

    async def search_counts(self) -> None:
        """What ESEARCH returns agrees with itself."""
        prefix = "UID " if not self.kind.numbers or self.dice.random() < 0.5 else ""
        flag = self.dice.choice(("SEEN", "UNFLAGGED", "ALL", "UNDELETED"))
        command = await self.do(f"{prefix}SEARCH RETURN (MIN MAX COUNT ALL) {flag}")
        words = next(each.values for each in command.untagged if each.name == b"ESEARCH")
        words = [word for word in words if isinstance(word, bytes) and word != b"UID"]
        told = dict(zip(words[::2], words[1::2], strict=True))
        found = uid_set(told[b"ALL"]) if b"ALL" in told else []
        must(int(told[b"COUNT"]) == len(found), "COUNT is not that of ALL")
        if found:
            ends = (int(told[b"MIN"]), int(told[b"MAX"]))
            must(ends == (min(found), max(found)), "MIN and MAX are not those of ALL")

    async def status(self) -> None:
        ledger = self.ledger
        items = "UIDVALIDITY UIDNEXT MESSAGES" + (" HIGHESTMODSEQ" if self.kind.mod_seqs else "")
        uid_next, highest = dict(ledger.uid_next), dict(ledger.highest)
        command = await self.do(f"STATUS {self.named(self.dice.choice(STABLE))} ({items})")
        words = next(each.values for each in command.untagged if each.name == b"STATUS")[1]
        told = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        validity = told[b"UIDVALIDITY"]
        must(told[b"UIDNEXT"] >= uid_next.get(validity, 0), "UIDNEXT of STATUS is behind")
        if self.kind.mod_seqs:
            must(told[b"HIGHESTMODSEQ"] >= highest.get(validity, 0), "HIGHESTMODSEQ is behind")

    async def idle_a_while(self) -> None:
        await self.idle(self.dice.choice((0.01, 0.1, 0.5, 2.0)))

    async def pipeline(self) -> None:
        """Several at once: first those by number, whose meaning later ones may change."""
        uids = self.some(3)
        if not uids:
            return
        texts = ["FETCH 1:* (UID FLAGS)", "SEARCH UNSEEN"] if self.kind.numbers else []
        texts += ["NOOP", f"UID FETCH {render(uids)} (UID FLAGS)", "UID SEARCH ALL", "NOOP"]
        if not self.here.read_only:
            texts.insert(-2, f"UID STORE {render(uids)} +FLAGS ({self.dice.choice(FLAGS)})")
        await self.run([Command(text) for text in texts])

    async def linger(self) -> None:
        """Others go on meanwhile, and there is much to tell."""
        await self.listen(self.dice.choice((0.2, 1.0, 3.0)))

    async def hear_all(self) -> None:
        """What others know by now comes by itself (RFC 5465 section 6.1.1)."""
        view, ledger = self.here, self.ledger
        since = ledger.now()

        def untold() -> set[int]:
            there = ledger.must_be_there(view.validity, since) - set(view.known)
            return there | set(ledger.must_be_gone(view.validity, view.known, since))

        await self.listen(PATIENCE, enough=lambda: not untold())
        must(not untold(), f"NOTIFY does not tell of {sorted(untold())}")

    # Names.

    async def change_mailbox(self) -> None:
        weights = (2, 1, 1, 3, 3, 3) if self.kind.visits else (6, 3, 3, 1, 1, 1)
        name = self.dice.choices((*STABLE, *PASSING), weights)[0]
        if not await self.select(name, examine=self.dice.random() < 0.1):
            must(name in PASSING, f"{name} is not there")
            await self.select("INBOX")
        await self.learn_new()
        await self.learn_tokens()

    def can_be_removed(self, uids: Sequence[int]) -> list[int]:
        return [uid for uid in uids if not is_kept(self.token(uid))]


def search_result(command: Command) -> list[int]:
    for response in command.untagged:
        if response.name == b"SEARCH":
            return [int(word) for word in response.values if isinstance(word, bytes)]
        if response.name == b"ESEARCH":
            words = response.values
            return uid_set(words[words.index(b"ALL") + 1]) if b"ALL" in words else []
    raise AssertionError(f"{command.text} had no result")
