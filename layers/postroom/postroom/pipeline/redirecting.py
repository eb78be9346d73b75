"""A redirect is a letter of its own: with the text as the script left it, into the same queue.

So it is routed like any other, to accounts here with their own scripts or to other servers, and
its loops are found by the Delivered-To that each redirect leaves in front (as Postfix does).
Whom it is from was checked when it was submitted: what a script has edited since is no user's word
any more, and goes on as mail from elsewhere does, without our signature.
"""

import hashlib

import msgspec

from postroom.directory.records import Target
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.journeys.store import Event
from postroom.message.addresses import parse_addresses
from postroom.message.headers import end_of_header, pairs, unfold
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.outgoing import orcpt
from postroom.pipeline.routing import domain_of
from postroom.pipeline.work import Rooms, Work
from postroom.platform.blobs import BlobKey
from postroom.sieve.actions import Redirect

_MOST_HOPS = 6  # so that accounts that redirect to five others each end somewhere


def goes_round(text: bytes, target: Target) -> bool:
    """Whether the account has redirected this message before, or too many others have."""
    own = target.address.encode()
    header = text[: end_of_header(text)]
    hops = [value.strip().lower() for name, value in pairs(header) if name == b"delivered-to"]
    return own in hops or len(hops) >= _MOST_HOPS


def forged(app: Rooms, work: Work, target: Target, edited: bytes | None) -> str:
    """An author whom the script, not the sender, names, and as whom the account may not send.

    "" for none, and for all in domains that are not ours: what leaves here speaks for ours alone.
    """
    if edited is None:
        return ""
    directory = app.directory
    for author in sorted(_authors(edited) - _authors(work.text)):
        ours = directory.domain(domain_of(author)) is not None
        if ours and not directory.may_send_as(target.account, author):
            return author
    return ""


def _authors(text: bytes) -> set[str]:
    return {
        address.spec
        for name, value in pairs(text[: end_of_header(text)])
        if name == b"from"
        for address in parse_addresses(unfold(value))
        if address.host
    }


def redirect(app: Rooms, work: Work, target: Target, action: Redirect, number: int = 0) -> Event:
    """Send it on, as another message in the queue. A repeat sends the same one.

    *number* tells texts apart that a script sends to one address, where it edits in between.
    """
    accepted = work.accepted
    text = b"Delivered-To: %s\r\n" % target.address.encode() + (action.message or work.text)
    name = f"{target.account} {action.address}" + (f" {number}" if number else "")
    queue_id = _derived(accepted, name.encode())
    app.blobs.put(BlobKey(queue_id), text)
    came_to = recipient_of(work, target)
    letter = msgspec.structs.replace(
        accepted,
        queue_id=queue_id,
        blob=BlobKey(queue_id),
        size=len(text),
        recipients=(
            Recipient(
                action.address,
                action.notify or _without_success(came_to.notify),
                came_to.original or orcpt(came_to.address),
            ),
        ),
        ret=action.ret or accepted.ret,
        account=accepted.account if action.message is None else "",
        ours=accepted.ours and action.message is None,
        hold_until=0,
        deliver_by=accepted.deliver_by if action.by is None else action.by * 1000,
        by_mode=accepted.by_mode if action.by is None else action.by_mode,
        via=domain_of(target.address),
    )
    app.queue("inbound").send(letter.to_json())
    now = int(app.clock.seconds() * 1000)
    return Event(now, "redirected", f"{target.address}: to {action.address} as {queue_id}")


def recipient_of(work: Work, target: Target) -> Recipient:
    """The first of the forward-paths that led to the account."""
    first = work.recipients[target.account][0]
    return next(each for each in work.accepted.recipients if each.address == first)


def _without_success(notify: tuple[str, ...]) -> tuple[str, ...]:
    """Success has been told for the delivery to us."""
    return tuple(word for word in notify if word != "SUCCESS") or (notify and ("NEVER",))


def text_key(work: Work, text: bytes) -> BlobKey:
    """Where a text that a script has edited lies: the same one for a repeat."""
    return BlobKey(_derived(work.accepted, text))


def _derived(accepted: Accepted, what: bytes) -> str:
    """A queue id that follows from the message's own and from *what*."""
    named = accepted.queue_id.encode() + b" " + what
    octets = hashlib.blake2b(named, digest_size=RANDOM_OCTETS).digest()
    return new_queue_id(accepted.received / 1000, octets, accepted.message_id)
