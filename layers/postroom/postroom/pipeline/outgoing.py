"""What of a message leaves: entries for the relay, and reports to its sender. Pure.

Forwarding and expanding follow RFC 3461 section 5.2; who is told, section 4.1.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from postroom.directory.addresses import BadAddress, canonical_domain
from postroom.journeys.store import Event, Journey
from postroom.message.xtext import encode_unitext
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.relay.entries import MOST_RECIPIENTS, Entry, Goal
from postroom.relay.forwarding import Forwarding
from postroom.relay.notices.rules import wanted
from postroom.relay.outbound import Dispatch, Unit
from postroom.relay.reports import Action, Report, Told

# Places in journeys: reports on failures, and on success; more of them have numbers ("! 2").
UNDELIVERABLE, DELIVERED = "!", "+"
# Of addresses and sentences in one record, which may have 400 KB with all that comes to it later;
# and forty records fit into one transaction of 4 MB.
_MOST_OCTETS = 64 * 1024
_LONGEST_REASON = 4_000  # characters: a report shows no more of it, and a script may write 64 KiB
_ADDRESS_LITERAL = re.compile(r"\[[^\[\]@]+\]")

_T = TypeVar("_T")


@dataclass(slots=True)
class Leaving:
    """Collected for one message while its recipients are followed."""

    goals: dict[str, Goal] = field(default_factory=dict)  # by address
    via: dict[str, str] = field(default_factory=dict)  # address -> domain of ours that forwards
    told: list[Told] = field(default_factory=list)

    def add(self, address: str, recipient: Recipient, *, expanded: bool, via: str) -> None:
        """*expanded*: the recipient leads to several, and success was told for it already."""
        notify, original = recipient.notify, recipient.original
        if expanded and "SUCCESS" in notify:
            notify = tuple(word for word in notify if word != "SUCCESS") or ("NEVER",)
        if via and not original:
            original = orcpt(recipient.address)
        self.goals.setdefault(address, Goal(address, notify, original))
        if via:
            self.via[address] = via

    def tell(self, action: Action, recipient: Recipient, status: str, reason: str, at: int) -> None:
        """Note what happened to a recipient: a failure always, success where it was asked for.

        A failure for a second reason, in another place that it led to, is the same failure.
        """
        reason = reason[:_LONGEST_REASON]
        for place, told in enumerate(self.told) if action == "failed" else ():
            if told.action == action and told.address == recipient.address:
                reasons = dict.fromkeys((*told.reason.split("\n"), *reason.split("\n")))
                both = "\n".join(reasons)[:_LONGEST_REASON]
                self.told[place] = msgspec.structs.replace(told, reason=both)
                return
        if action == "failed" or wanted(recipient.notify, action):
            self.told.append(
                Told(recipient.address, action, status, reason, at, recipient.original)
            )

    def take_back(self, addresses: Collection[str]) -> None:
        """Their mail is in no mailbox after all."""
        self.told = [
            told
            for told in self.told
            if told.action != "delivered" or told.address not in addresses
        ]


def dispatch(
    accepted: Accepted, leaving: Leaving, prefix: bytes, forwarding: Forwarding, origin: Event
) -> Dispatch:
    """All that is to wait for this message, each with its marker."""
    made = Dispatch(accepted.queue_id)
    # Failures first: when there are too many units for one transaction, what is written of them
    # tells a later run who has been given up (`pipeline.relaying`).
    for place, actions in ((UNDELIVERABLE, ("failed",)), (DELIVERED, ("delivered", "expanded"))):
        told = [what for what in leaving.told if what.action in actions]
        for number, some in enumerate(_shares(told, len(told), _size_of_told), 1):
            made.units.append(_report_unit(accepted, _numbered(place, number), some, origin))
    for name, goals in _by_domain(leaving).items():
        entry = _entry(accepted, name, goals, leaving, prefix, forwarding)
        queued = Event(origin.at, "queued", f"for {entry.domain}")
        entry = entry.with_events([origin, queued])
        made.units.append(Unit(_journey(accepted, entry.place, goals, entry.events), entry))
    return made


def _by_domain(leaving: Leaving) -> dict[str, list[Goal]]:
    """Goals by name of their entry: domain, and whether they are forwarded; split when many."""
    groups: dict[tuple[str, str], list[Goal]] = {}
    for address, goal in leaving.goals.items():
        groups.setdefault((_domain(address), leaving.via.get(address, "")), []).append(goal)
    named = {}
    for (domain, via), goals in groups.items():
        name = f"{domain} from {via}" if via else domain
        for number, some in enumerate(_shares(goals, MOST_RECIPIENTS, _size_of_goal), 1):
            named[_numbered(name, number)] = some
    return named


def _numbered(name: str, number: int) -> str:
    return f"{name} {number}" if number > 1 else name


def _shares(every: Sequence[_T], most: int, size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """In parts that fit into one record each, in their order."""
    share: list[_T] = []
    octets = 0
    for one in every:
        if share and (len(share) == most or octets + size(one) > _MOST_OCTETS):
            yield share
            share, octets = [], 0
        share.append(one)
        octets += size(one)
    if share:
        yield share


def _size_of_goal(goal: Goal) -> int:
    return len(goal.address.encode()) + len(goal.original.encode())


def _size_of_told(told: Told) -> int:
    texts = (told.address, told.address, told.original, told.reason, told.reason)  # event, report
    return sum(len(text.encode()) for text in texts)


def _entry(
    accepted: Accepted,
    name: str,
    goals: Sequence[Goal],
    leaving: Leaving,
    prefix: bytes,
    forwarding: Forwarding,
) -> Entry:
    via = leaving.via.get(goals[0].address, "")
    reverse_path = accepted.reverse_path
    if via and not accepted.account:
        reverse_path = forwarding.rewritten(reverse_path, via)
    return Entry(
        queue_id=accepted.queue_id,
        name=name,
        domain=_domain(goals[0].address),
        blob=accepted.blob,
        size=accepted.size,
        received=accepted.begun,
        reverse_path=reverse_path,
        goals=tuple(goals),
        sender=accepted.reverse_path,
        sender_domain=_domain(reverse_path) if reverse_path else via,
        account=accepted.account,
        message_id=accepted.message_id,
        ret=accepted.ret,
        envid=accepted.envid,
        smtputf8=accepted.smtputf8,
        requiretls=accepted.requiretls,
        tls_optional=accepted.tls_optional,
        deliver_by=accepted.deliver_by,
        by_mode=accepted.by_mode,
        prefix=b"" if via and not accepted.account else prefix,
    )


def _report_unit(accepted: Accepted, place: str, told: Sequence[Told], origin: Event) -> Unit:
    notify = {recipient.address: recipient.notify for recipient in accepted.recipients}
    wants = tuple(what for what in told if wanted(notify.get(what.address, ()), what.action))
    events = [(origin.at, origin.step, origin.detail)]
    for what in told:
        step = "bounced" if what.action == "failed" else what.action
        events.append((what.at, step, f"{what.address}: {what.reason}"[:500]))
    report = None
    if wants and accepted.reverse_path:
        report = Report(
            accepted.queue_id,
            place.replace(UNDELIVERABLE, "undeliverable").replace(DELIVERED, "delivered"),
            accepted.blob,
            accepted.size,
            accepted.received,
            accepted.reverse_path,
            wants,
            accepted.ret,
            accepted.envid,
            accepted.smtputf8,
            accepted.message_id,
            accepted.account,
            accepted.requiretls,
            accepted.deliver_by,
        )
    journey = _journey(accepted, place, [Goal(what.address) for what in told], tuple(events))
    return Unit(journey, report=report)


def _journey(
    accepted: Accepted,
    place: str,
    goals: Sequence[Goal],
    events: tuple[tuple[int, str, str], ...],
) -> Journey:
    return Journey(
        accepted.queue_id,
        place,
        accepted.message_id[:200],
        accepted.reverse_path,
        tuple(goal.address for goal in goals[:20]),
        tuple(Event(*event) for event in events),
    )


def _domain(address: str) -> str:
    """In lower case and A-labels where it has them; an address literal as it is."""
    domain = address.rpartition("@")[2]
    if _ADDRESS_LITERAL.fullmatch(domain):
        return domain.lower()
    try:
        return canonical_domain(domain)
    except BadAddress:
        return domain.lower()


def orcpt(address: str) -> str:
    """ORCPT for an address that we forward (RFC 3461 section 5.2.7, RFC 6533 section 3)."""
    if not address.isascii():
        return f"utf-8;{encode_unitext(address)}"
    return "rfc822;" + re.sub(r"[^!-*,-<>-~]", lambda found: f"+{ord(found[0]):02X}", address)
