"""The scanner: what a part is, that it agrees with the standard library, that it stays linear."""

import email.message
import email.parser
import email.policy
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message import scan as scanning
from postroom.message.scan import DEEPEST, MOST_PARTS, scan
from postroom.message.structure import Part
from tests.corpus import nest, odd_messages

CORPUS = list(odd_messages(large=False))


def _walk(part: Part) -> Iterator[Part]:
    yield part
    for child in part.children:
        yield from _walk(child)


def _assert_sound(message: bytes, root: Part) -> None:
    assert (root.number, root.header, root.end) == ("", 0, len(message))
    for part in _walk(root):
        assert 0 <= part.header <= part.body <= part.end <= len(message)
        assert part.lines == message.count(b"\n", part.body, part.end)
        previous = part.body
        for child in part.children:
            assert previous <= child.header
            assert child.end <= part.end
            previous = child.end


def _mixed(body: bytes, boundary: bytes = b"a") -> bytes:
    return b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n%b" % (boundary, body)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        pytest.param(b"--a\r\n\r\none\r\n--a--\r\n", [b"one"], id="without its CRLF"),
        pytest.param(b"--a\n\none\n\n--a--\n", [b"one\n"], id="bare LF"),
        pytest.param(b"pre\r\n--a\r\n\r\n1\r\n--a--\r\npost\r\n", [b"1"], id="pre- and epilogue"),
        pytest.param(b"--a\r\n\r\none\r\n--a\r\n\r\ntwo", [b"one", b"two"], id="never closed"),
        pytest.param(b"--a \t\r\n\r\none\r\n--a-- \r\n", [b"one"], id="white space after"),
        pytest.param(b"--a\r\n\r\none --a\r\n--a--", [b"one --a"], id="not at a line's beginning"),
        pytest.param(b"--a\r\n\r\n1\r\n--ab\r\n\r\n2\r\n--a--", [b"1", b"2"], id="a prefix counts"),
        pytest.param(b"--a\r\n\r\n--a\r\n--a--", [b"", b""], id="empty parts"),
        pytest.param(b"--a\r\nX: y\r\n--a--", [b""], id="header cut by a boundary"),
        pytest.param(b"--a\r\n\r\n1\r\n--a--\r\n--a\r\n\r\n2", [b"1"], id="nothing after the last"),
        pytest.param(b"no boundary", [], id="no boundary"),
    ],
)  # fmt: skip
def test_boundaries_cut_parts(body: bytes, parts: list[bytes]) -> None:
    message = _mixed(body)
    assert [message[part.body : part.end] for part in scan(message).children] == parts


def test_an_inner_boundary_that_extends_the_outer_one_is_its_own() -> None:
    message = _mixed(
        b"--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n"
        b"--ab\r\n\r\none\r\n--ab\r\n\r\ntwo\r\n"
        b"--a\r\n\r\nthree\r\n--a--\r\n"
    )
    inner, last = scan(message).children
    assert [message[part.body : part.end] for part in inner.children] == [b"one", b"two"]
    assert message[last.body : last.end] == b"three"


def test_section_numbers() -> None:
    message = _mixed(
        b"--a\r\n\r\none\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
        b"--b\r\n\r\ny\r\n--b--\r\n--a--"
    )
    numbers = [(part.number, part.subtype) for part in _walk(scan(message))]
    assert numbers == [
        ("", "mixed"), ("1", "plain"),
        ("2", "rfc822"), ("2", "mixed"), ("2.1", "plain"), ("2.2", "plain"),
    ]  # fmt: skip


def test_a_digest_holds_messages() -> None:
    message = (
        b"Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: x\r\n\r\ny\r\n--a--"
    )
    (part,) = scan(message).children
    assert (part.media_type, part.subtype) == ("message", "rfc822")
    assert message[part.children[0].body : part.children[0].end] == b"y"


def test_what_a_part_says_of_itself() -> None:
    part = scan(
        b"Content-Type: Application/PDF; CHARSET=X; name=other.pdf\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n"
        b"Content-Disposition: Attachment; filename*0*=utf-8''caf%C3%A9; filename*1=.pdf\r\n\r\n"
    )
    assert (part.media_type, part.subtype, part.charset) == ("application", "pdf", "X")
    assert (part.encoding, part.disposition, part.filename) == ("base64", "attachment", "café.pdf")


@pytest.mark.parametrize(("name", "message"), CORPUS, ids=[name for name, _ in CORPUS])
def test_odd_messages_are_sound(name: str, message: bytes) -> None:
    _assert_sound(message, scan(message))


_PIECES = st.sampled_from(
    b'\r\n|\n|\r|--|--a|--ab|--a--|--ab--| |x|\0|\xff|:|;|"|(|\r\n\r\n|boundary=ab|*0*='
    b"|Content-Type: multipart/mixed; boundary=a\r\n"
    b"|Content-Type: multipart/digest; boundary=ab\r\n|Content-Type: message/rfc822\r\n".split(b"|")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES | st.binary(max_size=8), max_size=60).map(b"".join))
def test_anything_is_sound(message: bytes) -> None:
    _assert_sound(message, scan(message))
    wrapped = _mixed(message)
    _assert_sound(wrapped, scan(wrapped))


_TEXT = st.text("abc -.\n", max_size=40).map(
    # Lines that begin with dashes might be boundaries to us and text to the standard library.
    lambda text: "\r\n".join(line.lstrip("-") for line in text.split("\n"))
)
_LIKE_A_MESSAGE = "Subject: x\r\n\r\n"
_LEAF = st.tuples(st.sampled_from(["text/plain", "text/html", "image/png", ""]), _TEXT)
_TREE = st.recursive(
    _LEAF,
    lambda within: st.tuples(
        st.sampled_from(["multipart/mixed", "multipart/digest", "message/rfc822"]),
        st.lists(within, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


def _write(tree: tuple[str, object], names: Iterator[int]) -> str:
    kind, content = tree
    header = f"Content-Type: {kind}\r\n" if kind else "X-No-Type: yes\r\n"
    if isinstance(content, str):
        # In a digest, a part without a type is a message and had better look like one.
        return f"{header}\r\n{'' if kind else _LIKE_A_MESSAGE}{content}"
    assert isinstance(content, list)
    if kind == "message/rfc822":
        return f"{header}\r\n{_write(content[0], names)}"
    name = f"=_{next(names):04d}"
    parts = "".join(f"--{name}\r\n{_write(child, names)}\r\n" for child in content)
    return (
        f'Content-Type: {kind}; boundary="{name}"\r\n\r\npreamble\r\n{parts}--{name}--\r\nepilogue'
    )


def _assert_same(message: bytes, part: Part, theirs: email.message.Message) -> None:
    assert f"{part.media_type}/{part.subtype}" == theirs.get_content_type()
    content = theirs.get_payload()
    if isinstance(content, str):
        assert message[part.body : part.end].decode() == content
        assert not part.children
        return
    assert len(part.children) == len(content)
    for ours, other in zip(part.children, content, strict=True):
        assert isinstance(other, email.message.Message)
        _assert_same(message, ours, other)


@settings(max_examples=150, deadline=None)
@given(_TREE)
def test_agrees_with_the_standard_library(tree: tuple[str, object]) -> None:
    message = _write(tree, iter(range(1000))).encode()
    theirs = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(message)
    _assert_same(message, scan(message), theirs)


def test_a_tree_is_as_deep_as_the_limit_then_opaque() -> None:
    def depth(part: Part) -> int:
        return 1 + max(map(depth, part.children), default=0)

    assert depth(scan(nest(DEEPEST - 1))) == DEEPEST
    deep = scan(nest(5000))
    assert depth(deep) == DEEPEST
    assert [p.subtype for p in _walk(deep)][-1] == "octet-stream"
    assert depth(scan(b"Content-Type: message/rfc822\r\n\r\n" * 5000)) == DEEPEST


def test_no_more_parts_than_the_limit() -> None:
    message = _mixed(b"--a\r\n\r\n" * (MOST_PARTS + 500))
    root = scan(message)
    assert len(list(_walk(root))) == MOST_PARTS
    assert root.children[-1].end == len(message)


_TYPE = b"--a\r\nContent-Type: multipart/mixed; boundary="
_MANY_OPEN = b"".join(b"%b%d_\r\n\r\n--%d_\r\n\r\n" % (_TYPE, n, n) for n in range(4_000))
_EXTENDING = (_TYPE + b"ab\r\n\r\n--ab\r\n\r\n") * 2_000


class _Counting(bytes):
    """A message that counts the octets that are searched for boundaries and line ends."""

    searched = 0

    def find(self, *args: object) -> int:  # type: ignore[override]
        found = super().find(*args)  # type: ignore[arg-type]
        start = args[1] if len(args) > 1 else 0
        end = args[2] if len(args) > 2 else len(self)
        reached = min(end, len(self)) if found < 0 else found  # type: ignore[type-var]
        self.searched += max(0, reached - start)  # type: ignore[operator]
        return found

    def count(self, *args: object) -> int:  # type: ignore[override]
        self.searched += max(0, args[2] - args[1])  # type: ignore[operator]
        return super().count(*args)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(nest(90) + b"x" * 200_000, id="deep, closed early"),
        pytest.param(nest(90, closed=False) + b"\r\n--b" * 50_000, id="deep, nearly boundaries"),
        pytest.param(_mixed(b"--a\r\n\r\n" * 9_000), id="many parts"),
        pytest.param(_mixed(_MANY_OPEN), id="many multiparts, none closed"),
        pytest.param(_mixed(_EXTENDING), id="an inner boundary that extends the outer one"),
    ],
)  # fmt: skip
def test_octets_are_searched_at_most_once_for_each_level(message: bytes) -> None:
    counted = _Counting(message)
    scanning.scan(counted)
    assert counted.searched <= (DEEPEST + 5) * len(message)


def test_a_large_attachment_is_searched_a_few_times_only() -> None:
    counted = _Counting(
        _mixed(b"--a\r\n\r\ntext\r\n--a\r\n\r\n" + b"x" * 76 * 10_000 + b"\r\n--a--\r\n")
    )
    scanning.scan(counted)
    assert counted.searched < 3 * len(counted)
