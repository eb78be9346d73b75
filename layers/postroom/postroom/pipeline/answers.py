"""What the `autorespond` function does: give answers and notifications.

Fed by the Answers queue (`autoreply.answers`). Every letter may come again, after a crash at any
step: the claim of the one answer in an interval names its message, so that a repeat finds its own;
the queue id of what is sent follows from the message, so that it is sent once. A message that
comes with the null reverse-path, as answers do, is never answered: two Postrooms cannot loop.
"""

from collections.abc import Mapping, Sequence

from postroom.autoreply.answered import Answered, Claim
from postroom.autoreply.answers import AddressAnswer, Answer, Notification, VacationAnswer
from postroom.autoreply.composing import message, vacation
from postroom.autoreply.correspondents import correspondent, spelled, without_detail
from postroom.autoreply.notification import compose
from postroom.autoreply.original import Original
from postroom.autoreply.replies import reply_of, write
from postroom.autoreply.templates import BadTemplate
from postroom.autoreply.tickets import message_id_of, ticket_of
from postroom.journeys.store import Event
from postroom.message.headers import end_of_header
from postroom.pipeline.answering import tell
from postroom.pipeline.copies import file_copy
from postroom.pipeline.posting import post, posted_id
from postroom.pipeline.work import Rooms
from postroom.sieve.commands.mailto import BadMailto
from postroom.sieve.commands.outbound import parse_mailbox_list

_NEVER = ("NEVER",)  # RFC 5230 section 5.1
_FAILURE = ("FAILURE",)


def process(app: Rooms, batch: Sequence[Answer]) -> Mapping[int, Exception]:
    """Give the answers. Returns the positions that failed, and why."""
    failed: dict[int, Exception] = {}
    for number, asked in enumerate(batch):
        try:
            match asked:
                case VacationAnswer():
                    _vacation(app, asked)
                case AddressAnswer():
                    _address(app, asked)
                case Notification():
                    _notification(app, asked)
        # Strangers wrote what is repeated here: it must not bring back the nine others as well.
        except Exception as error:
            failed[number] = error
    return failed


def _vacation(app: Rooms, asked: VacationAnswer) -> None:
    action, original = asked.action, asked.original
    claim = _claim(app, asked.account, action.handle, original, action.seconds)
    if claim is Claim.TAKEN:
        return _tell(
            app, original, asked.account, asked.recipients, _taken(asked.address, original)
        )
    sender = _sender(app, asked, action.from_address)
    message_id, text = vacation(action, original, sender=sender, hostname=app.hostname)
    name = f"answer {original.queue_id} {asked.account}"
    queue_id = _send(app, name, claim, original, message_id, text)
    if action.fcc is not None:
        file_copy(app, asked.account, action.fcc, text, queue_id, message_id)
    what = ("answered", f"{asked.address} to {original.reverse_path} as {queue_id}")
    return _tell(app, original, asked.account, asked.recipients, what)


def _address(app: Rooms, asked: AddressAnswer) -> None:
    original, address = asked.original, asked.address
    reply = reply_of(app.table, address)
    if reply is None:
        what = ("not answered", f"{address}: it answers no more")
        return _tell(app, original, address, (address,), what)
    claim = _claim(app, address, "", original, reply.interval)
    if claim is Claim.TAKEN:
        return _tell(app, original, address, (address,), _taken(address, original))
    ticket = asked.ticket or ticket_of(address, original.message_id or original.queue_id)
    try:
        subject, entity = write(reply, original, address, ticket)
    except BadTemplate as error:
        return _tell(app, original, address, (address,), ("not answered", f"{address}: {error}"))
    message_id = message_id_of(address, ticket, original.queue_id, app.hostname)
    text = message(original, address, subject, message_id, entity)
    name = f"answer {original.queue_id} {address}"
    queue_id = _send(app, name, claim, original, message_id, text)
    what = ("answered", f"{address} to {original.reverse_path} as {queue_id}, ticket {ticket}")
    return _tell(app, original, address, (address,), what)


def _notification(app: Rooms, asked: Notification) -> None:
    action, original = asked.action, asked.original
    sender = _sender(app, asked, action.from_address)
    try:
        notice = compose(asked, sender=sender, hostname=app.hostname)
    except BadMailto:  # the engine lets none of these through
        notice = None
    if notice is None:
        return
    name = f"notice {original.queue_id} {asked.account} {action.method}"
    queue_id = post(
        app,
        name,
        notice.text,
        notice.sender,
        notice.recipients,
        original.received / 1000,
        message_id=notice.message_id,
        notify=_FAILURE if notice.sender else _NEVER,
        smtputf8=_is_utf8(notice.text),
    )
    if action.fcc is not None:
        file_copy(app, asked.account, action.fcc, notice.text, queue_id, notice.message_id)


def _claim(app: Rooms, owner: str, handle: str, original: Original, seconds: int) -> Claim:
    answered = Answered(app.table, app.clock)
    # Whoever forges senders has no new correspondent, and one more answer, with each detail.
    name = without_detail(correspondent(original.reverse_path))
    return answered.claim(owner, handle, name, original.queue_id, seconds)


def _sender(app: Rooms, asked: VacationAnswer | Notification, wanted: str) -> str:
    """What stands in From: *wanted* if the account may send as that, else the address that the
    message came to if it is the account's alone, else its own (RFC 5230 sections 4.3 and 5.4).

    Whoever wrote to a masked address must not learn the other; who wrote to a team's, where one of
    the team is, must.
    """
    addresses = parse_mailbox_list(wanted) if wanted else None
    may_send_as = app.directory.may_send_as
    if addresses and all(may_send_as(asked.account, address) for address in addresses):
        return wanted
    reached = asked.recipients[0] if asked.recipients else asked.address
    if spelled(reached) != spelled(asked.address):
        owner = app.directory.account(reached)
        if owner is not None and owner.id == asked.account:
            return reached
    return asked.address


def _send(
    app: Rooms, name: str, claim: Claim, original: Original, message_id: str, text: bytes
) -> str:
    """Post an answer, once; return its queue id."""
    at = original.received / 1000
    if claim is Claim.AGAIN:
        queue_id = posted_id(name, at, message_id)
        # What is stored, or gone already, must not be written again: a template may have changed.
        if app.journeys.trace(queue_id):
            return queue_id
    return post(
        app,
        name,
        text,
        "",  # RFC 3834 section 3.3
        (original.reverse_path,),
        at,
        message_id=message_id,
        notify=_NEVER,
        smtputf8=_is_utf8(text),
    )


def _is_utf8(text: bytes) -> bool:
    return not text[: end_of_header(text)].isascii()


def _taken(who: str, original: Original) -> tuple[str, str]:
    return "not answered", f"{who}: {original.reverse_path} has had an answer already"


def _tell(
    app: Rooms, original: Original, owner: str, recipients: Sequence[str], what: tuple[str, str]
) -> None:
    tell(app, original, owner, recipients, Event(int(app.clock.seconds() * 1000), *what))
