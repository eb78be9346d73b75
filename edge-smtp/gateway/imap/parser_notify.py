"""The arguments of NOTIFY (RFC 5465 section 8)."""

from typing import cast

from gateway.imap.commands import Command, FetchItem
from gateway.imap.commands_notify import EVENTS, MESSAGE_EVENTS, Event, EventGroup, Notify
from gateway.imap.filter_mailboxes import FilterKind, FilterMailboxes
from gateway.imap.parser_fetch import fetch_list
from gateway.imap.parser_search import mailbox_names
from gateway.imap.tokens import Scanner
from postroom.errors import BadSyntax

_SPELLED = {event.upper(): event for event in EVENTS}
_OF_SELECTED = ("selected", "selected-delayed")
_OF_OTHERS = ("inboxes", "personal", "subscribed")
_OF_NAMES = ("subtree", "mailboxes")
_RFC = "RFC 5465 section 8"


def notify(s: Scanner, tag: bytes) -> Command:
    s.space()
    word = s.keyword()
    if word == "NONE":
        return Notify(tag, ())
    if word != "SET":
        raise BadSyntax("notify", word.encode(), _RFC)
    s.space()
    status = not s.next_is(b"(")
    if status:
        if s.keyword() != "STATUS":
            raise s.bad("status-indicator", _RFC)
        s.space()
    groups = [_group(s)]
    while s.skip(b" ") and s.next_is(b"("):
        groups.append(_group(s))
    if sum(group.mailboxes.kind in _OF_SELECTED for group in groups) > 1:
        raise BadSyntax("event-groups", b"the selected mailbox twice", "RFC 5465 section 6.1")
    return Notify(tag, tuple(groups), status)


def _group(s: Scanner) -> EventGroup:
    s.expect(b"(", "event-group")
    kind = s.keyword().lower()
    names: frozenset[str] = frozenset()
    if kind in _OF_NAMES:
        s.space()
        names = mailbox_names(s)
    elif kind not in _OF_SELECTED + _OF_OTHERS:
        raise BadSyntax("filter-mailboxes", kind.encode(), _RFC)
    s.space()
    group = _events(s, FilterMailboxes(cast(FilterKind, kind), names))
    s.expect(b")", "event-group")
    return group


def _events(s: Scanner, mailboxes: FilterMailboxes) -> EventGroup:
    if not s.next_is(b"("):
        if s.keyword() != "NONE":
            raise s.bad("events", _RFC)
        return EventGroup(mailboxes, frozenset())
    selected = mailboxes.kind in _OF_SELECTED
    unsupported: list[str] = []
    fetch: tuple[FetchItem, ...] = ()

    def event() -> Event | None:
        nonlocal fetch
        word = s.atom().decode("ascii")
        known = _SPELLED.get(word.upper())
        if known is None:
            unsupported.append(word)
        elif known == "MessageNew" and selected and s.text[s.at : s.at + 2] == b" (":
            s.space()
            fetch = fetch_list(s)
        elif selected and known not in MESSAGE_EVENTS:
            raise BadSyntax("message-event", word.encode(), "RFC 5465 section 6.1")
        return known

    events = frozenset(known for known in s.some(event, "events") if known is not None)
    # AnnotationChange, which we do not have, must not come alone either; the answer is a NO anyway.
    messages = events & MESSAGE_EVENTS
    if messages and not messages >= {"MessageNew", "MessageExpunge"}:
        raise BadSyntax(
            "events", " ".join(sorted(messages)).encode(), "without the others, RFC 5465 section 5"
        )
    return EventGroup(mailboxes, events, fetch, tuple(unsupported))
