"""When the load is over: everybody's knowledge, a fresh look and the store are the same."""

from collections import Counter
from collections.abc import Iterable, Sequence

from postroom.app import App
from postroom.mailboxes.records import Message
from tests.imap_model.commands import Kind
from tests.imap_model.ledger import TOKEN, Ledger, content, is_kept, must
from tests.imap_model.wire import Lost
from tests.stress_imap.crowd import Guest
from tests.stress_imap.player import STABLE

Truth = dict[int, frozenset[str]]  # UID -> flags


def truth_of(messages: Iterable[Message]) -> Truth:
    return {message.uid: frozenset(message.flags) for message in messages}


def knows(guest: Guest, truth: Truth, when: str) -> None:
    view = guest.here
    must(view.known == sorted(truth), f"{when}: {_difference(set(view.known), set(truth))}")
    wrong = {
        uid: (sorted(view.flags[uid]), sorted(flags))
        for uid, flags in truth.items()
        if view.flags.get(uid) != flags
    }
    must(not wrong, f"{when}: flags by UID, known and true: {wrong}")


def _difference(known: set[int], there: set[int]) -> str:
    return f"knows of {sorted(known - there)}, does not know of {sorted(there - known)}"


async def compare(guests: Sequence[Guest], fresh: Guest, app: App, account: str) -> None:
    """Where each client is, then by coming back to every mailbox that it has kept something of."""
    truths = {
        name: truth_of(app.mailboxes.messages(app.mailboxes.find(account, name).id))
        for name in STABLE
    }
    await fresh.come()
    for name, truth in truths.items():
        await fresh.select(name)
        await fresh.learn_new()
        await fresh.learn_tokens()
        knows(fresh, truth, f"a new client in {name}")
    for guest in guests:
        await _compare_one(guest, truths)


async def _compare_one(guest: Guest, truths: dict[str, Truth]) -> None:
    guest.cut_next = False
    try:
        await _compare_where_it_is(guest, truths)
    except Lost:
        must(guest.may_lose, f"{guest.name}: the connection is gone")
    guest.drop()
    await guest.come()
    for name, truth in truths.items():
        await guest.select(name)
        await guest.learn_new()
        await guest.learn_tokens()
        knows(guest, truth, f"{guest.name} back in {name}")


async def _compare_where_it_is(guest: Guest, truths: dict[str, Truth]) -> None:
    if guest.connected and guest.selected_name in truths:
        name = guest.selected_name
        await guest.do("NOOP")
        await guest.learn_new()
        await guest.learn_tokens()
        knows(guest, truths[name], f"{guest.name} in {name}, after NOOP")


def balance(ledger: Ledger, app: App, account: str) -> str:
    """Nothing that must be kept is lost, nothing is there more often than somebody made it."""
    there: Counter[str] = Counter()
    for mailbox in app.mailboxes.all_of(account):
        messages = list(app.mailboxes.messages(mailbox.id))
        uids = [message.uid for message in messages]
        must(uids == sorted(set(uids)), f"{mailbox.name}: UIDs do not ascend")
        must(not uids or uids[-1] < mailbox.uid_next, f"{mailbox.name}: UIDNEXT is too low")
        must(mailbox.messages == len(uids), f"{mailbox.name}: its count of messages is wrong")
        for message in messages:
            octets = app.blobs.get(message.blob)
            match = TOKEN.search(octets)
            assert match is not None
            token = match[1].decode()
            must(octets.endswith(content(token)), f"the octets of {token} are not its")
            ledger.seen((mailbox.uid_validity, message.uid), token)
            there[token] += 1
    everything = set(there) | set(ledger.copies)
    for token in everything:
        most = ledger.copies[token] + ledger.perhaps_made[token]
        least = ledger.copies[token] - ledger.perhaps_taken[token]
        if is_kept(token):
            must(there[token] >= least, f"{token}: {there[token]} are there of {least}: lost")
        must(there[token] <= most, f"{token}: {there[token]} are there of {most}: doubled")
    kept = sum(is_kept(token) for token in everything)
    return f"{kept} kept messages and {len(everything) - kept} others add up"


FRESH = Kind("fresh")
