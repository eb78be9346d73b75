"""LOGIN, AUTHENTICATE and STARTTLS (RFC 9051 section 6.2)."""

import binascii
from typing import TYPE_CHECKING

from gateway.authentication import Authentication, WrongCredentials
from gateway.imap import responses
from gateway.imap.commands import Authenticate, Login, StartTls
from gateway.imap.outcomes import Bad, Bye, Done, No
from gateway.login import TooManyFailures
from gateway.sasl import Cancelled, UnknownMechanism

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def login(session: "Session", command: Login) -> Done:
    _check_privacy(session)
    try:
        name, password = command.user.decode("utf-8"), command.password.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong() from error
    return await _check(session, name, password)


async def authenticate(session: "Session", command: Authenticate) -> Done:
    _check_privacy(session)
    try:
        exchange = Authentication(command.mechanism, session.service.login, session.channel)
    except UnknownMechanism as error:
        raise No(str(error), b"CANNOT") from error
    if command.initial is None:
        return _challenge(session, command.tag, exchange)
    return await _receive(
        session, command.tag, exchange, binascii.b2a_base64(command.initial, newline=False) or b"="
    )


def _challenge(session: "Session", tag: bytes, exchange: Authentication) -> Done:
    """Ask for a line; its answer goes on with the exchange, and may end the command."""

    async def answer(line: bytes) -> None:
        await session.run_to_reply(tag, "AUTHENTICATE", _receive(session, tag, exchange, line))

    session.write(responses.continuation(exchange.challenge))
    session.expects_line = answer
    session.reader.next_line_is_text()
    return Done(silent=True)


async def _receive(session: "Session", tag: bytes, exchange: Authentication, line: bytes) -> Done:
    try:
        account = await exchange.receive(line)
    except Cancelled as error:
        raise Bad(str(error)) from error
    except TooManyFailures as error:
        raise No(str(error), b"UNAVAILABLE") from error
    except WrongCredentials as error:
        raise _wrong() from error
    if account is None:
        return _challenge(session, tag, exchange)
    return session.log_in(account)


async def start_tls(session: "Session", command: StartTls) -> Done:
    if session.tls:
        raise Bad("TLS is active already")
    tls = session.service.tls
    if tls is None:
        raise Bad("TLS is not on offer")
    if session.reader.buffered:
        # What was sent in clear behind STARTTLS may come from somebody in between, and would be
        # run as if it had come through TLS (RFC 9051 section 11.1).
        session.reader.discard()
        raise Bye("Nothing may follow STARTTLS before the TLS handshake")
    session.write(responses.tagged(command.tag, b"OK", "Begin TLS negotiation now"))
    await session.start_tls(tls)
    return Done(silent=True)


def _check_privacy(session: "Session") -> None:
    if not session.may_log_in:
        raise No("Use TLS before you send a password", b"PRIVACYREQUIRED")


async def _check(session: "Session", name: str, password: str) -> Done:
    try:
        account = await session.service.login.check(name, password, session.client_ip)
    except TooManyFailures as error:
        raise No(str(error), b"UNAVAILABLE") from error
    if account is None:
        raise _wrong()
    return session.log_in(account)


def _wrong() -> No:
    return No("User name or password is wrong", b"AUTHENTICATIONFAILED")
