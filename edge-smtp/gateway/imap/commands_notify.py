"""NOTIFY, as a value (RFC 5465)."""

from dataclasses import dataclass
from typing import Literal, get_args

from gateway.imap.commands import Command, FetchItem
from gateway.imap.filter_mailboxes import FilterMailboxes

MessageEvent = Literal["MessageNew", "MessageExpunge", "FlagChange"]
Event = Literal[
    MessageEvent,
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
]
MESSAGE_EVENTS: frozenset[Event] = frozenset(get_args(MessageEvent))
EVENTS: tuple[Event, ...] = get_args(Event)


@dataclass(frozen=True, slots=True)
class EventGroup:
    """``fetch``: what is to be told of each new message of the selected mailbox. ``unsupported``:
    events that we do not have, as the client spelled them."""

    mailboxes: FilterMailboxes
    events: frozenset[Event]
    fetch: tuple[FetchItem, ...] = ()
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify(Command):
    """``groups``: none for NOTIFY NONE. ``status``: the client wants STATUS responses first."""

    groups: tuple[EventGroup, ...]
    status: bool = False
