"""Which mailboxes a ``filter-mailboxes`` is about (RFC 5465 section 6, RFC 7377 section 2.2)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from gateway.imap.namespaces import normal_name, split_name
from postroom.mailboxes.names import OTHER_USERS, above, is_below
from postroom.mailboxes.store import BadMailboxName

FilterKind = Literal[
    "selected",
    "selected-delayed",
    "inboxes",
    "personal",
    "subscribed",
    "mailboxes",
    "subtree",
    "subtree-one",
]


@dataclass(frozen=True, slots=True)
class FilterMailboxes:
    """``names``, as we keep them, for mailboxes, subtree and subtree-one."""

    kind: FilterKind
    names: frozenset[str] = frozenset()

    def covers(self, name: str, subscribed: bool) -> bool:
        """What is selected is a matter of the session: no name is covered by that."""
        match self.kind:
            # Any mailbox may be delivered to, so the inboxes are all of them (RFC 5465 section
            # 6.3).
            case "personal" | "inboxes":
                return split_name(name) is None
            case "subscribed":
                return subscribed
            case "mailboxes":
                return name in self.names
            case "subtree":
                return name in self.names or not self.names.isdisjoint(above(name))
            case "subtree-one":
                return name in self.names or next(reversed([*above(name)]), "") in self.names
        return False

    @property
    def may_reach_others(self) -> bool:
        """Can a mailbox of another user be among them?"""
        return self.kind == "subscribed" or any(
            name == OTHER_USERS or is_below(name, OTHER_USERS) for name in self.names
        )


SELECTED = FilterMailboxes("selected")


def kept_names(names: Sequence[str]) -> frozenset[str]:
    """What cannot be the name of a mailbox is passed over, as what is not there."""
    kept = set()
    for name in names:
        with suppress(BadMailboxName):
            kept.add(normal_name(name))
    return frozenset(kept)
