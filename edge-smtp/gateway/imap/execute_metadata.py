"""GETMETADATA and SETMETADATA (RFC 5464)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gateway.imap import responses_metadata
from gateway.imap.commands_metadata import GetMetadata, SetMetadata
from gateway.imap.outcomes import DONE, Done, No
from gateway.imap.places import Place, place_of
from postroom.mailboxes.annotations import (
    LARGEST_VALUE,
    SERVER,
    Entries,
    TooManyEntries,
    ValueTooLarge,
)

if TYPE_CHECKING:
    from gateway.imap.session import Session

_ONE_OF = "rswip"  # rights, besides "l" (RFC 5464 section 3.3)


async def get_metadata(session: "Session", command: GetMetadata) -> Done:
    place = await _named(session, command.mailbox)
    own = await _own_entries(session, SERVER if place is None else place.mailbox.id)
    name, kept = "", own
    if place is not None:
        name, kept = place.name, await entries_of(session, place, own)
    else:
        kept = {**own, **_of_us(session)}
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
    place = await _named(session, command.mailbox)
    changes = dict(command.entries)
    annotations, user = session.app.mailboxes.annotations, session.owner.id
    if place is None and any(map(_is_shared, changes)):
        raise No("What all users share is not for one of them to change", b"NOPERM")
    account, mailbox = (user, SERVER) if place is None else place.key
    try:
        await session.crossing.slow(annotations.set, account, mailbox, changes, user)
    except ValueTooLarge as error:
        raise No(str(error), b"METADATA MAXSIZE %d" % LARGEST_VALUE) from error
    except TooManyEntries as error:
        raise No(str(error), b"METADATA TOOMANY") from error
    session.did(account, mailbox).entries |= {(mailbox, entry) for entry in changes}
    return DONE


async def _named(session: "Session", name: str) -> Place | None:
    """None for the server."""
    if not name:
        return None
    place = await place_of(session, name, "l")
    place.need_one_of(_ONE_OF)
    return place


def may_annotate(place: Place) -> bool:
    return not place.rights.isdisjoint(_ONE_OF)


async def _own_entries(session: "Session", mailbox: str) -> Entries:
    read = session.app.mailboxes.annotations.of
    return await session.crossing.run(read, session.owner.id, mailbox)


async def entries_of(session: "Session", place: Place, own: Entries) -> Entries:
    """What the user sees of a mailbox: of one of others, what is shared, and what he keeps for
    himself. *own*: what lies under the mailbox's id with the user."""
    if not place.prefix:
        return own
    theirs = await session.crossing.run(session.app.mailboxes.annotations.of, *place.key)
    return {entry: value for entry, value in theirs.items() if _is_shared(entry)} | dict(own)


def _is_shared(entry: str) -> bool:
    return entry.startswith("/shared/")


def metadata_line(session: "Session", name: str, kept: Entries, wanted: Sequence[str]) -> bytes:
    """For LIST (RFC 9590 section 3)."""
    values: Mapping[str, bytes | None] = _chosen(kept, wanted, 0)
    return responses_metadata.metadata(name, values, session.utf8)
