"""An IMAP client that believes what it is told, and checks that it may.

``run`` sends commands, pipelined when there are several, and holds each response against the
command that is under way.
"""

import asyncio
import random
from collections.abc import Sequence

from tests.imap_model.commands import Command, Kind
from tests.imap_model.ledger import Ledger, Violation, must
from tests.imap_model.responses import Response, read_response
from tests.imap_model.view import Cache, View
from tests.imap_model.wire import Lost, Wire

CUT, BYE = "we have cut it", "the server said BYE, as it may"
PATIENCE = 60  # seconds for an answer


class Client:
    """One user's program on one device: a connection at a time, and what it keeps meanwhile."""

    def __init__(
        self, name: str, kind: Kind, ledger: Ledger, ports: Sequence[int], dice: random.Random
    ) -> None:
        self.name = name
        self.kind = kind
        self.ledger = ledger
        self.ports = ports  # any of them, with each connection
        self.dice = dice
        self.view: View | None = None
        self.caches: dict[int, Cache] = {}  # by UIDVALIDITY
        self.validity_of: dict[str, int] = {}  # as SELECT said last
        self.selected_name = ""
        self.cut_next = False
        self.history: list[bytes] = []  # the last octets each way, for a report
        self._wire: Wire | None = None
        self._count = 0
        self._before: View | None = None  # whom responses are for until SELECT says CLOSED
        self._learning = False  # what is kept is older than the HIGHESTMODSEQ that was told

    # Connecting.

    async def log_in(self, address: str, password: str) -> None:
        self.drop()
        self._wire = await Wire.connect(self.dice.choice(self.ports))
        self._note(b"-- new connection")
        await asyncio.wait_for(self._wire.response(), PATIENCE)
        await self.do(f'LOGIN {address} "{password}"')
        if self.kind.enable:
            await self.do("ENABLE " + " ".join(self.kind.enable))
        if self.kind.compress:
            await self.do("COMPRESS DEFLATE")
            self._wire.compress()
        if self.kind.notify:
            await self.do(f"NOTIFY SET {self.kind.notify}")

    @property
    def connected(self) -> bool:
        return self._wire is not None

    def drop(self) -> None:
        """Forget the connection; keep what was known."""
        if self._wire is not None:
            self._wire.cut()
            self._wire = None
        self._before = None
        self.leave_mailbox()

    def leave_mailbox(self) -> None:
        if self.view is not None and self.view.selecting is None and not self._learning:
            self.caches[self.view.validity] = self.view.cache()
        self.view = None
        self.selected_name = ""
        self._learning = False

    # Commands.

    async def do(self, text: str, *literals: bytes) -> Command:
        """One command that must not fail."""
        command = await self.ask(text, *literals)
        must(command.ok, f"{text}: {command.reply and command.reply.octets!r}")
        return command

    async def ask(self, text: str, *literals: bytes) -> Command:
        command = Command(text, literals)
        await self.run([command])
        return command

    async def run(self, commands: Sequence[Command]) -> None:
        """Raises Lost when the connection breaks, Violation when a rule does."""
        wire = self._wire
        assert wire is not None
        try:
            await asyncio.wait_for(self._run(wire, commands), PATIENCE)
        except TimeoutError as error:
            raise Violation(f"no answer to {[each.text for each in commands]}") from error

    async def _run(self, wire: Wire, commands: Sequence[Command]) -> None:
        octets = bytearray()
        waiting: list[bytes] = []  # to be sent after a continuation each
        for command in commands:
            self._count += 1
            command.tag = b"%s%d" % (self.name.encode(), self._count)
            command.sent = self.ledger.now()
            parts = self._parts(command)
            octets += parts[0]
            waiting += parts[1:]
        if self.cut_next:
            self.cut_next = False
            await self._cut(wire, bytes(octets) + b"".join(waiting[:1]))
        self._note(b"C: " + bytes(octets))
        await wire.send(bytes(octets))
        left = list(commands)
        while left:
            response = await self._hear(wire)
            if response.tag == b"+":
                must(bool(waiting), "a continuation that nobody waits for")
                await wire.send(waiting.pop(0))
            elif response.tag == b"*":
                left[0].untagged.append(response)
                self._untagged(response, expunges=not left[0].numbers_stay)
            else:
                must(response.tag == left[0].tag, f"{response.octets!r} is not for {left[0].tag!r}")
                must(response.name in (b"OK", b"NO"), f"{left[0].text}: {response.octets!r}")
                left.pop(0).reply = response
                if self.view is not None:
                    self.view.tagged(response)

    def _parts(self, command: Command) -> list[bytes]:
        """What may be sent at once, and what after a continuation each."""
        text = command.tag + b" "
        parts: list[bytes] = []
        pieces = command.text.encode().split(b"\0")
        for piece, literal in zip(pieces, command.literals, strict=False):
            text += piece + b"\r\n"
            if not piece.endswith(b"+}"):
                parts.append(text)
                text = b""
            text += literal
        parts.append(text + pieces[-1] + b"\r\n")
        return parts

    async def idle(self, seconds: float) -> Command:
        wire = self._wire
        assert wire is not None
        command = Command("IDLE")
        self._count += 1
        command.tag = b"%s%d" % (self.name.encode(), self._count)
        await wire.send(command.tag + b" IDLE\r\n")
        self._note(b"C: IDLE")
        end = asyncio.get_running_loop().time() + seconds
        done = False
        while command.reply is None:
            patience = PATIENCE if done else end - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(patience, 0)):
                    response = await self._hear(wire)
            except TimeoutError as error:
                if done:
                    raise Violation("no answer to DONE") from error
                done = True
                if self.cut_next:
                    self.cut_next = False
                    await self._cut(wire, b"DO")
                await wire.send(b"DONE\r\n")
                continue
            if response.tag == b"*":
                self._untagged(response, expunges=True)
            elif response.tag != b"+":
                must(response.tag == command.tag and response.name == b"OK", "IDLE did not end")
                command.reply = response
                if self.view is not None:
                    self.view.tagged(response)
        return command

    async def _cut(self, wire: Wire, octets: bytes) -> None:
        """Send some or all of it, and be gone before or while the answer comes."""
        whole = self.dice.random() < 0.7
        part = octets if whole else octets[: self.dice.randrange(len(octets))]
        self._note(b"-- cut after: " + part)
        await wire.send(part)
        await asyncio.sleep(self.dice.choice((0, 0, 0.001, 0.005, 0.02)))
        raise Lost(CUT)

    async def _hear(self, wire: Wire) -> Response:
        octets = await wire.response()
        self._note(b"S: " + octets)
        return read_response(octets)

    def _untagged(self, response: Response, *, expunges: bool) -> None:
        if response.name == b"BYE":
            if response.code[:1] == [b"NONEXISTENT"]:
                validity = self.view.validity if self.view is not None else 0
                must(validity in self.ledger.doomed, "BYE, and nobody has deleted the mailbox")
            elif b"Shutting down" not in response.octets:
                raise Violation(f"{response.octets!r}")
            raise Lost(BYE)
        if response.code == [b"CLOSED"]:
            self._before = None
        elif (view := self._before or self.view) is not None:
            view.hear(response, expunges=expunges)

    def _note(self, octets: bytes) -> None:
        self.history.append(octets[:160])
        del self.history[:-60]

    # SELECT.

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
        command = await self.ask(f"{'EXAMINE' if examine else 'SELECT'} {name}{options}")
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
        by_uid = self.kind.uid_only or self.dice.random() < 0.3
        command = await self.ask(f"{'UID ' if by_uid else ''}FETCH 1:* {items}")
        must(command.ok or command.code == [b"EXPUNGEISSUED"], f"{command.reply}")
