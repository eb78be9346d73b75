"""Commands about the session itself: CAPABILITY, NOOP, ID, ENABLE, IDLE, COMPRESS, UNAUTHENTICATE,
LOGOUT (RFC 9051 sections 6.1, 6.3.1, 6.3.13)."""

from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.capabilities import CAN_BE_ENABLED, SPELLED
from gateway.imap.commands import (
    Capability,
    Check,
    Compress,
    Enable,
    Id,
    Idle,
    Logout,
    Namespace,
    Noop,
    Unauthenticate,
)
from gateway.imap.outcomes import DONE, Bad, Done

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def capability(session: "Session", command: Capability) -> Done:
    session.write(responses.capability(session.capabilities()))
    return DONE


async def noop(session: "Session", command: Noop | Check) -> Done:
    return DONE  # the news that come before its reply are all it is for


async def identify(session: "Session", command: Id) -> Done:
    session.write(responses.id_of({"name": "Postroom"}))
    return DONE


async def enable(session: "Session", command: Enable) -> Done:
    names = [name for name in command.capabilities if name in CAN_BE_ENABLED]
    if "IMAP4REV2" in names:
        session.rev2 = session.utf8 = True
    if "UTF8=ACCEPT" in names:
        session.utf8 = session.utf8_accept = True
    session.uid_only |= "UIDONLY" in names
    if "QRESYNC" in names:
        session.qresync = True
    if "CONDSTORE" in names or "QRESYNC" in names:
        enable_condstore(session)
    session.write(responses.enabled([SPELLED.get(name, name) for name in names]))
    return DONE


def enable_condstore(session: "Session") -> None:
    """The client shows that it knows MODSEQ (RFC 7162 section 3.1)."""
    if not session.condstore:
        session.condstore = True
        if session.selected is not None:
            code = b"HIGHESTMODSEQ %d" % session.selected.mod_seq
            session.write(responses.untagged(b"OK", "MODSEQ from now on", code))


async def namespace(session: "Session", command: Namespace) -> Done:
    session.write(responses.namespace())
    return DONE


async def idle(session: "Session", command: Idle) -> Done:
    """From the continuation on, news are told as they come; DONE ends it (RFC 2177)."""

    async def over(line: bytes) -> None:
        session.idling = b""
        if line.upper() == b"DONE":
            session.write(responses.tagged(command.tag, b"OK", "IDLE completed"))
        else:
            session.bad(command.tag, "Only DONE ends IDLE")

    session.write(responses.continuation(b"idling"))
    session.idling = command.tag
    session.expects_line = over
    session.reader.next_line_is_text()
    session.unseen_news = True  # it may have been lost
    await session.tell_between()
    return Done(silent=True)


async def compress(session: "Session", command: Compress) -> Done:
    if command.algorithm != "DEFLATE":
        raise Bad("DEFLATE is the only algorithm (RFC 4978 section 5)")
    if session.wire.compresses:
        # NO would say that another layer, such as TLS, compresses (RFC 4978 section 3).
        raise Bad("DEFLATE is active via COMPRESS already", b"COMPRESSIONACTIVE")
    session.write(responses.tagged(command.tag, b"OK", "DEFLATE active"))
    session.wire.compress()
    return Done(silent=True)


async def unauthenticate(session: "Session", command: Unauthenticate) -> Done:
    """The connection is as new, but for its TLS (RFC 8437)."""
    session.log_out()
    code = session.capability_code()
    session.write(responses.tagged(command.tag, b"OK", "UNAUTHENTICATE completed", code))
    session.wire.begin_anew()
    return Done(silent=True)


async def logout(session: "Session", command: Logout) -> Done:
    session.refuse("See you soon")
    return DONE
