"""CATENATE: messages are made of others, which the client need not send again (RFC 4469)."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from gateway.imap.fetch import Fetching, StoredBlob, pieces_of
from gateway.imap.message_urls import MessageUrl, parse_message_url
from gateway.imap.outcomes import No
from gateway.imap.places import place_of
from gateway.imap.summaries import EncodedSummary
from postroom.errors import BadSyntax, BlobMissing
from postroom.mailboxes.errors import BadMailboxName, MailboxMissing, NotPermitted
from postroom.mailboxes.records import Message

if TYPE_CHECKING:
    from gateway.imap.session import Session


class Source:
    """What one URL names: ``size`` octets."""

    def __init__(self, session: "Session", url: bytes) -> None:
        self._session = session
        self._url = url

    async def open(self) -> int:
        """Return how many octets it has. Raises No."""
        session = self._session
        selected = session.selected.place.name if session.selected is not None else None
        try:
            named = parse_message_url(self._url, selected)
            message = await self._find(named)
        except (BadSyntax, MailboxMissing, BadMailboxName, NotPermitted) as error:
            raise self._bad(str(error)) from error
        summary = EncodedSummary(b"")
        if Fetching([named.section]).needs_summary:
            read = session.app.mailboxes.encoded_summaries
            [encoded] = await session.crossing.run(lambda: list(read([message.blob])))
            summary = EncodedSummary(encoded)
        blob = StoredBlob(session.app.blobs, message.blob)
        found = await session.crossing.run(pieces_of, named.section, message, summary, blob)
        if found is None:
            raise self._bad("The message has no such part")
        size, self._pieces = found
        return size

    async def pieces(self) -> AsyncIterator[bytes]:
        run = self._session.crossing.run
        try:
            while (piece := await run(next, self._pieces, None)) is not None:
                yield piece
        except BlobMissing as error:
            raise self._bad("The message cannot be read") from error

    async def _find(self, named: MessageUrl) -> Message:
        session = self._session
        mailbox = (await place_of(session, named.mailbox, "r")).mailbox
        if named.uid_validity not in (None, mailbox.uid_validity):
            raise self._bad("The mailbox has another UIDVALIDITY")
        found = await session.crossing.run(session.app.mailboxes.pick, mailbox.id, [named.uid])
        if not found:
            raise self._bad("There is no message with that UID")
        return found[0]

    def _bad(self, text: str) -> No:
        # A "]" would end the code; all of it is what the client said itself.
        shown = self._url[:1000].replace(b"]", b"%5D")
        return No(text, b"BADURL " + bytes(c if 0x20 <= c < 0x7F else 0x3F for c in shown))
