"""What a client does that changes something, and what that must and may lead to."""

from collections.abc import Sequence

from tests.imap_model.commands import Command
from tests.imap_model.ledger import content, is_kept, keyword, must
from tests.imap_model.responses import render, uid_set
from tests.stress_imap.player import FLAGS, PASSING, STABLE, Player

MOST_KEPT = 400  # tokens; then only messages that may go are added
MOST_COPIES = 3  # of a kept message
MANY = 150  # messages in a mailbox: from here on removing comes first

_GONE: tuple[list[bytes], ...] = ([b"EXPUNGEISSUED"], [b"NONEXISTENT"], [b"TRYCREATE"], [])


class Writer(Player):
    # Adding.

    async def append(self) -> None:
        dice, ledger = self.dice, self.ledger
        target = dice.choices((*STABLE, *PASSING), (6, 2, 2, 1, 1, 1))[0]
        few = len(ledger.copies) < MOST_KEPT
        tokens = [
            self.new_token(few and target in STABLE and dice.random() < 0.15)
            for _ in range(dice.choice((1, 1, 1, 2, 3)))
        ]
        attempt = ledger.attempt(made=tokens)
        floors = dict(ledger.uid_next)
        text, literals = f"APPEND {self.named(target)}", []
        for token in tokens:
            literal, words = self._message(token)
            text += words
            literals.append(literal)
        command = await self.ask(text, *literals)
        if not command.ok:
            must(target in PASSING and command.code == [b"TRYCREATE"], f"APPEND: {command.reply}")
            attempt.settle()
            return
        attempt.settle(made=tokens)
        self._given(command, tokens, floors)

    def _message(self, token: str) -> tuple[bytes, str]:
        octets = content(token)
        flags = [keyword(token), *self.dice.sample(FLAGS, self.dice.randint(0, 2))]
        plus = "+" if self.dice.random() < 0.6 else ""
        return octets, f" ({' '.join(flags)}) {{{len(octets)}{plus}}}\0"

    def _given(self, command: Command, tokens: Sequence[str], floors: dict[int, int]) -> None:
        _, validity, uids = command.code_of(b"APPENDUID")
        given = uid_set(uids)
        must(len(given) == len(tokens) and given == sorted(given), f"APPENDUID {uids!r}")
        for uid, token in zip(given, tokens, strict=True):
            place = (int(validity), uid)
            self.ledger.given(place, token, floors.get(int(validity), 0), command.text)

    async def copy(self) -> None:
        copies = self.ledger.copies + self.ledger.perhaps_made
        uids = [
            uid
            for uid in self.some()
            if not is_kept(self.token(uid)) or copies[self.token(uid)] < MOST_COPIES
        ]
        if not uids:
            return
        target = self._target(uids)
        tokens = [self.token(uid) for uid in uids]
        attempt = self.ledger.attempt(made=tokens)
        floors = dict(self.ledger.uid_next)
        command = await self.ask(self.by_number_or_uid("COPY", uids, self.named(target)))
        must(command.ok or command.code[:1] in _GONE, f"COPY: {command.reply}")
        pairs = self._pairs(command, uids, floors)
        attempt.settle(made=[self.token_at(source) for source, _ in pairs])

    async def move(self) -> None:
        uids = self.some()
        if not uids:
            return
        target = self._target(uids)
        validity, floors = self.here.validity, dict(self.ledger.uid_next)
        self.ledger.touch(validity, uids)
        command = await self.ask(self.by_number_or_uid("MOVE", uids, self.named(target)))
        must(command.ok or command.code[:1] in _GONE, f"MOVE: {command.reply}")
        for source, place in self._pairs(command, uids, floors):
            self.ledger.was_moved((validity, source), place)
        self._must_have_gone([source for source, _ in self._pairs_of(command)])

    def _target(self, uids: Sequence[int]) -> str:
        if any(is_kept(self.token(uid)) for uid in uids) or self.dice.random() < 0.7:
            return self.dice.choice(STABLE)
        return self.dice.choice(PASSING)

    def token_at(self, uid: int) -> str:
        return self.token(uid)

    def _pairs_of(self, command: Command) -> list[tuple[int, int]]:
        code = command.code_of(b"COPYUID")
        if not code:
            return []
        _, _, sources, targets = code
        return list(zip(uid_set(sources), uid_set(targets), strict=True))

    def _pairs(
        self, command: Command, uids: Sequence[int], floors: dict[int, int]
    ) -> list[tuple[int, tuple[int, int]]]:
        """Source UIDs and the places of their copies, from COPYUID."""
        pairs = self._pairs_of(command)
        if not pairs:
            return []
        validity = int(command.code_of(b"COPYUID")[1])
        must({source for source, _ in pairs} <= set(uids), f"{command.text}: COPYUID of others")
        targets = [uid for _, uid in pairs]
        must(len(set(targets)) == len(targets), f"{command.text}: COPYUID names one twice")
        for source, uid in pairs:
            token = self.token(source)
            if not is_kept(token) and self.ledger.may_be_gone((self.here.validity, source)):
                self.ledger.touch(validity, [uid])  # a copy of what may be \\Deleted is, too
            self.ledger.given((validity, uid), token, floors.get(validity, 0), command.text)
        return [(source, (validity, uid)) for source, uid in pairs]

    def _must_have_gone(self, uids: Sequence[int]) -> None:
        left = set(uids) & set(self.here.known)
        must(not left, f"{sorted(left)} were removed by this client, which was not told")

    # Flags.

    async def store(self) -> None:
        view, dice = self.here, self.dice
        uids = self.some()
        if not uids:
            return
        mode = dice.choice("+-")
        flags = dice.sample(FLAGS, 2)
        removable = self.can_be_removed(uids)
        if removable and dice.random() < 0.4:
            uids, flags = removable, ["\\Deleted", *flags[:1]]
            self.ledger.touch(view.validity, uids)
        elif dice.random() < 0.2:
            uids, mode = uids[:1], ""
            flags += {"Odd", "Even"} & view.flags.get(uids[0], frozenset())
            if "smtp" not in self.token(uids[0]) and not {"Odd", "Even"} & set(flags):
                flags.append(keyword(self.token(uids[0])))
        silent = dice.random() < 0.4
        since = 0
        words = f"{mode}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})"
        if self.kind.mod_seqs and dice.random() < 0.4:
            since = max(view.highest - dice.choice((0, 0, 1, 30)), 1)
            words = f"(UNCHANGEDSINCE {since}) {words}"
        numbers = dict(enumerate(view.uids, 1))
        text = self.by_number_or_uid("STORE", uids, words)
        command = await self.ask(text)
        refused = command.code[:1] == [b"MODIFIED"]  # with NO when others are gone (RFC 7162)
        must(command.ok or refused or command.code[:1] in _GONE, f"{text}: {command.reply}")
        modified: set[int] = set()
        if refused:
            must(bool(since), "MODIFIED without UNCHANGEDSINCE")
            modified = set(uid_set(command.code[1]))
            if not text.startswith("UID"):
                modified = {numbers[number] for number in modified}
            must(modified <= set(uids), "MODIFIED names others")
        if silent and command.ok:
            self._believe(command, [uid for uid in uids if uid not in modified], mode, set(flags))
            if self.kind.notify and not self.kind.mod_seqs:
                # It cannot say whether what it was told happened before or after.
                await self.ask(f"UID FETCH {render(uids)} (FLAGS)")

    def _believe(self, command: Command, uids: Sequence[int], mode: str, flags: set[str]) -> None:
        """After a silent STORE: what was not told since is as the client wanted it."""
        view = self.here
        told: set[int] = set()
        mod_seqs: dict[int, int] = {}
        for response in command.untagged:
            if response.name in (b"FETCH", b"UIDFETCH"):
                items = response.items()
                uid = response.number if response.name == b"UIDFETCH" else int(items[b"UID"])
                if b"FLAGS" in items:
                    told.add(uid)
                else:  # what was told before was somebody's change before this one
                    told.discard(uid)
                    mod_seqs[uid] = int(items[b"MODSEQ"][0])
        for uid in uids:
            if uid in told or uid not in view.flags:
                continue
            before = view.flags[uid]
            after = before | flags if mode == "+" else before - flags if mode else flags
            view.flags[uid] = frozenset(after)
            if uid in mod_seqs:
                self.ledger.state((view.validity, uid), mod_seqs[uid], view.flags[uid])

    # Removing.

    async def expunge(self) -> None:
        command = await self._expunge("EXPUNGE")
        if command.ok:
            await self.check_up_to_date(command.sent)

    async def uid_expunge(self) -> None:
        if uids := self.can_be_removed(self.some(10)):
            await self._expunge(f"UID EXPUNGE {render(uids)}")

    async def _expunge(self, text: str) -> Command:
        command = await self.ask(text)
        gone = command.code == [b"NONEXISTENT"] and self.here.validity in self.ledger.doomed
        must(command.ok or gone, f"{text}: {command.reply}")
        return command

    async def delete_some(self) -> None:
        """Mark and remove."""
        if uids := self.can_be_removed(self.some(20)):
            self.ledger.touch(self.here.validity, uids)
            await self.ask(f"UID STORE {render(uids)} +FLAGS (\\Deleted)")
            if not (await self._expunge(f"UID EXPUNGE {render(uids)}")).ok:
                return
            # Somebody else may have taken the mark away in between: that was told, too.
            self._must_have_gone(
                [uid for uid in uids if "\\Deleted" in self.here.flags.get(uid, ())]
            )

    async def replace(self) -> None:
        uids = self.some(1)
        if not uids:
            return
        ledger, old = self.ledger, self.token(uids[0])
        new = self.new_token(is_kept(old))
        target = self.dice.choice((*STABLE, *(() if is_kept(old) else PASSING)))
        ledger.touch(self.here.validity, uids)
        attempt = ledger.attempt(made=[new], taken=[old])
        floors = dict(ledger.uid_next)
        literal, words = self._message(new)
        text = self.by_number_or_uid("REPLACE", uids, f"{self.named(target)}{words}")
        command = await self.ask(text, literal)
        if not command.ok:
            must(command.code[:1] in _GONE, f"REPLACE: {command.reply}")
            attempt.settle()
            return
        attempt.settle(made=[new], taken=[old])
        self._given(command, [new], floors)
        self._must_have_gone(uids)

    async def close(self) -> None:
        if self.here.read_only:
            return
        name = self.selected_name
        await self.do(self.dice.choice(("CLOSE", "UNSELECT")))
        self.leave_mailbox()
        await self.select(name) or await self.select("INBOX")
        await self.learn_new()
        await self.learn_tokens()
