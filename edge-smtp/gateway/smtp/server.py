"""SMTP on a socket. `make_smtp` gives the protocol factory that the listeners use."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

from aiosmtpd.smtp import SMTP, Session

from gateway.clients import client_network, peer_address
from gateway.crossing import Crossing
from gateway.limits import Rate
from gateway.metrics import Protocol, metrics
from gateway.settings import is_in
from gateway.smtp import replies
from gateway.smtp.bdat import ChunkReader
from gateway.smtp.client import Client, is_public
from gateway.smtp.content import Content
from gateway.smtp.data import DataReader
from gateway.smtp.dialogue import Dialogue
from gateway.smtp.engine import BadLine, Engine, Event, Line
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.names import ClientNames
from gateway.smtp.submission import LONGEST_LINE, Desk, Submission
from gateway.tls import tls_facts
from postroom.app import App

log = logging.getLogger("postroom.smtp")

TlsSource = Callable[[], ssl.SSLContext | None]
_BAD_LINES = {
    "too long": replies.LINE_TOO_LONG,
    "bare CR": replies.BARE_CR,
    "bare LF": replies.BARE_LF,
    "NUL": replies.NUL_IN_COMMAND,
}


class SmtpServer:
    """What the connections of one listener share. Call it for the protocol of a new one."""

    def __init__(
        self,
        app: App,
        limits: SmtpLimits,
        crossing: Crossing,
        tls: TlsSource,
        desk: Desk | None = None,
    ) -> None:
        """*desk*: for submission by our users, instead of mail from other servers."""
        self.app = app
        self.desk = desk
        self.name: Protocol = "smtp" if desk is None else "submission"
        self.limits = limits
        self.crossing = crossing
        self.tls = tls
        self.loop = asyncio.get_running_loop()
        self.message_rate = Rate(limits.messages_per_minute)
        self.names = ClientNames(app.resolver, crossing, limits.name_timeout)
        self.open: set[SmtpProtocol] = set()
        self.draining = False

    def __call__(self) -> "SmtpProtocol":
        return SmtpProtocol(self)

    async def drain(self) -> None:
        """Let messages under way end and get their reply, bid the others goodbye, and leave."""
        self.draining = True
        for protocol in list(self.open):
            protocol.leave()
        deadline = self.loop.time() + self.limits.drain_timeout
        while self.open and self.loop.time() < deadline:  # noqa: ASYNC110  (each ends in its way)
            await asyncio.sleep(0.02)
        for protocol in list(self.open):
            protocol.abort()
        self.names.close()


def make_smtp(
    app: App, limits: SmtpLimits, crossing: Crossing, tls: TlsSource | None = None
) -> SmtpServer:
    """Call it on the loop's thread. *tls* is asked at each handshake; None turns STARTTLS off."""
    return SmtpServer(app, limits, crossing, tls or (lambda: None))


def make_submission(
    app: App, limits: SmtpLimits, crossing: Crossing, tls: TlsSource | None, desk: Desk
) -> SmtpServer:
    """The same for mail from our users; for STARTTLS and implicit TLS alike."""
    limits = replace(limits, command_line=max(limits.command_line, LONGEST_LINE))
    return SmtpServer(app, limits, crossing, tls or (lambda: None), desk)


class SmtpProtocol(SMTP):
    """aiosmtpd's protocol with its own transport loop (docs/decisions/0003-smtp-on-aiosmtpd.md).

    From SMTP come Session, Envelope and the AUTH mechanisms. Reading, writing and the commands
    are ours, and its constructor, which inspects every method for each connection, is not run.
    """

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self.loop = server.loop
        self._engine = Engine(server.limits.command_line)
        self._message_reader: DataReader | ChunkReader | None = None
        self._wire: asyncio.Transport | None = None
        self._dialogue: Dialogue | None = None  # from the greeting on
        self._task: asyncio.Task[None] | None = None  # a reply that is waited for
        self._timer: asyncio.TimerHandle | None = None
        self._unlimited = False
        self._reading_paused = False
        self._writing_paused = False
        self._errors = 0
        self._last_heard = 0.0
        self._message_began = 0.0

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        server = self._server
        self._client = Client(peer_address(transport), tls=_tls_of(transport))
        self._unlimited = is_in(self._client.address, server.limits.unlimited_networks)
        self._last_heard = self.loop.time()
        if server.draining:
            self._hang_up(replies.SHUTTING_DOWN)
        else:
            server.open.add(self)
            self._set_timer(server.limits.shortest_timeout)
            # After two turns of the loop, whoever talked before the greeting has been heard.
            self.loop.call_soon(self.loop.call_soon, self._greet)

    def data_received(self, data: bytes) -> None:
        self._last_heard = self.loop.time()
        wire = self._wire
        if wire is None or wire.is_closing():
            return
        if self._dialogue is None:
            self._hang_up(replies.EARLY_TALKER)
            return
        self._engine.receive(bytes(data))
        if self._task is None and not self._writing_paused:
            self._advance()
        elif self._engine.waiting > self._server.limits.waiting and not self._reading_paused:
            self._reading_paused = True
            wire.pause_reading()

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire = None
        self._server.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._dialogue is not None:
            self._dialogue.drop()

    def pause_writing(self) -> None:
        self._writing_paused = True  # the client does not read its replies: do no more for it

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._task is None:
            self._advance()

    # The dialogue's.

    def read_with(self, reader: DataReader | ChunkReader) -> None:
        self._message_reader = reader
        self._message_began = self.loop.time()
        self._engine.read_with(reader)

    @property
    def tls_object(self) -> object:
        """What ssl says of the connection, None in the clear."""
        return None if self._wire is None else self._wire.get_extra_info("ssl_object")

    async def start_tls(self) -> bytes:
        """STARTTLS (RFC 3207). Nothing the client said in the clear may follow it."""
        wire, dialogue = self._wire, self._dialogue
        context = self._server.tls()
        if wire is None or dialogue is None:
            return b""
        if context is None:
            return replies.TLS_NOT_AVAILABLE
        if self._engine.waiting:
            dialogue.closing = True
            return replies.TLS_INJECTION
        wire.write(replies.START_TLS)
        secure = await self.loop.start_tls(
            wire,
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=self._server.limits.tls_timeout,
        )
        if secure is None:
            return b""
        self._wire = secure
        self._client.tls = _tls_of(secure)
        dialogue.forget()
        return b""

    # The server's.

    def leave(self) -> None:
        """Say goodbye now, or after the message that is under way."""
        if self._task is None and self._message_reader is None:
            self._hang_up(replies.SHUTTING_DOWN)

    def abort(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    # Ours.

    def _greet(self) -> None:
        if self._wire is None or self._wire.is_closing():
            return
        server = self._server
        self._dialogue = (Dialogue if server.desk is None else Submission)(
            server.app,
            server.crossing,
            server.limits,
            self,
            Session(self.loop),
            self._client,
            self._allow_message,
            self._naming(),
            server.tls() is not None,
        )
        if isinstance(self._dialogue, Submission) and server.desk is not None:
            self._dialogue.desk = server.desk
        self._wire.write(self._dialogue.greeting())

    def _allow_message(self) -> bool:
        network = client_network(self._client.address)
        return self._unlimited or self._server.message_rate.allow(network, self.loop.time())

    def _naming(self) -> Awaitable[str] | None:
        """Look up the client's name while it speaks: it is needed when the message has come."""
        if not is_public(self._client.address):
            return None
        return self.loop.create_task(self._server.names.look_up(self._client.address))

    def _advance(self) -> None:
        """Do all that can be done with what was received; write the replies at once."""
        dialogue = self._dialogue
        out: list[bytes] = []
        try:
            while dialogue is not None and not dialogue.closing:
                event = self._engine.next_event()
                if event is None:
                    break
                reply = self._answer(dialogue, event)
                if not isinstance(reply, bytes):
                    if out:
                        self._write(b"".join(out))
                    self._task = self.loop.create_task(self._wait(reply))
                    return
                if reply:
                    out.append(self._counted_reply(reply))
        except Exception:
            log.exception("session failed")
            self._hang_up(b"".join(out) + replies.INTERNAL_ERROR)
            return
        if self._server.draining and self._message_reader is None:
            out.append(replies.SHUTTING_DOWN)
            self._hang_up(b"".join(out))
        elif dialogue is not None and dialogue.closing:
            self._hang_up(b"".join(out))
        elif out:
            self._write(b"".join(out))
        if self._reading_paused and self._wire is not None and not self._wire.is_closing():
            self._reading_paused = False
            self._wire.resume_reading()

    def _answer(self, dialogue: Dialogue, event: Event) -> bytes | Awaitable[bytes]:
        if isinstance(event, Line):
            return dialogue.command(event.text)
        if isinstance(event, Content):
            return self._content(dialogue, event)
        return self._bad_line(dialogue, event)

    def _content(self, dialogue: Dialogue, content: Content) -> bytes | Awaitable[bytes]:
        waiting = dialogue.content(content.octets)
        if not content.ended:
            return b"" if waiting is None else waiting
        bare = self._message_reader is not None and self._message_reader.bare
        self._message_reader = None
        if waiting is None:
            return dialogue.end_of_content(bare=bare)
        return self._end_after(waiting, dialogue, bare)

    async def _end_after(self, waiting: Awaitable[bytes], dialogue: Dialogue, bare: bool) -> bytes:
        await waiting
        reply = dialogue.end_of_content(bare=bare)
        return reply if isinstance(reply, bytes) else await reply

    def _bad_line(self, dialogue: Dialogue, line: BadLine) -> bytes:
        dialogue.closing = line.reason == "bare LF"
        dialogue.bad_line()
        return _BAD_LINES[line.reason]

    async def _wait(self, reply: Awaitable[bytes]) -> None:
        try:
            octets = await reply
        except (TimeoutError, OSError) as error:  # the handshake failed, or the peer left
            log.info("connection failed", extra={"reason": str(error)})
            self._task = None
            self.abort()
            return
        except Exception:
            log.exception("session failed")
            self._task = None
            self._hang_up(replies.INTERNAL_ERROR)
            return
        self._last_heard = self.loop.time()
        self._task = None
        if self._wire is None:
            return
        if octets:
            self._write(self._counted_reply(octets))
        self._advance()

    def _counted_reply(self, reply: bytes) -> bytes:
        if reply[0] in b"45" and self._dialogue is not None and not self._dialogue.closing:
            metrics.refusals[self._server.name] += 1
            self._errors += 1
            if self._errors > self._server.limits.errors:
                self._dialogue.closing = True
                return reply + replies.TOO_MANY_ERRORS
        return reply

    def _write(self, octets: bytes) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write(octets)

    def _hang_up(self, octets: bytes) -> None:
        if self._wire is not None and not self._wire.is_closing():
            if octets:
                self._wire.write(octets)
            self._wire.close()
            # The connection ends when the client has read that, but who never does must not stay.
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(self._server.limits.linger, self.abort)

    def _set_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._look_at_clock)

    def _look_at_clock(self) -> None:
        """One timer a connection, looked at when it may have run out, not set at each command."""
        limits, now = self._server.limits, self.loop.time()
        reading = self._message_reader is not None
        allowed = limits.data_timeout if reading else limits.command_timeout
        left = self._last_heard + allowed - now
        if reading:
            left = min(left, self._message_began + limits.message_timeout - now)
        if left <= 0 and self._task is None:
            if self._writing_paused:
                self.abort()  # it would never read the reply
            else:
                self._hang_up(replies.TIMED_OUT)
            return
        # A message may begin before the next look, and has less time than a command.
        self._set_timer(max(min(left, limits.shortest_timeout), 0.05))


def _tls_of(transport: asyncio.BaseTransport) -> str:
    return tls_facts(transport.get_extra_info("ssl_object"))
