"""Every name that LIST may show, and what it says of it (RFC 9051 section 7.3.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.imap.places import Place
from postroom.mailboxes.names import above, reading_order


@dataclass(slots=True)
class Tree:
    """Mailboxes, subscribed names, and what lies above them."""

    mailboxes: dict[str, Place]
    subscribed: set[str]
    parents: set[str]  # names with a mailbox below them

    @classmethod
    def of(cls, places: Iterable[Place], subscribed: set[str]) -> "Tree":
        by_name = {each.name: each for each in places}
        return cls(by_name, subscribed, {name for each in by_name for name in above(each)})

    def names(self) -> list[str]:
        names = {*self.mailboxes, *self.subscribed, *self.parents}
        names.update(name for each in self.subscribed for name in above(each))
        return sorted(names, key=reading_order)

    def exists(self, name: str) -> bool:
        return name in self.mailboxes or name in self.parents

    def attributes(self, name: str, *, extended: bool, subscriptions: bool) -> list[str]:
        """*extended*: the client knows LIST-EXTENDED. *subscriptions*: it asked for them."""
        attributes = []
        place = self.mailboxes.get(name)
        if place is None:
            attributes.append("\\NonExistent" if extended else "\\Noselect")
        if subscriptions and name in self.subscribed:
            attributes.append("\\Subscribed")
        if name in self.parents:
            attributes.append("\\HasChildren")
        elif self.exists(name):
            attributes.append("\\HasNoChildren")
        if place is not None and place.special_use:
            attributes.append(place.special_use)
        return attributes
