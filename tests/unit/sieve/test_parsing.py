"""Tokens as a tree, and printed again (RFC 5228 section 8.2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sieve.errors import Position, ScriptError
from postroom.sieve.language.parser import parse
from postroom.sieve.language.printing import print_script
from postroom.sieve.language.tree import Node, Number, String, Strings, TagName
from postroom.sieve.limits import Limits

_HERE = Position(1, 1)


def test_a_script_is_a_tree() -> None:
    script = b'if anyof (not exists ["a", "b"], size :over 1K) { keep; } stop;'
    exists = Node("exists", _HERE, (Strings((String("a", _HERE), String("b", _HERE)), _HERE),))
    size = Node("size", _HERE, (TagName("over", _HERE), Number(1024, _HERE)))
    either = Node("anyof", _HERE, (), (Node("not", _HERE, (), (exists,)), size), listed=True)
    assert parse(script) == (
        Node("if", _HERE, (), (either,), block=(Node("keep", _HERE),)),
        Node("stop", _HERE),
    )


def test_what_a_tree_is_made_of_has_its_place() -> None:
    (node,) = parse(b'\n  set :lower "a"\n\t"b";')
    assert node.position == Position(2, 3)
    assert [argument.position for argument in node.arguments] == [(2, 7), (2, 14), (3, 2)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("keep", 'a ";" is missing after "keep", before the end', id="no semicolon"),
        pytest.param("if true { stop }", 'a ";" is missing after "stop"', id="in a block"),
        pytest.param("}", "no block is open", id="a block closed twice"),
        pytest.param("if true {", "column 9: this block has no end", id="an open block"),
        pytest.param("if true { } ;", "a command must stand here", id="a semicolon too many"),
        pytest.param('"a";', "a command must stand here, not a string", id="a string alone"),
        pytest.param("1;", "a command must stand here, not a number", id="a number alone"),
        pytest.param(":a;", 'a command must stand here, not ":a"', id="a tag alone"),
        pytest.param("a [];", 'a string must stand here in a list, not "]"', id="an empty list"),
        pytest.param('a ["b",];', 'a string must stand here in a list, not "]"', id="a comma left"),
        pytest.param('a ["b" "c"];', '"," or "]" must stand here', id="no comma"),
        pytest.param('a [["b"]];', "a string must stand here in a list", id="a list in a list"),
        pytest.param("a [1];", "a string must stand here in a list", id="a number in a list"),
        pytest.param("a (b;", '"," or ")" must stand here', id="an open list of tests"),
        pytest.param("a ();", 'a test must stand here, not ")"', id="no tests in a list"),
        pytest.param("a (b,);", 'a test must stand here, not ")"', id="a comma after tests"),
        pytest.param("a b c d (e) f;", 'goes on with "f"', id="more after tests"),
        pytest.param('a b "c" 1 (d), e;', 'goes on with ","', id="a list without parentheses"),
    ],
)
def test_what_is_out_of_place_is_told(script: str, expected: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(script.encode())
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("if a { " * 3 + "} " * 3, "more than 2 blocks", id="blocks"),
        pytest.param("if not not b { }", "more than 2 tests", id="tests"),
        pytest.param("a; b; c; d;", "more than 3 commands", id="commands"),
    ],
)
def test_what_is_too_much_is_told(script: str, expected: str) -> None:
    with pytest.raises(ScriptError, match=expected):
        parse(script.encode(), Limits(nesting=2, commands=3))


@pytest.mark.parametrize(
    "script",
    [
        "if a { " * 100_000,
        "if " + "not " * 60_000,
        "if " + "a(" * 100_000,
        "a;" * 100_000,
        "[" * 200_000,
        '"' + "\\" * 200_000,
        "/*" * 100_000,
        "text:\n" + "..\n" * 80_000,
    ],
)
def test_hostile_nesting_is_refused(script: str) -> None:
    with pytest.raises(ScriptError):
        parse(script.encode())


_names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\n"), max_size=8)
_strings = st.builds(
    lambda lines, end: String("\r\n".join(lines) + end, _HERE),
    st.lists(_texts | st.sampled_from([".", "..", ".a", "\\", '"', "text:"]), max_size=4),
    st.sampled_from(["", "\r\n"]),
)
_arguments = st.lists(
    _strings
    | st.builds(Number, st.integers(0, 2**31), st.just(_HERE))
    | st.builds(TagName, _names, st.just(_HERE))
    | st.builds(Strings, st.lists(_strings, min_size=1, max_size=3).map(tuple), st.just(_HERE)),
    max_size=4,
).map(tuple)
_tests = st.recursive(
    st.builds(Node, _names, st.just(_HERE), _arguments),
    lambda inner: (
        st.builds(
            Node,
            _names,
            st.just(_HERE),
            _arguments,
            st.lists(inner, min_size=1, max_size=3).map(tuple),
            st.just(True),
        )
        | st.builds(Node, _names, st.just(_HERE), _arguments, st.tuples(inner))
    ),
    max_leaves=5,
)
_heads = st.one_of(
    st.tuples(st.just(()), st.just(False)),
    st.tuples(st.tuples(_tests), st.booleans()),
    st.tuples(st.lists(_tests, min_size=1, max_size=3).map(tuple), st.just(True)),
)


def _command(blocks: st.SearchStrategy[tuple[Node, ...] | None]) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda name, arguments, head, block: Node(name, _HERE, arguments, *head, block),
        _names,
        _arguments,
        _heads,
        blocks,
    )


_commands = st.recursive(
    _command(st.none()),
    lambda inner: _command(st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_commands, max_size=4).map(tuple))
def test_what_is_printed_is_parsed_as_it_was(commands: tuple[Node, ...]) -> None:
    printed = print_script(commands)
    assert parse(printed.encode()) == commands
    assert print_script(parse(printed.encode())) == printed
