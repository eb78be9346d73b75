"""GETMETADATA and SETMETADATA (RFC 5464)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.imap import responses_metadata
from gateway.imap.commands_metadata import GetMetadata, SetMetadata
from gateway.imap.outcomes import DONE, Done, No
from gateway.imap.places import place_of
from postroom.mailboxes.annotations import (
    LARGEST_VALUE,
    SERVER,
    Entries,
    TooManyEntries,
    ValueTooLarge,
)

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def get_metadata(session: "Session", command: GetMetadata) -> Done:
    name, mailbox = await _named(session, command.mailbox)
    annotations, account = session.app.mailboxes.annotations, session.owner.id
    kept = dict(await session.crossing.run(annotations.of, account, mailbox))
    if mailbox == SERVER:
        kept |= _of_us(session)
    found = _chosen(kept, command.entries, command.depth)
    too_large = [
        len(value)
        for value in found.values()
        if value is not None and command.largest is not None and len(value) > command.largest
    ]
    shown = {
        entry: value
        for entry, value in found.items()
        if value is None or command.largest is None or len(value) <= command.largest
    }
    if shown:
        session.write(responses_metadata.metadata(name, shown, session.utf8))
    return Done(code=b"METADATA LONGENTRIES %d" % max(too_large)) if too_large else DONE


def _of_us(session: "Session") -> dict[str, bytes]:
    """What nobody has to set (section 6.2.2)."""
    domain = session.owner.address.rpartition("@")[2]
    return {"/shared/admin": b"mailto:postmaster@" + domain.encode("idna")}


def _chosen(kept: Entries, wanted: Sequence[str], depth: int) -> dict[str, bytes | None]:
    """Entries asked for by their own name have NIL when they have no value."""
    if not depth:
        return {entry: kept.get(entry) for entry in wanted}
    found: dict[str, bytes | None] = {}
    for entry in wanted:
        for name in sorted(kept):
            below = name.removeprefix(entry)
            if name == entry or (
                name != below and below.startswith("/") and below.count("/") <= depth
            ):
                found[name] = kept[name]
    return found


async def set_metadata(session: "Session", command: SetMetadata) -> Done:
    _, mailbox = await _named(session, command.mailbox)
    changes = dict(command.entries)
    if mailbox == SERVER and any(entry.startswith("/shared/") for entry in changes):
        raise No("What all users share is not for one of them to change", b"NOPERM")
    annotations = session.app.mailboxes.annotations
    try:
        await session.crossing.slow(annotations.set, session.owner.id, mailbox, changes)
    except ValueTooLarge as error:
        raise No(str(error), b"METADATA MAXSIZE %d" % LARGEST_VALUE) from error
    except TooManyEntries as error:
        raise No(str(error), b"METADATA TOOMANY") from error
    session.did(mailbox).entries |= {(mailbox, entry) for entry in changes}
    return DONE


async def _named(session: "Session", name: str) -> tuple[str, str]:
    """Its name, and its id."""
    if not name:
        return "", SERVER
    place = await place_of(session, name, "l")
    return place.name, place.mailbox.id


def metadata_line(session: "Session", name: str, kept: Entries, wanted: Sequence[str]) -> bytes:
    """For LIST (RFC 9590 section 3)."""
    values: Mapping[str, bytes | None] = _chosen(kept, wanted, 0)
    return responses_metadata.metadata(name, values, session.utf8)
