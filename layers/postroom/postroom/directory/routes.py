"""Follow a recipient through aliases, details, domain aliases and catch-alls to accounts.

Pure, as `directory.lookup` is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from postroom.directory.addresses import Address, BadAddress, canonical, outside
from postroom.directory.filing import domain_key, open_targets, spelling
from postroom.directory.lookup import Entry, Known, Missing, find
from postroom.directory.records import Route, Target
from postroom.platform.table import Key

DEEPEST = 10  # aliases one behind the other
MOST_TARGETS = 1_000  # accounts and outside addresses behind one recipient; more is a list
MOST_ALIASES = 1_000  # behind one recipient, wherever they lead


def routes(recipients: Sequence[str], known: Known, now: float) -> list[Route]:
    """The route of each recipient at *now* (seconds since 1970), or Missing with all that the
    next level of aliases needs."""
    walks = [_Walk(known, now) for _ in recipients]
    for walk, recipient in zip(walks, recipients, strict=True):
        walk.visit(recipient, ())
    missing = set().union(*(walk.missing for walk in walks)) if walks else set()
    if missing:
        raise Missing(missing)
    return [walk.route for walk in walks]


@dataclass(slots=True)
class _Walk:
    """One recipient's way through the aliases. ``missing`` lets a whole level be read at once."""

    known: Known
    now: float
    targets: dict[str, Target] = field(default_factory=dict)
    elsewhere: dict[str, None] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)
    answering: dict[str, None] = field(default_factory=dict)
    depths: dict[Address, int] = field(default_factory=dict)  # aliases that were followed
    missing: set[Key] = field(default_factory=set)

    @property
    def route(self) -> Route:
        return Route(
            tuple(self.targets.values()),
            tuple(self.elsewhere),
            tuple(self.reasons),
            tuple(self.answering),
        )

    def visit(self, text: str, above: tuple[Address, ...], detail: str = "") -> None:
        """*detail* is that with which the alias above was found."""
        if len(self.targets) + len(self.elsewhere) >= MOST_TARGETS:
            return self._leads_nowhere(text, f"more than {MOST_TARGETS} targets")
        try:
            domain, entry = find(text, self.known)
        except BadAddress as error:
            return self._leads_nowhere(text, str(error))
        except Missing as missing:
            self.missing |= missing.keys
            return None
        if domain is None:
            self.elsewhere[outside(text)] = None
            return None
        if entry is None:
            return self._leads_nowhere(text, "no such address here")
        targets = open_targets(entry.record, self.now)
        if not targets:
            return self._arrive(text, entry, entry.detail)
        # An alias that names itself means the account of the same address: forward and keep.
        if above and above[-1] == entry.address:
            return self._arrive(text, entry, entry.detail or detail)
        if entry.address in above:
            return self._leads_nowhere(text, "its aliases form a loop")
        if len(above) >= DEEPEST:
            return self._leads_nowhere(text, f"more than {DEEPEST} aliases one behind the other")
        if self.depths.get(entry.address, DEEPEST) <= len(above):
            return None  # all that it leads to is there, or its reasons are
        if len(self.depths) >= MOST_ALIASES:
            return self._leads_nowhere(text, f"more than {MOST_ALIASES} aliases")
        self.depths[entry.address] = len(above)
        self._note_answer(entry)
        for target in targets:
            self.visit(target, (*above, entry.address), entry.detail)
        return None

    def _arrive(self, text: str, entry: Entry, detail: str) -> None:
        body = entry.record.body
        account = str(body["account"])
        if not account:
            closed = not open_targets(entry.record, self.now)
            reason = "it is disabled or expired" if closed else "its aliases form a loop"
            return self._leads_nowhere(text, reason)
        if not body["enabled"]:
            return self._leads_nowhere(text, "the account is disabled")
        address = spelling(entry.record)
        domain = domain_key(canonical(address).domain)
        if domain not in self.known:  # that of a catch-all elsewhere
            self.missing.add(domain)
            return None
        found = self.known[domain]
        self._note_answer(entry)
        self.targets.setdefault(
            account,
            Target(
                account,
                address,
                detail,
                str(body.get("scripts", "")),
                "" if found is None else str(found.body.get("scripts", "")),
                "" if found is None else str(found.body["separator"]),
            ),
        )
        return None

    def _note_answer(self, entry: Entry) -> None:
        if entry.record.body.get("answers"):
            self.answering[spelling(entry.record)] = None

    def _leads_nowhere(self, text: str, reason: str) -> None:
        self.reasons[f"{text}: {reason}"] = None
