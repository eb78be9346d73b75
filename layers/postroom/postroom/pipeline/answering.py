"""What asks for answers: a message that scripts, or the address it came to, want to answer.

What forbids an answer is found here, where the text is; the `autorespond` function gives them
(`pipeline.answers`). Letters are the same for a repeat, and asking twice does no harm.
"""

from collections.abc import Sequence

from postroom.autoreply.answers import AddressAnswer, Answer, Notification, VacationAnswer, to_json
from postroom.autoreply.original import Header, Original, header_of, original_of
from postroom.autoreply.silence import by_submission, why_silent
from postroom.autoreply.tickets import known_ticket
from postroom.directory.records import Target
from postroom.errors import TooLarge
from postroom.journeys.store import Event, Journey
from postroom.pipeline.work import Rooms, Work
from postroom.sieve.actions import Notify, Vacation


def answer(app: Rooms, work: Work, target: Target, action: Vacation) -> Event | None:
    """Ask for the answer of an account's script. Returns why there is none, if there is none."""
    header = header_of(work.text)
    recipients = tuple(work.recipients[target.account])
    own = (target.address, *recipients, *action.addresses)
    silent = why_silent(header, work.accepted.reverse_path, own)
    original = _original(work, header)
    asked = VacationAnswer(original, target.account, target.address, recipients[:20], action)
    return _ask(app, asked, target.address, silent)


def answer_for_address(
    app: Rooms, work: Work, address: str, recipients: Sequence[str]
) -> Event | None:
    """Ask for the answer of an address. *address*: as in `Route.answering`; *recipients*: the
    forward-paths that led there. Why there is none gets a journey of its own."""
    header = header_of(work.text)
    silent = why_silent(header, work.accepted.reverse_path, (address, *recipients))
    original = _original(work, header)
    ticket = known_ticket(address, header, original.subject)
    event = _ask(app, AddressAnswer(original, address, ticket), address, silent)
    if event is not None:
        tell(app, original, address, recipients, event)
    return event


def notify(app: Rooms, work: Work, target: Target, action: Notify) -> Event | None:
    """Ask for the notification of an account's script. Returns why there is none."""
    header = header_of(work.text)
    recipients = tuple(work.recipients[target.account][:20])
    asked = Notification(
        _original(work, header), target.account, target.address, recipients, action
    )
    return _ask(app, asked, target.address, by_submission(header), "notified")


def _original(work: Work, header: Header) -> Original:
    accepted = work.accepted
    return original_of(
        header,
        queue_id=accepted.queue_id,
        received=accepted.begun,
        reverse_path=accepted.reverse_path,
    )


def _ask(app: Rooms, asked: Answer, who: str, silent: str, what: str = "answered") -> Event | None:
    if not silent:
        try:
            app.queue("answers").send(to_json(asked))
            return None
        except TooLarge as error:
            silent = str(error)
    return Event(int(app.clock.seconds() * 1000), f"not {what}", f"{who}: {silent}")


def tell(
    app: Rooms, original: Original, owner: str, recipients: Sequence[str], event: Event
) -> None:
    """For `postroom trace`: beside the journey of the delivery, at a place of its own."""
    journey = Journey(
        original.queue_id,
        f"{owner} answer",
        original.message_id,
        original.reverse_path,
        tuple(recipients[:20]),
        (event,),
    )
    app.table.put_many([app.journeys.grown(journey)])
