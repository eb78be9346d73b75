"""Threads as values, and as a THREAD response shows them (RFC 5256 sections 3 and 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from postroom.message.base_subject import base_subject
from postroom.message.collation import casemap


@dataclass(slots=True, eq=False)
class Node:
    """A message, or with number 0 a dummy: one that others refer to and that is not there."""

    number: int  # as the client asked for it: sequence number or UID
    when: int = 0  # sent, seconds since 1970
    subject: str = ""  # the base subject, as the collation compares it
    is_reply: bool = False  # or a forward
    children: "list[Node]" = field(default_factory=list)

    @property
    def first(self) -> "Node":
        """The message that stands for the thread: a dummy is judged by its first child."""
        return self if self.number else self.children[0]

    @property
    def moment(self) -> tuple[int, int]:
        """What siblings are sorted by: date, then place in the mailbox (section 2.2)."""
        first = self.first
        return first.when, first.number


def message(number: int, when: int, subject: str) -> Node:
    base = base_subject(subject)
    return Node(number, when, casemap(base.text), base.is_reply)


def by_subject(messages: Iterable[Node]) -> list[Node]:
    """ORDEREDSUBJECT: one thread for each base subject, all replies to its first message."""
    threads: dict[str, Node] = {}
    for each in sorted(messages, key=lambda node: node.moment):
        root = threads.setdefault(each.subject, each)
        if root is not each:
            root.children.append(each)
    return list(threads.values())  # in the order of their first messages


def response(roots: Sequence[Node]) -> bytes:
    """The untagged THREAD (section 4)."""
    pieces = [piece for root in roots for piece in _render(root)]
    return b"* THREAD" + (b" " if roots else b"") + b"".join(pieces) + b"\r\n"


def _render(root: Node) -> Iterable[bytes]:
    """``(parent child (one branch)(another))``; a dummy root has its children only."""
    waiting: list[Node | None] = [root]  # None closes a parenthesis
    while waiting:
        node = waiting.pop()
        if node is None:
            yield b")"
            continue
        numbers = [node.number] if node.number else []
        while len(node.children) == 1:
            node = node.children[0]
            numbers.append(node.number)
        yield b"(" + b" ".join([b"%d" % number for number in numbers])
        if numbers and node.children:
            yield b" "
        waiting.append(None)
        waiting.extend(reversed(node.children))
