"""LIST and LSUB (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 9590)."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.imap import responses, responses_acl
from gateway.imap.commands import List, Lsub
from gateway.imap.execute_mailboxes import status_line
from gateway.imap.execute_metadata import entries_of, may_annotate, metadata_line
from gateway.imap.list_patterns import matcher
from gateway.imap.mailbox_tree import Tree
from gateway.imap.namespaces import NAMESPACE
from gateway.imap.outcomes import DONE, Done
from gateway.imap.places import Place, own_places, shared_places
from postroom.mailboxes.annotations import Entries
from postroom.mailboxes.names import INBOX, OTHER_USERS, above, is_below, reading_order

if TYPE_CHECKING:
    from gateway.imap.session import Session

_XLIST_WORDS = {"\\All": "\\AllMail", "\\Flagged": "\\Starred", "\\Junk": "\\Spam"}


async def list_mailboxes(session: "Session", command: List) -> Done:
    verb = command.verb.encode("ascii")
    if not command.extended and command.patterns == ("",):
        session.write(responses.delimiter(verb))
        return DONE
    patterns = [command.reference + pattern for pattern in command.patterns if pattern]
    tree = await _read(session, patterns, wants_subscriptions=_asks_subscribed(command))
    annotations: dict[str, Entries] = {}
    if command.metadata:
        read = session.app.mailboxes.annotations.all_of
        annotations = await session.crossing.run(read, session.owner.id)
    matchers = [matcher(pattern) for pattern in patterns]
    for name in tree.names():
        if not any(matches(name) for matches in matchers):
            continue
        chosen = _is_chosen(tree, name, command.selection)
        below = _chosen_below(tree, name, chosen, command, matchers)
        if not chosen and not below:
            continue
        attributes = _attributes(tree, name, command)
        session.write(
            responses.list_line(name, attributes, session.utf8, child_info=below, verb=verb)
        )
        place = tree.mailboxes.get(name)
        if place is not None and chosen:
            if "MYRIGHTS" in command.returns:  # RFC 8440
                session.write(responses_acl.my_rights(name, place.rights, session.utf8))
            if command.status and "r" in place.rights:
                session.write(await status_line(session, place, command.status))
            if command.metadata and may_annotate(place):
                own = annotations.get(place.mailbox.id, {})
                kept = await entries_of(session, place, own)
                session.write(metadata_line(session, name, kept, command.metadata))
        await session.made_room()
    return DONE


async def lsub(session: "Session", command: Lsub) -> Done:
    r"""RFC 3501 section 6.3.9: with ``%``, a name whose subscribed names lie below it is shown
    with \Noselect."""
    if not command.pattern:
        session.write(responses.delimiter(b"LSUB"))
        return DONE
    pattern = command.reference + command.pattern
    tree = await _read(session, [pattern], wants_subscriptions=True)
    matches = matcher(pattern)
    names = {name: () for name in tree.subscribed if matches(name)}
    shown: dict[str, tuple[str, ...]] = dict(names)
    if "%" in command.pattern:
        for subscribed in tree.subscribed:
            for name in above(subscribed):
                if name not in tree.subscribed and matches(name):
                    shown[name] = ("\\Noselect",)
    for name in sorted(shown, key=reading_order):
        session.write(responses.list_line(name, shown[name], session.utf8, verb=b"LSUB"))
        await session.made_room()
    return DONE


async def _read(session: "Session", patterns: Sequence[str], *, wants_subscriptions: bool) -> Tree:
    account, mailboxes = session.owner.id, session.app.mailboxes
    found: list[Place] = []
    if any(map(_may_reach_others, patterns)):
        found += [each for each in await shared_places(session) if "l" in each.rights]
    found += await own_places(session)  # the last of a name is shown
    subscribed: set[str] = set()
    if wants_subscriptions:
        subscribed = await session.crossing.run(mailboxes.subscriptions, account)
    return Tree.of(found, subscribed)


def _may_reach_others(pattern: str) -> bool:
    """Whether names of others' mailboxes can match. Looking for these costs some reads."""
    start = re.split("[*%]", pattern, maxsplit=1)[0]
    return (
        start.startswith(NAMESPACE)
        or (start != pattern and NAMESPACE.startswith(start))
        or (pattern == OTHER_USERS)
    )


def _asks_subscribed(command: List) -> bool:
    return "SUBSCRIBED" in command.selection or "SUBSCRIBED" in command.returns


def _is_chosen(tree: Tree, name: str, selection: frozenset[str]) -> bool:
    if "SUBSCRIBED" in selection and name not in tree.subscribed:
        return False
    if "SPECIAL-USE" in selection:
        mailbox = tree.mailboxes.get(name)
        if mailbox is None or not mailbox.special_use:
            return False
    return "SUBSCRIBED" in selection or tree.exists(name)


def _chosen_below(
    tree: Tree, name: str, chosen: bool, command: List, matchers: Sequence[Callable[[str], bool]]
) -> tuple[str, ...]:
    """The selection options that names below this one fulfil, for RECURSIVEMATCH.

    A name that is not chosen itself is only shown for the sake of one that the patterns do not
    show (RFC 9051 section 6.3.9.6).
    """
    if "RECURSIVEMATCH" not in command.selection:
        return ()
    fulfilling: dict[str, Iterable[str]] = {}
    if "SUBSCRIBED" in command.selection:
        fulfilling["SUBSCRIBED"] = tree.subscribed
    if "SPECIAL-USE" in command.selection:
        fulfilling["SPECIAL-USE"] = (m.name for m in tree.mailboxes.values() if m.special_use)
    options = []
    for option, names in fulfilling.items():
        below = [each for each in names if is_below(each, name)]
        if not chosen:
            below = [each for each in below if not any(matches(each) for matches in matchers)]
        if below:
            options.append(option)
    return tuple(options)


def _attributes(tree: Tree, name: str, command: List) -> list[str]:
    subscriptions = _asks_subscribed(command)
    attributes = tree.attributes(name, extended=command.extended, subscriptions=subscriptions)
    if command.verb == "XLIST":
        attributes = [_XLIST_WORDS.get(word, word) for word in attributes]
        if name == INBOX:
            attributes.append("\\Inbox")
    return attributes
