"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 section 3).

The owner has all rights, whatever is asked for: so the owner's sessions need not look.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.imap import responses_acl
from gateway.imap.commands_acl import DeleteAcl, GetAcl, ListRights, MyRights, SetAcl
from gateway.imap.outcomes import DONE, Done, No
from gateway.imap.places import Place, place_of
from postroom.app import App
from postroom.directory.identifiers import applying_to, identifier_of, spelled, user_identifier
from postroom.mailboxes.rights import ALL, NONE, Rights

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def set_acl(session: "Session", command: SetAcl) -> Done:
    place = await place_of(session, command.mailbox, "a")
    identifier = await _identifier(session, place, command.identifier)
    if _is_owner(place, identifier):
        if identifier.startswith("-") or command.mode == "remove" or command.rights != ALL:
            raise No("The owner of a mailbox always has all rights on it", b"CANNOT")
        return DONE

    def changed(before: Rights) -> Rights:
        if command.mode == "add":
            return before | command.rights
        return before - command.rights if command.mode == "remove" else command.rights

    return await _change(session, place, identifier, changed)


async def delete_acl(session: "Session", command: DeleteAcl) -> Done:
    place = await place_of(session, command.mailbox, "a")
    identifier = await _identifier(session, place, command.identifier)
    if _is_owner(place, identifier):
        raise No("The owner of a mailbox always has all rights on it", b"CANNOT")
    return await _change(session, place, identifier, lambda _: NONE)


async def get_acl(session: "Session", command: GetAcl) -> Done:
    place = await place_of(session, command.mailbox, "a")
    entries = await session.crossing.run(_spelled_entries, session.app, place)
    session.write(responses_acl.acl(place.name, entries, session.utf8))
    return DONE


async def list_rights(session: "Session", command: ListRights) -> Done:
    place = await place_of(session, command.mailbox, "a")
    identifier = await _identifier(session, place, command.identifier)
    required = ALL if identifier == user_identifier(place.owner) else NONE
    line = responses_acl.list_rights(place.name, command.identifier, required, session.utf8)
    session.write(line)
    return DONE


async def my_rights(session: "Session", command: MyRights) -> Done:
    place = await place_of(session, command.mailbox, "")
    place.need_one_of("lrikxa")
    session.write(responses_acl.my_rights(place.name, place.rights, session.utf8))
    return DONE


async def _identifier(session: "Session", place: Place, text: str) -> str:
    """As ``Mailboxes.sharing`` knows it. Raises UnknownIdentifier."""
    sign = "-" if text.startswith("-") else ""
    find, name = identifier_of, text.removeprefix("-")
    return sign + await session.crossing.run(find, session.app.directory, name, place.owner)


def _is_owner(place: Place, identifier: str) -> bool:
    return identifier.removeprefix("-") == user_identifier(place.owner)


async def _change(
    session: "Session", place: Place, identifier: str, change: Callable[[Rights], Rights]
) -> Done:
    """Whether the user may is looked up again, in the transaction."""
    sharing, by = session.app.mailboxes.sharing, None
    if place.prefix:
        by = await session.crossing.run(applying_to, session.app.directory, session.owner)
    await session.crossing.slow(sharing.change, *place.key, identifier, change, by)
    return DONE


def _spelled_entries(app: App, place: Place) -> list[tuple[str, Rights]]:
    """The owner first. Who is here no longer is left out."""
    entries = [(place.owner.address, ALL)]
    for identifier, rights in app.mailboxes.sharing.entries(*place.key).items():
        name = spelled(app.directory, identifier.removeprefix("-"))
        if name is not None:
            entries.append((f"-{name}" if identifier.startswith("-") else name, rights))
    return entries
