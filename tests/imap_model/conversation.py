"""An IMAP client that believes what it is told, and checks that it may.

``run`` sends commands, pipelined when there are several, and holds each response against the
command that is under way.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from tests.imap_model.commands import Command, Kind
from tests.imap_model.ledger import Ledger, Violation, must
from tests.imap_model.responses import Response, read_response
from tests.imap_model.view import Cache, View
from tests.imap_model.wire import Lost, Wire

CUT, BYE = "we have cut it", "the server said BYE, as it may"
PATIENCE = 60  # seconds for an answer


class Conversation:
    """One user's program on one device: a connection at a time, and what it keeps meanwhile."""

    def __init__(
        self, name: str, kind: Kind, ledger: Ledger, ports: Sequence[int], dice: random.Random
    ) -> None:
        self.name = name
        self.kind = kind
        self.ledger = ledger
        self.ports = ports  # any of them, with each connection
        self.dice = dice
        self.prefix = ""  # before the names of mailboxes, which are another's
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

    def named(self, name: str) -> str:
        """The mailbox in a command."""
        return f'"{self.prefix}{name}"' if self.prefix else name

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
            self.ledger.commands += 1
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
                expunges = self.kind.at_once or not left[0].numbers_stay
                self._untagged(response, expunges=expunges)
            else:
                must(response.tag == left[0].tag, f"{response.octets!r} is not for {left[0].tag!r}")
                must(response.name in (b"OK", b"NO"), f"{left[0].text}: {response.octets!r}")
                command = left.pop(0)
                command.reply = response
                if self.view is not None:
                    self.view.tagged(response)
                    self._must_have_rights(command, self.view)

    def _must_have_rights(self, command: Command, view: View) -> None:
        since = self.ledger.closed_off.get(view.validity, command.sent)
        reads = command.ok and command.is_for_selected and bool(self.prefix)
        must(not reads or since >= command.sent, f"{command.text}: it is not shared any more")

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
        self.ledger.commands += 1
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

    async def listen(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Read what comes while no command runs: no EXPUNGE (RFC 9051 section 7.5.1), but for who
        has asked for it."""
        wire = self._wire
        assert wire is not None
        end = asyncio.get_running_loop().time() + seconds
        while not enough():
            try:
                async with asyncio.timeout_at(end):
                    response = await self._hear(wire)
            except TimeoutError:
                return
            must(response.tag == b"*", f"{response.octets!r}, and no command runs")
            self._untagged(response, expunges=self.kind.at_once)

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
        view = self._before or self.view
        if response.name == b"BYE":
            validity = view.validity if view is not None else 0
            if response.code[:1] == [b"NONEXISTENT"]:
                must(validity in self.ledger.doomed, "BYE, and nobody has deleted the mailbox")
            elif response.code[:1] == [b"NOPERM"]:
                # Of a mailbox that was deleted nobody has rights.
                may = validity in self.ledger.doomed | self.ledger.withdrawn
                must(bool(self.prefix) and may, "BYE, and nobody has withdrawn the right to read")
            elif b"Shutting down" not in response.octets:
                raise Violation(f"{response.octets!r}")
            raise Lost(BYE)
        if response.code == [b"CLOSED"]:
            self._before = None
        elif view is not None:
            view.hear(response, expunges=expunges)

    def _note(self, octets: bytes) -> None:
        self.history.append(octets[:160])
        del self.history[:-200]
