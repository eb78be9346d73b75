"""Threading by REFERENCES: the algorithm of RFC 5256 section 3, step by step.

Nothing here recurses, since a thread may be as deep as the mailbox is large, and hostile mail
can neither make it slow nor large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.imap.threads import Node
from postroom.message.lineage import normal_id

# References to messages that are not there, of one command. Beyond these they are passed over, as
# those are that a mail program has cut off.
MOST_DUMMIES = 200_000
# Steps up the threads, of one command, to see whether a link would close a loop. A link that
# would take more is not made.
MOST_STEPS = 10_000_000


@dataclass(slots=True, eq=False)
class _Link:
    """A message or dummy on its way into a thread."""

    node: Node
    parent: "_Link | None" = None
    is_parent: bool = False  # or has been one


class References:
    """Takes messages in the order of the mailbox, one at a time (step 1)."""

    def __init__(self) -> None:
        self._links: list[_Link] = []
        self._by_id: dict[str, _Link] = {}
        self._dummies = 0
        self._steps = 0

    def add(
        self, node: Node, message_id: str, references: Sequence[str], in_reply_to: Sequence[str]
    ) -> None:
        """Identifiers have their angle brackets; "" is a message without one."""
        link = self._own_link(node, normal_id(message_id))
        previous: _Link | None = None
        # (A) A chain of what it refers to, the oldest first.
        for reference in dict.fromkeys(references or in_reply_to[:1]):
            each = self._referred(normal_id(reference))
            if each is None:
                continue
            if previous is not None and each.parent is None:
                self._link(previous, each)
            previous = each
        # (B) Its own parent is the last one, whatever others said of it.
        link.parent = None
        if previous is not None:
            self._link(previous, link)

    def _own_link(self, node: Node, message_id: str) -> _Link:
        known = self._by_id.get(message_id)
        if known is not None and not known.node.number:
            known.node = node  # others have referred to it already
            self._dummies -= 1
            return known
        link = _Link(node)
        self._links.append(link)
        if message_id and known is None:  # the first message has the identifier, no other
            self._by_id[message_id] = link
        return link

    def _referred(self, message_id: str) -> _Link | None:
        link = self._by_id.get(message_id)
        if link is None and self._dummies < MOST_DUMMIES:
            link = self._by_id[message_id] = _Link(Node(0))
            self._links.append(link)
            self._dummies += 1
        return link

    def _link(self, parent: _Link, child: _Link) -> None:
        """Link them, unless that makes a loop. The child has no parent."""
        above: _Link | None = parent
        if not child.is_parent:  # then it has nothing below it
            above = None if parent is not child else child
        while above is not None and above is not child and self._steps < MOST_STEPS:
            above = above.parent
            self._steps += 1
        if above is None:
            child.parent = parent
            parent.is_parent = True

    # When all are there.

    def threads(self) -> list[Node]:
        """The threads, in order. May be called once."""
        roots = self._gather()
        _sort(roots)
        roots = _merge(roots)
        return _sort_all(roots)

    def _gather(self) -> list[Node]:
        """Steps 2 and 3: the tree without dummies, but for those at the top that keep several
        messages together."""
        roots: dict[int, Node] = {}  # by id()
        tops: dict[int, _Link] = {}  # of a dummy: the message or the last dummy above it
        for link in self._links:
            if not link.node.number:
                continue
            above = _top(link.parent, tops) if link.parent is not None else None
            if above is None:
                roots[id(link.node)] = link.node
                continue
            above.node.children.append(link.node)
            if not above.node.number:
                roots[id(above.node)] = above.node
        return [
            root if root.number or len(root.children) > 1 else root.children[0]
            for root in roots.values()
        ]


def _top(link: _Link, tops: dict[int, _Link]) -> _Link:
    """The nearest message, from here upwards, or else the topmost dummy."""
    passed = []
    while not link.node.number:
        known = tops.get(id(link))
        if known is not None:
            link = known
            break
        passed.append(link)
        if link.parent is None:
            break
        link = link.parent
    for each in passed:
        tops[id(each)] = link
    return link


def _sort(roots: list[Node]) -> None:
    """Step 4."""
    for root in roots:
        if not root.number:
            root.children.sort(key=lambda node: node.moment)
    roots.sort(key=lambda node: node.moment)


def _merge(roots: list[Node]) -> list[Node]:
    """Step 5: threads of one subject become one. Returns what is at the top then, unsorted."""
    table: dict[str, Node] = {}
    for root in roots:
        subject = root.first.subject
        there = table.get(subject)
        if subject and (there is None or (there.number and _is_better(root, there))):
            table[subject] = root
    moved: set[Node] = set()
    dummies = []
    for root in roots:
        subject = root.first.subject
        there = table.get(subject)
        if there is None or there is root or root in moved:
            continue
        moved.add(root)
        if not there.number:
            there.children += [root] if root.number else root.children
        elif root.is_reply and not there.is_reply:
            there.children.append(root)
        else:
            # Neither answers the other: a dummy holds them together.
            moved.add(there)
            table[subject] = dummy = Node(0, children=[there, root])
            dummies.append(dummy)
    return [root for root in roots if root not in moved] + dummies


def _is_better(root: Node, there: Node) -> bool:
    """(B)(iv): shall it stand for the subject, and not the message that does?"""
    return not root.number or (there.is_reply and not root.is_reply)


def _sort_all(roots: list[Node]) -> list[Node]:
    """Step 6. The order within one set of siblings does not depend on the others', but for
    dummies, and those are at the top: their children come first."""
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        node.children.sort(key=lambda each: each.moment)
        waiting += node.children
    roots.sort(key=lambda node: node.moment)
    return roots
