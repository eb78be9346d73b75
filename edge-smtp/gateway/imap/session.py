"""One IMAP session: its state, and how the reader's events become executed commands
(RFC 9051 sections 3 and 5)."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from gateway.authentication import Channel, mechanisms
from gateway.crossing import Crossing
from gateway.imap import responses, uploading
from gateway.imap.capabilities import capabilities
from gateway.imap.commands import Command
from gateway.imap.commands_notify import MESSAGE_EVENTS
from gateway.imap.execute_append import Upload
from gateway.imap.execution import Execution
from gateway.imap.executions import EXECUTIONS
from gateway.imap.literals import (
    LONGEST_BEFORE_LOGIN,
    LONGEST_COMMAND,
    CommandReader,
    Continue,
    Event,
    Line,
    MessageChunk,
    MessageEnd,
    MessageLiteral,
    Ready,
    Reason,
    Refused,
)
from gateway.imap.message_numbers import names_numbers
from gateway.imap.news import check_rights, tell_if_possible
from gateway.imap.news_elsewhere import tell_elsewhere
from gateway.imap.notifications import Events, Known, Notifications, Own
from gateway.imap.observation import stop_notifying
from gateway.imap.outcomes import Bad, Bye, Done, No, outcome_of
from gateway.imap.parser import parse
from gateway.imap.parser_search import BadCharset
from gateway.imap.progress import Progress
from gateway.imap.selected import Selected
from gateway.imap.service import Service
from gateway.imap.tokens import tag_of
from gateway.metrics import metrics
from gateway.tls import Tls
from postroom.app import App
from postroom.directory.records import Account
from postroom.errors import BadSyntax, PostroomError

log = logging.getLogger("postroom.imap")


class Wire(Protocol):
    """The connection, as the session sees it."""

    def write(self, octets: bytes) -> None: ...
    async def made_room(self) -> None:
        """Between the parts of a long answer: waits while the client is slow."""

    async def start_tls(self, tls: Tls) -> None: ...
    @property
    def tls_object(self) -> object: ...
    async def breathe(self) -> None:
        """In a long computation: lets the other sessions run."""

    def wake(self) -> None: ...
    @property
    def now(self) -> float:
        """Seconds, of a clock that only goes forward."""

    @property
    def compresses(self) -> bool: ...
    def compress(self) -> None:
        """What was written goes out as it is; from here on, in both directions."""

    def begin_anew(self) -> None:
        """Send what was written; then without compression, and for a stranger."""


class Session:
    __slots__ = (
        "_errors",
        "_service",
        "account",
        "client_ip",
        "condstore",
        "expects_line",
        "idling",
        "notifications",
        "over",
        "progress",
        "qresync",
        "reader",
        "rev2",
        "selected",
        "tls",
        "uid_only",
        "unseen_news",
        "upload",
        "utf8",
        "utf8_accept",
        "wire",
    )

    def __init__(
        self, service: Service, wire: Wire, reader: CommandReader, client_ip: str, tls: bool
    ) -> None:
        self._service = service
        self.wire = wire
        self.reader = reader
        self.client_ip = client_ip
        self.tls = tls
        self.over = False
        self.progress = Progress()
        self.selected: Selected | None = None
        self._begin()

    def _begin(self) -> None:
        """What a client can change, but for TLS, as it is in the beginning."""
        self.account: Account | None = None
        self.reader.longest_command = LONGEST_BEFORE_LOGIN
        self.idling: bytes = b""  # the tag of the IDLE that runs
        self.rev2 = False  # ENABLE IMAP4rev2
        self.utf8 = False  # names and quoted strings are UTF-8
        self.utf8_accept = False  # ENABLE UTF8=ACCEPT
        self.condstore = False  # the client wants MODSEQ in FETCH responses
        self.qresync = False  # ENABLE QRESYNC: VANISHED instead of EXPUNGE
        self.uid_only = False  # ENABLE UIDONLY: nobody speaks of message numbers
        self.upload: Upload | None = None  # an APPEND or REPLACE that runs
        # What the next line is for, when it is no command (SASL, DONE).
        self.expects_line: Callable[[bytes], Awaitable[None]] | None = None
        self.unseen_news = False
        self.notifications: Notifications | None = None  # since the first NOTIFY
        self._errors = 0

    # Shared things, spelled shortly.

    @property
    def app(self) -> App:
        return self._service.app

    @property
    def service(self) -> Service:
        return self._service

    @property
    def crossing(self) -> Crossing:
        return self._service.crossing

    @property
    def logged_in(self) -> bool:
        return self.account is not None

    @property
    def owner(self) -> Account:
        if self.account is None:
            raise Bad("Log in first")
        return self.account

    @property
    def current(self) -> Selected:
        if self.selected is None:
            raise Bad("Select a mailbox first")
        return self.selected

    @property
    def writable(self) -> Selected:
        if self.current.examined:
            raise No("The mailbox was opened with EXAMINE, so it is read-only", b"CANNOT")
        return self.current

    # Talking.

    def write(self, octets: bytes) -> None:
        self.wire.write(octets)

    def made_room(self) -> Awaitable[None]:
        return self.wire.made_room()

    def breathe(self) -> Awaitable[None]:
        return self.wire.breathe()

    def greet(self) -> None:
        self.write(responses.untagged(b"OK", "Postroom ready", self.capability_code()))

    def refuse(self, text: str, code: bytes = b"") -> None:
        """Say BYE; the connection closes."""
        self.write(responses.untagged(b"BYE", text, code))
        self.over = True

    def capability_code(self) -> bytes:
        return b"CAPABILITY " + " ".join(self.capabilities()).encode("ascii")

    def capabilities(self) -> tuple[str, ...]:
        return capabilities(
            logged_in=self.logged_in,
            mechanisms=mechanisms(self._service.login, self.channel) if self.may_log_in else (),
            may_start_tls=not self.tls and self._service.tls is not None,
            append_limit=self._service.limits.message_size,
        )

    @property
    def may_log_in(self) -> bool:
        return self.tls or self._service.plaintext_login(self.client_ip)

    @property
    def channel(self) -> Channel:
        tls = self._service.tls
        bindings = tls.bindings(self.wire.tls_object) if tls else {}
        return Channel(self.client_ip, bindings, self._service.lists_plus)

    async def start_tls(self, tls: Tls) -> None:
        self.progress.end()  # the reply is written, and octets of ours would break the handshake
        await self.wire.start_tls(tls)
        self.tls = True

    # Events.

    async def handle(self, event: Event) -> None:
        """Do what the event asks for. Never raises for what a client sends."""
        if isinstance(event, Ready):
            await self._command(event.command)
        elif isinstance(event, Continue):
            self.write(responses.continuation())
        elif isinstance(event, Line):
            expects, self.expects_line = self.expects_line, None
            if expects is not None:
                await expects(event.text)
        elif isinstance(event, MessageLiteral):
            await uploading.take_literal(self, event)
        elif isinstance(event, MessageChunk):
            if self.upload is not None:
                await self.upload.receive(event.octets)
        elif isinstance(event, MessageEnd):
            if self.upload is not None:
                await uploading.finish(self, self.upload, event.rest)
        else:
            self._refused(event)

    async def _command(self, text: bytes) -> None:
        try:
            command = parse(text, self.utf8)
        except BadSyntax as error:
            if isinstance(error, BadCharset) and error.saves and self.selected is not None:
                self.selected.saved = ()
            self.failed(tag_of(text), "command", error)
            return
        execution = EXECUTIONS[type(command)]
        try:
            self.check(command)
        except Bad as error:
            self.bad(command.tag, error.text, error.code)
            return
        await self.finish(execution, command, self._run(execution, command))

    async def _run(self, execution: Execution, command: Command) -> Done:
        if not execution.anytime:
            await check_rights(self)
        return await execution.run(self, command)

    async def finish(
        self, execution: Execution, command: Command, work: Coroutine[Any, Any, Done]
    ) -> None:
        """Await the work, tell the news it allows, and end the command with its tagged reply."""
        uid = bool(getattr(command, "uid", False))

        async def news() -> None:
            if execution.news and self.selected is not None:
                expunges = execution.expunges or (uid and not names_numbers(command))
                await tell_if_possible(self, expunges=expunges, look=execution.always_looks)
            if execution.news:
                await tell_elsewhere(self)

        async def work_and_news() -> Done:
            try:
                done = await work
            except (Bad, Bye):
                raise
            except PostroomError:  # part of it may be done and told, with a MODSEQ
                await news()
                raise
            try:
                await news()
            except Bye as error:  # what is done is done: not to be tried again elsewhere
                return replace(done, bye=error)
            return done

        name = "UID " + execution.name if uid else execution.name
        await self.run_to_reply(command.tag, name, work_and_news())
        if self.notifications is not None:
            self.notifications.own = Own()
            self.wire.wake()  # what could not come before the tagged reply comes now

    async def run_to_reply(self, tag: bytes, name: str, work: Coroutine[Any, Any, Done]) -> None:
        """Await the work, and write the tagged reply that it or its error calls for."""
        metrics.commands["imap"] += 1
        self.progress.begin(tag, self.wire.now)
        try:
            done = await work
        except PostroomError as error:
            self.progress.end()
            self.failed(tag, name, error)
        else:
            self.progress.end()
            if self.logged_in:  # a connection that lasts for days may err now and then
                self._errors = 0
            if not done.silent:
                text = done.text or f"{name} completed"
                self.write(responses.tagged(tag, b"OK", text, done.code))
            if done.bye is not None:
                self.failed(tag, name, done.bye)

    def check(self, command: Command) -> None:
        """Raises Bad when it may not come now."""
        self._check_state(EXECUTIONS[type(command)])
        if self.uid_only and names_numbers(command):
            raise Bad("After ENABLE UIDONLY messages have no numbers", b"UIDREQUIRED")

    def _check_state(self, execution: Execution) -> None:
        if execution.anytime:
            return
        if execution.before_login and self.logged_in:
            raise Bad("You are logged in already")
        if not execution.before_login and not self.logged_in:
            raise Bad("Log in first")
        if execution.selected and self.selected is None:
            raise Bad("Select a mailbox first")

    def failed(self, tag: bytes, name: str, error: PostroomError) -> None:
        metrics.refusals["imap"] += 1
        outcome = outcome_of(error)
        if isinstance(outcome, Bye):
            self.refuse(outcome.text, outcome.code)
            return
        if isinstance(outcome, Bad):
            self.bad(tag, outcome.text, outcome.code)
            return
        if not isinstance(error, No):
            log.info("command failed", extra={"command": name, "reason": str(error)})
        self.write(responses.tagged(tag, b"NO", outcome.text, outcome.code))

    def bad(self, tag: bytes, text: str, code: bytes = b"") -> None:
        self.write(responses.tagged(tag, b"BAD", text, code))
        self._errors += 1
        limits = self._service.limits
        if self._errors > (limits.errors if self.logged_in else limits.errors_before_login):
            self.refuse("Too many errors")

    def _refused(self, event: Refused) -> None:
        tag = self.upload.command.tag if self.upload is not None else tag_of(event.command)
        uploading.drop(self)
        if event.reason is Reason.LONG_LINE:
            self.bad(tag, "The command is too long", b"TOOBIG")
            self.refuse("The command is too long: where the next one begins cannot be known")
        elif event.reason is Reason.LARGE_LITERAL:
            self.bad(tag, "The literal is too large", b"TOOBIG")
        else:
            self.expects_line = None
            if self.idling:
                tag, self.idling = self.idling, b""
            self.bad(tag, "A line ends in CRLF, and neither stands alone")

    # Logging in.

    def log_in(self, account: Account) -> Done:
        self.account = account
        self._errors = 0
        self.reader.longest_command = LONGEST_COMMAND
        log.info("login", extra={"account": account.id, "client": self.client_ip})
        return Done(f"Logged in as {account.address}", self.capability_code())

    def log_out(self) -> None:
        """Of everything since the greeting nothing is left (RFC 8437 section 3)."""
        self.deselect()
        if self.notifications is not None:
            stop_notifying(self)
        self._begin()

    # The selected mailbox.

    def select(self, selected: Selected) -> None:
        """Whoever selects it watches it already."""
        self.selected = selected

    def deselect(self) -> None:
        selected = self.selected
        if selected is None:
            return
        self._service.watchers.unwatch(selected.id, self)
        self._service.keep(selected.view)
        self.selected = None
        if self.notifications is not None and self.notifications.wanted.elsewhere:
            if selected.is_told:
                self.notifications.known[selected.id] = Known.of(selected.place)
            self.notifications.note(*selected.key)

    def news(self, version: int) -> None:
        """The selected mailbox may have changed (Watcher)."""
        if not version or self.selected is None or version > self.selected.mailbox.version:
            self.unseen_news = True  # otherwise the view has it already
        if self.idling or self.notifications is not None:
            self.wire.wake()

    @property
    def wanted_of_selected(self) -> Events:
        """What may be told of the selected mailbox."""
        return MESSAGE_EVENTS if self.notifications is None else self.notifications.wanted.selected

    async def tell_between(self) -> None:
        """Tell news while no command runs: in IDLE, and after NOTIFY (RFC 5465 section 4)."""
        if self.upload is not None or (self.expects_line is not None and not self.idling):
            return
        notifications = self.notifications
        try:
            if self.selected is not None and (self.idling or notifications is not None):
                any_time = notifications is not None and notifications.wanted.any_time
                await tell_if_possible(self, expunges=any_time or bool(self.idling), look=False)
            await tell_elsewhere(self)
        except Bye as error:
            self.refuse(error.text, error.code)

    def did(self, account: str, mailbox: str = "") -> Own:
        """The command that runs changes that mailbox of the account, or the list of them: returns
        where it notes what the client need not be told."""
        if self.notifications is None:
            return Own()
        if self.notifications.wanted.elsewhere:
            self.notifications.note(account, mailbox)
        return self.notifications.own

    def closed(self) -> None:
        """The connection is gone."""
        self.deselect()
        if self.notifications is not None:
            stop_notifying(self)
        self.idling = b""
        uploading.drop(self)
