"""Mailboxes come and go. One client at a time, so that it is known what there is."""

from tests.imap_model.ledger import must
from tests.imap_model.responses import render
from tests.stress_imap.player import PASSING
from tests.stress_imap.writer import Writer

RIGHTS = "lrswite"  # of visitors, or none


class Renamer(Writer):
    visitor: str  # the address of another user

    async def change_names(self) -> None:
        name, other = self.dice.sample(PASSING, 2)
        match self.dice.choice(("CREATE", "CREATE", "DELETE", "RENAME", "SETACL", "SETACL")):
            case "CREATE":
                command = await self.ask(f"CREATE {name}")
                must(command.ok or command.code == [b"ALREADYEXISTS"], f"{command.reply}")
            case "DELETE":
                await self._delete(name)
            case "SETACL":
                await self._share(name)
            case _:
                command = await self.ask(f"RENAME {name} {other}")
                codes = ([b"ALREADYEXISTS"], [b"NONEXISTENT"])
                must(command.ok or command.code in codes, f"{command.reply}")

    async def _validity(self, name: str) -> int:
        """UIDVALIDITY; 0: there is no such mailbox."""
        status = await self.ask(f"STATUS {name} (UIDVALIDITY)")
        if not status.ok:
            return 0
        words = next(each.values for each in status.untagged if each.name == b"STATUS")[1]
        return int(words[1])

    async def _share(self, name: str) -> None:
        """With visitors, or no longer."""
        validity = await self._validity(name)
        if not validity:
            return
        self.ledger.withdrawn.add(validity)
        rights = self.dice.choice((RIGHTS, RIGHTS, '""'))
        self.ledger.closed_off.pop(validity, None)
        command = await self.ask(f"SETACL {name} {self.visitor} {rights}")
        must(command.ok or command.code == [b"NONEXISTENT"], f"{command.reply}")
        if command.ok and rights != RIGHTS:
            self.ledger.closed_off[validity] = self.ledger.now()

    async def _delete(self, name: str) -> None:
        validity = await self._validity(name)
        if not validity:
            return
        self.ledger.doomed.add(validity)
        command = await self.ask(f"DELETE {name}")
        if command.ok:
            self.ledger.deleted.setdefault(validity, self.ledger.now())
        if command.code_of(b"CLOSED"):
            # The name by which it was selected may have been another.
            must(self.here.validity == validity, "CLOSED is not the mailbox that was deleted")
            self.caches.pop(validity, None)
            self.view, self.selected_name = None, ""
            await self.select("INBOX")

    async def empty_inbox(self) -> None:
        """RENAME moves all that is in INBOX elsewhere (RFC 9051 section 6.3.6). Bring it back."""
        ledger = self.ledger
        validity = await self._validity("INBOX")
        self._made += 1
        away = f"Away-{self.name}-{self._made}"  # if one stays, it has its messages
        self.cut_next = False  # or it would not be known when it is over
        ledger.doomed.add(validity)  # whatever may be in it
        await self.do(f"RENAME INBOX {away}")
        status = await self.do("STATUS INBOX (UIDNEXT)")
        words = next(each.values for each in status.untagged if each.name == b"STATUS")[1]
        ledger.touch(validity, range(1, int(words[1])))
        ledger.doomed.discard(validity)
        must(await self.select(away), f"{away} is not there")
        await self.learn_new()
        await self.learn_tokens()
        if uids := self.here.known:
            floors = dict(ledger.uid_next)
            ledger.touch(self.here.validity, uids)
            command = await self.do(f"UID MOVE {render(uids)} INBOX")
            for source, place in self._pairs(command, uids, floors):
                ledger.was_moved((self.here.validity, source), place)
        must(not self.here.uids, f"{away} has more than was moved out of it")
        await self.select("INBOX")
        await self.learn_new()
        await self.learn_tokens()
        await self._delete(away)
