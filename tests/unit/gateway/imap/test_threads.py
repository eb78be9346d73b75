"""Threads: both algorithms of RFC 5256, and what their response looks like."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap import threads_by_references
from gateway.imap.threads import Node, by_subject, message, response
from gateway.imap.threads_by_references import References


@dataclass(frozen=True)
class Mail:
    """As many days old as *day* says; its place in a list is its number."""

    id: str = ""
    refs: str = ""
    subject: str = ""
    day: int = 0


def references(mails: list[Mail]) -> str:
    found = References()
    for number, mail in enumerate(mails, 1):
        node = message(number, mail.day, mail.subject)
        found.add(node, _id(mail.id), [_id(each) for each in mail.refs.split()], [])
    return shown(found.threads())


def shown(roots: list[Node]) -> str:
    return response(roots).decode().removeprefix("* THREAD").strip()


def _id(name: str) -> str:
    return f"<{name}@x>" if name else ""


@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([Mail("a"), Mail("b")], "(1)(2)", id="two that have no subject"),
        pytest.param(
            [Mail("a", "", "s", 1), Mail("b", "a", "Re: s", 2), Mail("c", "a b", "Re: s", 3)],
            "(1 2 3)",
            id="a chain",
        ),
        pytest.param(
            [Mail("a", day=1), Mail("c", "a", day=3), Mail("b", "a", day=2), Mail("d", "b", day=4)],
            "(1 (3 4)(2))",
            id="branches in order of date",
        ),
        pytest.param([Mail("c", "a b"), Mail("b", "a")], "(2 1)", id="one child of a dummy"),
        pytest.param([Mail("b", "a"), Mail("c", "a")], "((1)(2))", id="two children of a dummy"),
        pytest.param(
            [Mail("c", "a b"), Mail("d", "a b"), Mail("e", "a")],
            "((1)(2)(3))",
            id="a dummy within a thread goes, its children stay",
        ),
        pytest.param([Mail("a", "b"), Mail("b", "a")], "(2 1)", id="a loop is not closed"),
        pytest.param([Mail("a", "a")], "(1)", id="a message that refers to itself"),
        pytest.param(
            [Mail("a"), Mail("b", "a"), Mail("a", "b")],
            "(1 2 3)",
            id="a second message of one identifier gets another",
        ),
        pytest.param(
            [Mail("c", "a b"), Mail("b", "x"), Mail("a")],
            "(2 1)(3)",
            id="what a message says of itself outweighs others",
        ),
        pytest.param(
            [Mail("b", "a"), Mail("a", "b"), Mail("a2", "a")],
            "(2 (1)(3))",
            id="a loop that its second half would close",
        ),
        pytest.param(
            [Mail("a", "", "s", 2), Mail("b", "", "Re: s", 1)],
            "(1 2)",
            id="a reply joins its subject, though it is older",
        ),
        pytest.param(
            [Mail("a", "", "Re: s", 1), Mail("b", "", "Re: S", 2)],
            "((1)(2))",
            id="two replies, whatever the case",
        ),
        pytest.param(
            [Mail("a", "", "s", 1), Mail("b", "", "s", 2), Mail("c", "", "[x] s", 3)],
            "((1)(2)(3))",
            id="three of one subject",
        ),
        pytest.param(
            [Mail("a", "x", "s", 1), Mail("b", "x", "s", 2), Mail("c", "", "s", 0)],
            "((3)(1)(2))",
            id="a message joins the children of a dummy",
        ),
        pytest.param(
            [Mail("a", "x", "s", 1), Mail("b", "x", "s", 2), Mail("c", "y", "s"), Mail("d", "y")],
            "((3)(4)(1)(2))",
            id="two dummies become one",
        ),
        pytest.param(
            [Mail("a", "", "Fwd: s", 1), Mail("b", "", "s", 2)],
            "(2 1)",
            id="a forward that comes first",
        ),
    ],
)
def test_threads_by_references(mails: list[Mail], expected: str) -> None:
    assert references(mails) == expected


def test_in_reply_to_helps_where_references_are_missing() -> None:
    found = References()
    found.add(message(1, 1, ""), "<a@x>", [], [])
    found.add(message(2, 2, ""), "<b@x>", [], ["<a@x>", "<someone@x>"])
    assert shown(found.threads()) == "(1 2)"


def test_an_identifier_may_be_quoted_in_several_ways() -> None:
    found = References()
    found.add(message(1, 1, ""), '<"a\\b"@x>', [], [])
    found.add(message(2, 2, ""), "<c@x>", ["<ab@x>"], [])
    assert shown(found.threads()) == "(1 2)"


def test_references_beyond_what_we_hold_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_by_references, "MOST_DUMMIES", 2)
    mails = [Mail("a", "x y z"), Mail("b", "z"), Mail("c", "a"), Mail("d", "x")]
    assert references(mails) == "((1 3)(4))(2)"


def test_a_thread_as_deep_as_the_mailbox() -> None:
    count = 20_000
    mails = [Mail(str(each), str(each - 1), day=each) for each in range(1, count + 1)]
    assert references(mails) == "(" + " ".join(str(each) for each in range(1, count + 1)) + ")"
    assert references(mails[::-1]).startswith(f"({count} {count - 1} ")


def test_links_that_take_too_many_steps_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_by_references, "MOST_STEPS", 50)
    deep = [Mail(str(each), str(each - 1)) for each in range(1, 30)]
    tangled = [Mail(f"r{each}") for each in range(9)] + [
        Mail(f"c{each}", f"r{each}") for each in range(9)
    ]
    knots = [Mail(f"k{each}", f"29 r{each}") for each in range(9)]
    assert references(deep + tangled + knots).count("(") > 3  # done, though not linked throughout


@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        pytest.param(
            [Mail(subject="b", day=5), Mail(subject="a", day=2), Mail(subject="Re: b", day=1)],
            "(3 1)(2)",
            id="threads in order of their first messages",
        ),
        pytest.param(
            [Mail(subject="b", day=1), Mail(subject="re: B", day=3), Mail(subject="b", day=2)],
            "(1 (3)(2))",
            id="no grandchildren",
        ),
        pytest.param([Mail(subject="b"), Mail(subject="b")], "(1 2)", id="of one moment"),
    ],
)
def test_threads_by_subject(mails: list[Mail], expected: str) -> None:
    nodes = [message(number, mail.day, mail.subject) for number, mail in enumerate(mails, 1)]
    assert shown(by_subject(nodes)) == expected


def test_the_example_of_a_thread_response() -> None:
    """RFC 5256 section 4: (2)(3 6 (4 23)(44 7 96))"""
    branch = Node(44, children=[Node(7, children=[Node(96)])])
    tree = Node(3, children=[Node(6, children=[Node(4, children=[Node(23)]), branch])])
    assert response([Node(2), tree]) == b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n"


# The algorithm once more, as its text has it and for small threads only.


@dataclass(eq=False)
class Container:
    number: int = 0
    mail: Mail = field(default_factory=Mail)
    parent: "Container | None" = None
    children: "list[Container]" = field(default_factory=list)

    def node(self) -> Node:
        first = self if self.number else self.children[0]
        return message(first.number, first.mail.day, first.mail.subject)

    def holds(self, other: "Container") -> bool:
        return self is other or any(child.holds(other) for child in self.children)

    def adopt(self, child: "Container") -> None:
        if child.parent is not None:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def key(self) -> tuple[int, int]:
        return self.node().moment


def plainly(mails: list[Mail]) -> str:
    table: dict[str, Container] = {}
    for number, mail in enumerate(mails, 1):
        own = table.setdefault(mail.id or f"unique {number}", Container())
        if own.number:
            own = table.setdefault(f"unique {number}", Container())
        own.number, own.mail = number, mail
        previous = None
        for reference in mail.refs.split():
            each = table.setdefault(reference, Container())
            if previous and each.parent is None and not each.holds(previous):
                previous.adopt(each)
            previous = each
        if own.parent is not None:
            own.parent.children.remove(own)
            own.parent = None
        if previous and not own.holds(previous):
            previous.adopt(own)
    root = Container(-1)
    for each in table.values():
        if each.parent is None:
            root.adopt(each)
    _prune(root, root)
    for each in root.children:
        if not each.number:
            each.children.sort(key=Container.key)
    root.children.sort(key=Container.key)
    _merge_subjects(root)
    _sort(root)
    return "".join(_show(each) for each in root.children)


def _prune(parent: Container, root: Container) -> None:
    for child in list(parent.children):
        _prune(child, root)
        if not child.number and (
            not child.children or parent is not root or len(child.children) < 2
        ):
            for grandchild in list(child.children):
                parent.adopt(grandchild)
            parent.children.remove(child)
            child.parent = None


def _merge_subjects(root: Container) -> None:
    subjects: dict[str, Container] = {}
    for each in root.children:
        node = each.node()
        there = subjects.get(node.subject)
        if node.subject and (
            there is None
            or (there.number and (not each.number or (there.node().is_reply and not node.is_reply)))
        ):
            subjects[node.subject] = each
    for each in list(root.children):
        node = each.node()
        there = subjects.get(node.subject)
        if there is None or there is each or each.parent is not root:
            continue
        if not there.number and not each.number:
            for child in list(each.children):
                there.adopt(child)
            root.children.remove(each)
        elif not there.number or (each.number and node.is_reply and not there.node().is_reply):
            there.adopt(each)
        else:
            dummy = subjects[node.subject] = Container()
            root.adopt(dummy)
            dummy.adopt(there)
            dummy.adopt(each)


def _sort(parent: Container) -> None:
    for child in parent.children:
        _sort(child)
    parent.children.sort(key=Container.key)


def _show(container: Container) -> str:
    numbers = [str(container.number)] if container.number else []
    while len(container.children) == 1:
        [container] = container.children
        numbers.append(str(container.number))
    nested = "".join(_show(child) for child in container.children)
    return "(" + " ".join([*numbers, *([nested] if nested else [])]) + ")"


IDS = st.sampled_from("abcdef")
MAILS = st.builds(
    Mail,
    st.one_of(IDS, st.just("")),
    st.lists(IDS, max_size=4).map(lambda ids: " ".join(dict.fromkeys(ids))),
    st.sampled_from(["", "s", "Re: s", "t", "Fwd: t", "[x] t"]),
    st.integers(0, 4),
)


@given(st.lists(MAILS, max_size=9))
def test_it_is_the_algorithm_of_the_rfc(mails: list[Mail]) -> None:
    assert references(mails) == plainly(mails)
