"""From the greeting to a session ready for mail: EHLO, HELO, STARTTLS, AUTH. Without I/O."""

from dataclasses import dataclass

from postroom.errors import PostroomError
from postroom.relay.smtp.authentication import BEST_FIRST, AuthenticationFailed, authentication
from postroom.relay.smtp.extensions import NONE, Extensions, parse_extensions
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import Reply
from postroom.relay.smtp.transaction import Ask, Dialogue


class NotWelcome(PostroomError):
    """The server will not serve us: *reply* says why. Another one may."""

    def __init__(self, sentence: str, reply: Reply | None = None, status: str = "") -> None:
        self.reply = reply
        self.status = status
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: str
    nonce: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def greeting(limits: ClientLimits) -> Dialogue[None]:
    """RFC 5321 section 3.1. Raises NotWelcome."""
    reply = yield Ask((), limits.greeting, "the greeting")
    if reply.kind != 2:
        raise NotWelcome("the server refused the connection", reply)


def hello(hostname: str, limits: ClientLimits) -> Dialogue[Extensions]:
    """EHLO, or HELO for those who refuse it (RFC 5321 section 3.2). Raises NotWelcome."""
    name = hostname.encode("ascii", "replace")
    reply = yield Ask((b"EHLO %b\r\n" % name,), limits.command, "EHLO")
    if reply.kind == 2:
        return parse_extensions(reply.lines)
    if reply.kind == 5:
        reply = yield Ask((b"HELO %b\r\n" % name,), limits.command, "HELO")
        if reply.kind == 2:
            return NONE
    raise NotWelcome("the server refused EHLO", reply)


def starttls(limits: ClientLimits) -> Dialogue[Reply]:
    """RFC 3207 section 4: after 220 the handshake begins."""
    return (yield Ask((b"STARTTLS\r\n",), limits.command, "STARTTLS"))


def log_in(login: Login, offers: Extensions, limits: ClientLimits) -> Dialogue[None]:
    """Raises NotWelcome."""
    mechanism = next((name for name in BEST_FIRST if name in offers.mechanisms), None)
    if mechanism is None:
        raise NotWelcome("the server offers no AUTH mechanism that we know", status="4.7.0")
    try:
        reply = yield from authentication(
            mechanism, login.user, login.password, login.nonce, limits
        )
    except AuthenticationFailed as error:
        raise NotWelcome(f"AUTH {mechanism}: {error}", status="4.7.8") from error
    if reply.code != 235:
        raise NotWelcome(f"AUTH {mechanism} was refused", reply)
