"""One SASL authentication, for every protocol that has one.

The protocol says ``challenge`` in its own way and gives each response line to ``receive``, until
that returns an account or raises. A protocol with an initial response gives it first, before any
challenge.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway import sasl
from gateway.bearer import Bearer, parse_oauthbearer, parse_xoauth2, refusal
from gateway.login import Login
from gateway.scram import Bindings, ScramExchange
from postroom.directory.records import Account
from postroom.directory.scram import ScramVerifier
from postroom.errors import BadSyntax, PostroomError

_PLUS = "SCRAM-SHA-256-PLUS"
_NONCE_OCTETS = 18


class WrongCredentials(PostroomError):
    def __init__(self) -> None:
        super().__init__("Wrong name or password")


@dataclass(frozen=True, slots=True)
class Channel:
    """What of a connection matters to a mechanism."""

    client: str  # IP address
    bindings: Bindings = field(default_factory=dict)
    # Whether PLUS is listed. Who asks for it unlisted gets it too: some clients take it from the
    # list and fail, because they bind in no way that we can (docs/COMPATIBILITY.md).
    lists_plus: bool = False


def mechanisms(login: Login, channel: Channel) -> tuple[str, ...]:
    """What to list, the best first: some clients take the first that they know."""
    plus = (_PLUS,) if channel.bindings and channel.lists_plus else ()
    bearer = ("OAUTHBEARER", "XOAUTH2") if login.takes_tokens else ()
    return *plus, "SCRAM-SHA-256", *bearer, "PLAIN", "LOGIN"


class Authentication:
    def __init__(self, mechanism: str, login: Login, channel: Channel) -> None:
        """Raises UnknownMechanism."""
        offered = mechanisms(login, channel)
        unlisted = (_PLUS,) if channel.bindings else ()
        if mechanism.upper() not in (*offered, *unlisted):
            raise sasl.UnknownMechanism(mechanism, offered)
        self.mechanism = mechanism.upper()
        self.name = ""  # who it claims to be, for the log
        self._login = login
        self._channel = channel
        self._challenge = b"Username:" if self.mechanism == "LOGIN" else b""
        self._next: Callable[[bytes], Awaitable[Account | None]] = _FIRST[self.mechanism](self)
        self._scram: ScramExchange | None = None
        self._verifier: ScramVerifier | None = None
        self._account: Account | None = None

    @property
    def challenge(self) -> bytes:
        """What the server says next, already in base64."""
        return base64.b64encode(self._challenge)

    @property
    def has_last_word(self) -> bool:
        """The challenge comes with our success (RFC 4422 section 3.6). Where the protocol has room
        for it beside that, an empty response can be given to ``receive`` at once."""
        return self._account is not None

    async def receive(self, line: bytes) -> Account | None:
        """Take a response line in base64 without its CRLF; ``=`` stands for an empty one.

        None: send the next challenge. Raises BadSyntax, Cancelled, WrongCredentials,
        TooManyFailures, StoreUnavailable.
        """
        return await self._next(sasl.decode(line))

    def _wait(self, challenge: bytes, then: Callable[[bytes], Awaitable[Account | None]]) -> None:
        self._challenge = challenge
        self._next = then

    # PLAIN and LOGIN

    async def _plain(self, octets: bytes) -> Account | None:
        found = sasl.parse_plain(octets)
        return await self._check(found.name, found.password)

    async def _login_name(self, octets: bytes) -> Account | None:
        self.name = sasl.text(octets)
        self._wait(b"Password:", self._login_password)
        return None

    async def _login_password(self, octets: bytes) -> Account | None:
        return await self._check(self.name, sasl.text(octets))

    async def _check(self, name: str, password: str) -> Account:
        self.name = name
        account = await self._login.check(name, password, self._channel.client)
        if account is None:
            raise WrongCredentials
        return account

    # SCRAM

    async def _scram_first(self, octets: bytes) -> Account | None:
        nonce = base64.b64encode(self._login.random(_NONCE_OCTETS)).decode()
        self._scram = ScramExchange(
            plus=self.mechanism == _PLUS,
            bindings=self._channel.bindings,
            lists_plus=self._channel.lists_plus,
            nonce=nonce,
        )
        self.name = self._scram.client_first(octets)
        self._verifier = await self._login.verifier(self.name, self._channel.client)
        self._wait(self._scram.server_first(self._verifier), self._scram_final)
        return None

    async def _scram_final(self, octets: bytes) -> Account | None:
        scram, verifier = self._scram, self._verifier
        assert scram is not None  # noqa: S101  (narrowing: made in the step before)
        assert verifier is not None  # noqa: S101
        server_final = scram.client_final(octets)
        account = await self._login.proved(
            self.name, verifier, octets, self._channel.client, right=server_final is not None
        )
        if account is None or server_final is None:
            raise WrongCredentials
        self._account = account
        self._wait(server_final, self._scram_end)
        return None

    async def _scram_end(self, octets: bytes) -> Account | None:
        """The client has seen that we know the password too, and has no more to say."""
        if octets:
            raise BadSyntax("empty response", b"...", "RFC 5802 section 5")
        return self._account

    # Tokens

    async def _oauthbearer(self, octets: bytes) -> Account | None:
        return await self._token(parse_oauthbearer(octets))

    async def _xoauth2(self, octets: bytes) -> Account | None:
        return await self._token(parse_xoauth2(octets))

    async def _token(self, bearer: Bearer) -> Account | None:
        self.name = bearer.name
        account = None
        if bearer.token:
            account = await self._login.token(bearer.name, bearer.token, self._channel.client)
        if account is None:
            self._wait(refusal(self.mechanism), self._token_refused)
            return None
        return account

    async def _token_refused(self, octets: bytes) -> Account | None:
        raise WrongCredentials  # whatever the client says to the refusal


_Step = Callable[[bytes], Awaitable[Account | None]]
_FIRST: Mapping[str, Callable[[Authentication], _Step]] = {
    "PLAIN": lambda one: one._plain,
    "LOGIN": lambda one: one._login_name,
    "SCRAM-SHA-256": lambda one: one._scram_first,
    _PLUS: lambda one: one._scram_first,
    "OAUTHBEARER": lambda one: one._oauthbearer,
    "XOAUTH2": lambda one: one._xoauth2,
}
