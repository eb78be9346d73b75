"""One POP3 session: its state (RFC 1939 sections 4 to 6), and what each command does."""

import logging
from collections.abc import Awaitable, Callable

from gateway.metrics import metrics
from gateway.pop3.authorization import Authorization
from gateway.pop3.engine import Command, Engine, Event, Response
from gateway.pop3.languages import ENGLISH, LANGUAGES, look_up
from gateway.pop3.maildrop import LockLost, Maildrop, MessageGone, NoSuchMessage, close_maildrop
from gateway.pop3.replies import Replies, Wire
from gateway.pop3.retrieval import BrokenOff
from gateway.pop3.service import Service
from gateway.pop3.transaction import Transaction
from postroom.errors import BadSyntax, PostroomError, StoreUnavailable
from postroom.mailboxes.store import MailboxMissing

log = logging.getLogger("postroom.pop3")

_ANY_TIME = frozenset({"CAPA", "LANG", "QUIT"})
_BEFORE_LOGIN = frozenset({"APOP", "AUTH", "PASS", "STLS", "USER", "UTF8"})
_AFTER_LOGIN = frozenset({"DELE", "LIST", "NOOP", "RETR", "RSET", "STAT", "TOP", "UIDL"})


class Session:
    __slots__ = (
        "_authorization",
        "_engine",
        "_replies",
        "_service",
        "_wire",
        "client",
        "over",
        "secured",
        "transaction",
        "utf8",
    )

    def __init__(
        self, service: Service, wire: Wire, engine: Engine, client: str, secured: bool
    ) -> None:
        self._service = service
        self._wire = wire
        self._engine = engine
        self._replies = Replies(wire, service.settings.errors)
        self._authorization = Authorization(service, wire, engine, self._replies, self._opened)
        self.client = client
        self.secured = secured
        self.utf8 = False
        self.transaction: Transaction | None = None  # there in the state of that name
        self.over = False

    @property
    def maildrop(self) -> Maildrop | None:
        return self.transaction.maildrop if self.transaction is not None else None

    def greet(self) -> None:
        host = self._service.app.settings.hostname
        # No <timestamp@host> in it: APOP would need passwords that can be read.
        self._replies.value(f"{host} Postroom POP3 ready")

    async def handle(self, event: Event) -> None:
        metrics.commands["pop3"] += 1
        try:
            if isinstance(event, Command):
                await self._command(event)
            elif isinstance(event, Response):
                await self._authorization.respond(self.client, event.text)
            else:
                self._replies.refuse_error(event.error)
                self.over = self.over or event.fatal
        except (BadSyntax, NoSuchMessage, MessageGone) as error:
            self._replies.refuse_error(error)
        except BrokenOff as error:
            log.error("answer broken off", extra={"reason": str(error.__cause__ or error)})
            self.over = True
        except MailboxMissing:  # the account has been removed meanwhile
            self._replies.sorry("There is no maildrop", "[SYS/PERM] ")
            self.over = True
        except StoreUnavailable as error:
            log.error("store", extra={"reason": str(error)})
            self._replies.sorry("Not now, try again later", "[SYS/TEMP] ")
        self.over = self.over or self._replies.exhausted

    async def _command(self, command: Command) -> None:
        verb, arguments = command.verb, command.arguments
        if verb in _ANY_TIME or (verb in _BEFORE_LOGIN and self.transaction is None):
            await _COMMANDS[verb](self, *arguments)
        elif verb in _AFTER_LOGIN and self.transaction is not None:
            await _OF_TRANSACTION[verb](self.transaction, *arguments)
        else:
            self._replies.refuse("{verb} is not for this state", verb=verb)

    def _opened(self, maildrop: Maildrop) -> None:
        self.transaction = Transaction(
            self._service, self._wire, self._replies, maildrop, utf8=self.utf8
        )

    # Any state

    async def _capa(self) -> None:
        """RFC 2449 section 5."""
        tags = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER"]
        tags += ["UTF8 USER", "LANG", "IMPLEMENTATION Postroom"]
        if self._may_log_in():
            mechanisms = self._authorization.mechanisms(self.client)
            tags += ["USER", f"SASL {' '.join(mechanisms)}"]
        if self._may_start_tls():
            tags.append("STLS")
        first = self._replies.first_line("Capability list follows")
        self._wire.write(first + "\r\n".join([*tags, ".", ""]).encode())

    async def _lang(self, wanted: str = "") -> None:
        """RFC 6856 section 3."""
        replies = self._replies
        if not wanted:
            first = replies.first_line("Language listing follows")
            lines = [f"{language.tag} {language.name}" for language in LANGUAGES.values()]
            self._wire.write(first + "\r\n".join([*lines, ".", ""]).encode())
            return
        language = look_up(wanted)
        if language is None:
            replies.refuse("No such language", replies.language.tag + " ")
            return
        replies.language = language
        replies.ok("Language is English", language.tag + " ")

    async def _quit(self) -> None:
        self.over = True
        maildrop = self.maildrop
        if maildrop is None:
            self._replies.ok("Bye")
            return
        self.transaction = None  # it unlocks by itself, also when the client does not wait
        try:
            await self._service.crossing.slow(close_maildrop, self._service.app, maildrop)
        except LockLost as error:
            self._replies.refuse_error(error, "[IN-USE] ")
        except PostroomError as error:
            log.error("maildrop not updated", extra={"reason": str(error)})
            self._replies.sorry("Some deleted messages not removed", "[SYS/TEMP] ")
        else:
            self._replies.ok("Bye, {count} messages deleted", count=len(maildrop.marked))

    # AUTHORIZATION

    def _may_log_in(self) -> bool:
        return self.secured or self._service.settings.may_send_plaintext(self.client)

    def _may_start_tls(self) -> bool:
        return self._service.tls is not None and not self.secured and self.transaction is None

    async def _stls(self) -> None:
        """RFC 2595 section 4."""
        if not self._may_start_tls():
            self._replies.refuse("TLS is not to be had here, or is there already")
            return
        if self.utf8:
            self._replies.refuse("STLS comes before UTF8")  # RFC 6856 section 2.1
            return
        self._replies.ok("Begin TLS negotiation")
        self._engine.forget()
        self._authorization.forget()
        self._replies.language = ENGLISH  # RFC 6856 section 7: anybody may have chosen another
        await self._wire.start_tls()
        self.secured = True

    async def _utf8(self) -> None:
        """RFC 6856 section 2: from now on messages go out as they are."""
        self.utf8 = True
        self._replies.ok("UTF8 enabled")

    async def _apop(self, name: str, digest: str) -> None:
        self._replies.refuse("APOP is not offered, see CAPA")

    async def _user(self, name: str) -> None:
        if self._has_tls():
            await self._authorization.user(self.client, name)

    async def _pass(self, password: str) -> None:
        await self._authorization.password(self.client, password)

    async def _auth(self, mechanism: str = "", initial: str | None = None) -> None:
        """Without a mechanism it lists them, as old clients expect."""
        if not mechanism:
            mechanisms = self._authorization.mechanisms(self.client)
            self._wire.write("\r\n".join(["+OK", *mechanisms, ".", ""]).encode())
        elif self._has_tls():
            await self._authorization.authenticate(self.client, mechanism, initial)

    def _has_tls(self) -> bool:
        if not self._may_log_in():
            self._replies.refuse("A password needs TLS first, see STLS")
            return False
        return True


_Handler = Callable[..., Awaitable[None]]
_COMMANDS: dict[str, _Handler] = {
    verb: getattr(Session, f"_{verb.lower()}") for verb in _ANY_TIME | _BEFORE_LOGIN
}
_OF_TRANSACTION: dict[str, _Handler] = {
    verb: getattr(Transaction, verb.lower()) for verb in _AFTER_LOGIN
}
