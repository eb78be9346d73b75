"""What an account's scripts decide about a message, carried out as far as it is not a filing.

Scripts are asked again when the queue brings a message again, and may say something else by then:
once the marker of the delivery is there, nothing is sent, filed or rejected that was not before.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from postroom.directory.records import Target
from postroom.journeys.store import Event, Journey
from postroom.mailboxes.errors import BadMailboxName, MailboxExists
from postroom.mailboxes.records import Mailbox
from postroom.message.summary import summarise
from postroom.pipeline.answering import answer, notify
from postroom.pipeline.redirecting import forged, goes_round, recipient_of, redirect, text_key
from postroom.pipeline.routing import domain_of
from postroom.pipeline.script_notices import tell_owner
from postroom.pipeline.surroundings import Surroundings
from postroom.pipeline.work import Fate, Filing, Rooms, Work
from postroom.platform.blobs import BlobKey
from postroom.platform.table import Key, Put
from postroom.sieve.actions import (
    Action,
    Discard,
    FileInto,
    Keep,
    Notify,
    Redirect,
    Reject,
    Remember,
    Vacation,
)
from postroom.sieve.engine import run
from postroom.sieve.errors import ScriptError
from postroom.sieve.letter import Letter
from postroom.sieve.world import Envelope

REJECTED = "5.7.1"  # RFC 5429 section 2.1.1
REJECTION = "rejected"  # step of a journey


def fate_by_scripts(
    app: Rooms, work: Work, target: Target, under_way: Collection[Key] = ()
) -> Fate:
    """Run the scripts of the domain and the account, and do what they want. *under_way*: records
    that messages before it in the batch will leave. Raises UnderWay.

    Whatever is wrong with a script, the message is kept (RFC 5228 section 2.10.6).
    """
    decision = _Decision(app, work, target, Surroundings(app, work, target, under_way))
    try:
        programs = app.scripts.chain(
            target.account, target.scripts, domain_of(target.address), target.domain_scripts
        )
        outcome = run(programs, _letter(work), _envelope(app, work, target), decision.world)
    except ScriptError as error:
        decision.trouble = str(error)
    else:
        if outcome.error is not None:
            decision.trouble = str(outcome.error)
        for action in outcome.actions:
            decision.take(action)
    return decision.fate()


@dataclass(slots=True)
class _Decision:
    app: Rooms
    work: Work
    target: Target
    world: Surroundings
    filings: dict[tuple[str, BlobKey | None], Filing] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    noted: list[Put] = field(default_factory=list)
    sendings: list[Callable[[], Event | None]] = field(default_factory=list)
    redirected: Counter[str] = field(default_factory=Counter)  # times, by address
    rejections: list[Reject] = field(default_factory=list)
    gone: bool = False  # discarded, rejected or redirected: nothing need be kept
    trouble: str = ""  # what the owner must be told

    def take(self, action: Action) -> None:
        match action:
            case Keep():
                self._file(None, action.flags, action.message)
            case FileInto():
                self._file(self._mailbox(action), action.flags, action.message)
            case Redirect():
                self._redirect(action)
            case Discard():
                self._tell("discarded", "by a script")
                self.gone = True
            case Reject():
                self.rejections.append(action)
                self._tell(REJECTION, "by a script")
                self.gone = True
            case Vacation():
                self.sendings.append(partial(answer, self.app, self.work, self.target, action))
            case Notify():
                self.sendings.append(partial(notify, self.app, self.work, self.target, action))
            case Remember():
                # Seen again, the time begins anew only with :last (RFC 7352 section 3.3).
                if action.last or not self.world.seen(action.handle, action.unique_id):
                    self.noted.append(self.world.noted(action))

    def fate(self) -> Fate:
        if not self.filings and not self.gone:
            self._file(None, (), None)
        if self.trouble:
            self._tell("script failed", self.trouble)
            tell_owner(self.app, self.work, self.target, self.trouble)
        before = None
        # A single filing is its own marker.
        if self.sendings or self.rejections or len(self.filings) > 1:
            before = self._before()
            if before is None or any(event.step == REJECTION for event in before.events):
                for rejection in self.rejections:
                    self._reject(rejection)
            if before is None:
                self.events += filter(None, [send() for send in self.sendings])
        return Fate(
            tuple(self.filings.values()),
            tuple(self.events),
            tuple(self.noted),
            done=before is not None,
        )

    def _before(self) -> Journey | None:
        """What an earlier run has done here, when it came to its end."""
        found = self.app.journeys.trace(self.work.accepted.queue_id)
        return next((each for each in found if each.place == self.target.account), None)

    def _file(self, box: Mailbox | None, flags: tuple[str, ...], message: bytes | None) -> None:
        """*box* None: INBOX. The same text twice in one mailbox is one copy."""
        edited, summary = None, None
        if message is not None:
            edited = text_key(self.work, message)
            self.app.blobs.put(edited, message)
            summary = summarise(message)
        mailbox = self.app.mailboxes.inbox(self.target.account) if box is None else box.id
        name = "INBOX" if box is None else box.name
        known = self.filings.get((mailbox, edited))
        every = frozenset(flags) | (known.flags if known else frozenset())
        self.filings[mailbox, edited] = Filing(mailbox, name, every, edited, summary)

    def _mailbox(self, action: FileInto) -> Mailbox | None:
        """Where to file; None for INBOX when there is no such mailbox."""
        world = self.world
        found = (
            (world.with_id(action.mailbox_id) if action.mailbox_id else None)
            or (world.with_use(action.special_use) if action.special_use else None)
            or world.find(action.mailbox)
        )
        if found is None and action.create:
            found = self._create(action)
        if found is None:
            self.trouble = self.trouble or (
                f'there is no mailbox "{action.mailbox}": create it, or let the script do so with '
                'require "mailbox"; and fileinto :create'
            )
        return found

    def _create(self, action: FileInto) -> Mailbox | None:
        mailboxes, account = self.app.mailboxes, self.target.account
        try:
            made = mailboxes.create(account, action.mailbox, action.special_use)
        except MailboxExists:
            made = mailboxes.find(account, action.mailbox)
        except BadMailboxName as error:
            self.trouble = self.trouble or str(error)
            return None
        self.world.mailboxes[made.name] = made
        return made

    def _redirect(self, action: Redirect) -> None:
        if action.list_name:
            self.trouble = f'nothing is redirected to all addresses of "{action.list_name}"'
            self._file(None, (), action.message)
            return
        if goes_round(self.work.text, self.target):
            self._tell("kept", f"it has been redirected to {action.address} before")
            self._file(None, (), action.message)
            return
        author = forged(self.app, self.work, self.target, action.message)
        if author:
            self.trouble = f'nothing is redirected with "{author[:320]}" as its new author'
            self._file(None, (), action.message)
            return
        self.gone = True
        number = self.redirected[action.address]
        self.redirected[action.address] += 1
        self.sendings.append(partial(redirect, self.app, self.work, self.target, action, number))

    def _reject(self, action: Reject) -> None:
        work = self.work
        addresses = set(work.recipients[self.target.account])
        work.leaving.take_back(addresses)
        now = int(self.app.clock.seconds() * 1000)
        for recipient in work.accepted.recipients:
            if recipient.address in addresses:
                work.leaving.tell("failed", recipient, REJECTED, action.reason, now)

    def _tell(self, step: str, detail: str) -> None:
        now = int(self.app.clock.seconds() * 1000)
        self.events.append(Event(now, step, f"{self.target.address}: {detail}"[:500]))


def _envelope(app: Rooms, work: Work, target: Target) -> Envelope:
    accepted, recipient = work.accepted, recipient_of(work, target)
    seconds = int(accepted.deliver_by / 1000 - app.clock.seconds()) if accepted.deliver_by else None
    return Envelope(
        accepted.reverse_path,
        recipient.address,
        recipient.notify,
        recipient.original,
        accepted.ret,
        accepted.envid,
        seconds,
        accepted.by_mode,
        target.separator,
    )


def _letter(work: Work) -> Letter:
    """Read once for all the accounts that it goes to."""
    if work.letter is None:
        work.letter = Letter(work.text)
    return work.letter
