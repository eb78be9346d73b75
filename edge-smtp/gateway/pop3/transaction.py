"""The TRANSACTION state: what is in the maildrop (RFC 1939 section 5)."""

from collections.abc import Callable

from gateway.pop3.engine import parse_number
from gateway.pop3.maildrop import PAGE, Maildrop, find_message, read_page
from gateway.pop3.replies import Replies, Wire
from gateway.pop3.retrieval import BrokenOff, Retrieval
from gateway.pop3.service import Service
from postroom.errors import PostroomError
from postroom.mailboxes.records import Message


class Transaction:
    """All methods may raise BadSyntax, NoSuchMessage, MessageGone, StoreUnavailable; BrokenOff
    when a part of the answer has been sent."""

    __slots__ = ("_replies", "_retrieval", "_service", "_wire", "maildrop")

    def __init__(
        self, service: Service, wire: Wire, replies: Replies, maildrop: Maildrop, *, utf8: bool
    ) -> None:
        self._service = service
        self._wire = wire
        self._replies = replies
        self._retrieval = Retrieval(service, wire, replies, utf8=utf8)
        self.maildrop = maildrop

    async def noop(self) -> None:
        self._replies.ok("Nothing done")

    async def stat(self) -> None:
        self._replies.value(f"{self.maildrop.count} {self.maildrop.total}")

    async def list(self, number: str = "") -> None:
        if number:
            wanted = parse_number(number)
            at = await self._index(wanted)
            self._replies.value(f"{wanted} {self.maildrop.sizes[at]}")
            return
        sizes = self.maildrop.sizes
        await self._listing(self._counts(), lambda n: f"{n} {sizes[n - 1]}\r\n")

    async def uidl(self, number: str = "") -> None:
        maildrop = self.maildrop
        if number:
            wanted = parse_number(number)
            await self._index(wanted)
            self._replies.value(f"{wanted} {maildrop.unique_id(wanted)}")
            return
        first = self._replies.first_line("Unique-id listing follows")
        uids, validity = maildrop.uids, maildrop.inbox.uid_validity
        await self._listing(first, lambda n: f"{n} {validity}.{uids[n - 1]}\r\n")

    async def dele(self, number: str) -> None:
        wanted = parse_number(number)
        await self._index(wanted)
        self.maildrop.mark(wanted)
        self._replies.ok("Message {number} will be deleted", number=wanted)

    async def rset(self) -> None:
        self.maildrop.unmark_all()
        self._wire.write(self._counts())

    async def retr(self, number: str) -> None:
        await self._retrieval.whole(await self._message(parse_number(number)))

    async def top(self, number: str, lines: str) -> None:
        wanted, count = parse_number(number), parse_number(lines)
        await self._retrieval.top(await self._message(wanted), count)

    def _counts(self) -> bytes:
        count, octets = self.maildrop.count, self.maildrop.total
        sentence = "{count} messages ({octets} octets)"
        return self._replies.first_line(sentence, count=count, octets=octets)

    async def _index(self, number: int) -> int:
        """Where the message lies."""
        if number <= self.maildrop.inbox.messages:
            await self._read_up_to(number)
        return self.maildrop.index(number)

    async def _read_up_to(self, number: int) -> None:
        while not self.maildrop.known(number):
            await self._service.crossing.slow(read_page, self._service.app, self.maildrop)

    async def _message(self, number: int) -> Message:
        await self._index(number)
        service = self._service
        return await service.crossing.run(find_message, service.app, self.maildrop, number)

    async def _listing(self, first: bytes, line: Callable[[int], str]) -> None:
        """Send lines in pages, each before the next is read."""
        maildrop = self.maildrop
        end = maildrop.inbox.messages
        for start in range(1, end + 1, PAGE):
            last = min(start + PAGE - 1, end)
            try:
                await self._read_up_to(last)
            except PostroomError as error:
                if start == 1:
                    raise
                raise BrokenOff from error
            numbers = maildrop.numbers(start, min(last, len(maildrop.uids)))
            self._wire.write(first + "".join(map(line, numbers)).encode())
            first = b""
            await self._wire.flush()
        self._wire.write(first + b".\r\n")
