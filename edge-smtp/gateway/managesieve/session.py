"""One ManageSieve session: who it is, and what each command does (RFC 5804 section 2)."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gateway.authentication import Authentication, Channel, WrongCredentials, mechanisms
from gateway.login import TooManyFailures
from gateway.managesieve import replies
from gateway.managesieve.capabilities import capabilities
from gateway.managesieve.engine import Command, Engine, Event, Response
from gateway.managesieve.service import Service
from gateway.metrics import metrics
from gateway.sasl import LONGEST_RESPONSE, Cancelled, UnknownMechanism
from postroom.directory.errors import NotThere
from postroom.directory.records import Account
from postroom.errors import BadSyntax, PostroomError, StoreUnavailable
from postroom.scripts.errors import (
    BadScriptName,
    EmptyScript,
    NoSuchScript,
    OverQuota,
    ScriptActive,
    ScriptExists,
)
from postroom.sieve.errors import Problem, ScriptError
from postroom.sieve.limits import LIMITS

log = logging.getLogger("postroom.managesieve")

_ANY_TIME = frozenset({"CAPABILITY", "LOGOUT", "NOOP"})
_BEFORE_LOGIN = frozenset({"AUTHENTICATE", "STARTTLS"})
_AFTER_LOGIN = frozenset(
    {
        "CHECKSCRIPT",
        "DELETESCRIPT",
        "GETSCRIPT",
        "HAVESPACE",
        "LISTSCRIPTS",
        "PUTSCRIPT",
        "RENAMESCRIPT",
        "SETACTIVE",
        "UNAUTHENTICATE",
    }
)
# They would have us keep passwords, or what stands for them, so that we could read them.
_TOO_WEAK = frozenset({"ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "NTLM"})

_CODES: dict[type[PostroomError], str] = {
    NoSuchScript: "NONEXISTENT",
    ScriptActive: "ACTIVE",
    ScriptExists: "ALREADYEXISTS",
}


class Wire(Protocol):
    """The connection, as the session sees it."""

    def write(self, octets: bytes) -> None: ...

    @property
    def tls_object(self) -> object:
        """What ssl says of the connection, None in the clear."""

    async def start_tls(self) -> None:
        """Raises OSError when the handshake fails."""


class Session:
    __slots__ = (
        "_engine",
        "_errors",
        "_exchange",
        "_secured",
        "_service",
        "_wire",
        "account",
        "client",
        "over",
    )

    def __init__(self, service: Service, wire: Wire, engine: Engine, client: str) -> None:
        self._service = service
        self._wire = wire
        self._engine = engine
        self._exchange: Authentication | None = None
        self._errors = 0
        self._secured = False
        self.client = client
        self.account: Account | None = None
        self.over = False

    def greet(self) -> None:
        self._wire.write(self._capabilities() + replies.ok("Postroom ManageSieve ready"))

    async def handle(self, event: Event) -> None:
        metrics.commands["managesieve"] += 1
        if isinstance(event, Command):
            await self._do(event)
        elif isinstance(event, Response):
            await self._response(event.octets)
        elif event.fatal:
            self._wire.write(replies.bye(str(event.error)))
            self.over = True
        else:
            self._end_exchange()
            self._refuse(str(event.error), event.code)

    async def _do(self, command: Command) -> None:
        allowed = _BEFORE_LOGIN if self.account is None else _AFTER_LOGIN
        if command.verb not in allowed | _ANY_TIME:
            when = "before the login only" if self.account else "not before the login"
            self._refuse(f"{command.verb}: {when}")
            return
        try:
            await _COMMANDS[command.verb](self, *command.arguments)
        except ScriptError as error:
            self._no("\n".join(_told(error.problems, _name_of(command))))
        except OverQuota as error:
            self._no(str(error), f"QUOTA/{error.quota}" if error.quota else "QUOTA")
        except (NoSuchScript, ScriptActive, ScriptExists) as error:
            self._no(str(error), _CODES[type(error)])
        except (BadScriptName, EmptyScript, NotThere) as error:
            self._no(str(error))
        except StoreUnavailable as error:
            self._not_now(command.verb, error)

    # Answers

    def _ok(self, text: str = "", code: str = "", argument: bytes | None = None) -> None:
        self._wire.write(replies.ok(text, code, argument))

    def _no(self, text: str, code: str = "") -> None:
        """The client did nothing wrong that it can help: this counts towards nothing."""
        metrics.refusals["managesieve"] += 1
        self._wire.write(replies.no(text, code))

    def _refuse(self, text: str, code: str = "") -> None:
        self._errors += 1
        if self._errors < self._service.settings.errors:
            self._no(text, code)
            return
        metrics.refusals["managesieve"] += 1
        self._wire.write(replies.bye(f"{text}; too many errors", code))
        self.over = True

    def _not_now(self, verb: str, error: StoreUnavailable) -> None:
        log.error("store", extra={"verb": verb, "reason": str(error)})
        self._no("Not now, try again later", "TRYLATER")

    def _ok_with(self, warnings: Sequence[Problem], name: str = "") -> None:
        if warnings:
            self._ok("; ".join(_told(warnings, name)), "WARNINGS")
        else:
            self._ok()

    # At any time

    async def _capability(self) -> None:
        self._wire.write(self._capabilities() + replies.ok())

    async def _noop(self, tag: str | None = None) -> None:
        if tag is None:
            self._ok("Nothing done")
        else:
            self._ok("Nothing done", "TAG", tag.encode())

    async def _logout(self) -> None:
        self._ok("Bye")
        self.over = True

    def _capabilities(self) -> bytes:
        return capabilities(
            self._mechanisms() if self._may_log_in() else (),
            starttls=self._may_start_tls(),
            owner="" if self.account is None else self.account.address,
        )

    # Before the login

    def _may_log_in(self) -> bool:
        return self._secured or self._service.settings.may_send_plaintext(self.client)

    def _may_start_tls(self) -> bool:
        return self._service.tls is not None and not self._secured and self.account is None

    def _mechanisms(self) -> tuple[str, ...]:
        return mechanisms(self._service.login, self._channel())

    def _channel(self) -> Channel:
        tls = self._service.tls
        bindings = tls.bindings(self._wire.tls_object) if tls else {}
        return Channel(self.client, bindings, self._service.settings.channel_binding)

    async def _starttls(self) -> None:
        if not self._may_start_tls():
            self._refuse("TLS is not to be had here, or is there already")
            return
        self._ok("Begin TLS negotiation")
        self._engine.forget()
        await self._wire.start_tls()
        self._secured = True
        # Not what anybody between us could have changed (RFC 5804 section 2.2).
        self._wire.write(self._capabilities() + replies.ok("TLS negotiation done"))

    async def _authenticate(self, mechanism: str, initial: bytes | None = None) -> None:
        if not self._may_log_in():
            self._refuse("A login needs TLS first, see STARTTLS", "ENCRYPT-NEEDED")
            return
        try:
            self._exchange = Authentication(mechanism, self._service.login, self._channel())
        except UnknownMechanism as error:
            self._refuse(str(error), "AUTH-TOO-WEAK" if mechanism.upper() in _TOO_WEAK else "")
            return
        if initial is None:
            self._challenge(self._exchange)
        else:
            await self._response(initial)

    def _challenge(self, exchange: Authentication) -> None:
        self._engine.expects_response = True
        self._wire.write(replies.string(exchange.challenge) + b"\r\n")

    def _end_exchange(self) -> None:
        self._engine.expects_response = False
        self._exchange = None

    async def _response(self, octets: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None  # noqa: S101  (narrowing: only then a response is expected)
        self._engine.expects_response = False
        last_word = b""
        try:
            account = await exchange.receive(octets)
            if account is None and exchange.has_last_word:
                # It goes into our OK, and saves the client an empty answer (RFC 5804 section 2.1).
                last_word = exchange.challenge
                account = await exchange.receive(b"")
        except (BadSyntax, Cancelled) as error:
            self._end_exchange()
            self._refuse(str(error))
        except WrongCredentials as error:
            self._end_exchange()
            log.info("login failed", extra={"client": self.client, "user": exchange.name})
            self._refuse(str(error))
        except TooManyFailures as error:
            self._end_exchange()
            self._refuse(str(error), "TRYLATER")
        except StoreUnavailable as error:
            self._end_exchange()
            self._not_now("AUTHENTICATE", error)
        else:
            if account is None:
                self._challenge(exchange)
            else:
                self._logged_in(account, last_word)

    def _logged_in(self, account: Account, last_word: bytes) -> None:
        self._end_exchange()
        self.account = account
        self._engine.longest_string = LIMITS.script
        # No more than this: sieve-connect looks for the last word at the end of the line.
        if last_word:
            self._ok(code="SASL", argument=last_word)
        else:
            self._ok("Logged in")

    # After the login

    def _own(self) -> str:
        assert self.account is not None  # noqa: S101  (narrowing: `_do` looked at the state)
        return self.account.id

    async def _unauthenticate(self) -> None:
        """RFC 5804 section 2.14.1: TLS stays."""
        self.account = None
        self._engine.longest_string = LONGEST_RESPONSE
        self._ok("Logged out")

    async def _havespace(self, name: str, size: int) -> None:
        scripts = self._service.app.scripts
        await self._service.crossing.run(scripts.have_space, self._own(), name, size)
        self._ok()

    async def _putscript(self, name: str, text: bytes) -> None:
        scripts = self._service.app.scripts
        warnings = await self._service.crossing.slow(scripts.put, self._own(), name, text)
        self._ok_with(warnings, name)

    async def _checkscript(self, text: bytes) -> None:
        self._ok_with(await self._service.crossing.slow(self._service.app.scripts.check, text))

    async def _listscripts(self) -> None:
        scripts = self._service.app.scripts
        listed = await self._service.crossing.run(scripts.names, self._own())
        lines = [
            replies.string(one.name.encode()) + (b" ACTIVE\r\n" if one.active else b"\r\n")
            for one in listed
        ]
        self._wire.write(b"".join([*lines, replies.ok()]))

    async def _setactive(self, name: str) -> None:
        scripts = self._service.app.scripts
        warnings = await self._service.crossing.slow(scripts.set_active, self._own(), name)
        self._ok_with(warnings, name)

    async def _getscript(self, name: str) -> None:
        scripts = self._service.app.scripts
        text = await self._service.crossing.run(scripts.get, self._own(), name)
        # Always a literal: Net_Sieve takes the OK for a part of a quoted string.
        self._wire.write(replies.literal(text) + b"\r\n" + replies.ok())

    async def _deletescript(self, name: str) -> None:
        scripts = self._service.app.scripts
        await self._service.crossing.slow(scripts.delete, self._own(), name)
        self._ok()

    async def _renamescript(self, old: str, new: str) -> None:
        scripts = self._service.app.scripts
        await self._service.crossing.slow(scripts.rename, self._own(), old, new)
        self._ok()


def _name_of(command: Command) -> str:
    name = command.arguments[0] if len(command.arguments) > 1 or command.verb == "SETACTIVE" else ""
    return name if isinstance(name, str) else ""


def _told(problems: Sequence[Problem], name: str) -> list[str]:
    """A line for each problem. Roundcube finds the name of the script, then the line's number."""
    script = f"{name}: " if name else ""
    return [
        f"{script}line {position.line}: {message} (column {position.column})"
        for position, message in problems
    ]


_Handler = Callable[..., Awaitable[None]]
_COMMANDS: dict[str, _Handler] = {
    verb: getattr(Session, f"_{verb.lower()}") for verb in _ANY_TIME | _BEFORE_LOGIN | _AFTER_LOGIN
}
