"""Whatever a script or a message holds: only ScriptError, and ends that are kept within limits."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.sieve.actions import Notify, Redirect
from postroom.sieve.engine import Outcome, Program, compile_script, run
from postroom.sieve.errors import ScriptError
from postroom.sieve.language.parser import parse
from postroom.sieve.language.printing import print_script
from postroom.sieve.letter import Letter
from postroom.sieve.limits import LIMITS
from postroom.sieve.vocabulary import COMMANDS, EXTENSIONS, TESTS
from tests.corpus import odd_messages
from tests.unit.sieve.worlds import ENVELOPE, LETTER, TableWorld

_SIGNS = "( ) [ ] { } , ;"
_ARGUMENTS = """
    0 1 1K "" "a" "subject" "from" "${1}" "${a}" "${hex:41}" "*" "?a*" "i;octet" "i;ascii-numeric"
    "eq" "\\\\Seen" "a@b.test" "mailto:a@b.test" "(a+)"
"""
_WORDS = (
    *COMMANDS,
    *TESTS,
    *sorted(
        {f":{tag.name}" for known in (*COMMANDS.values(), *TESTS.values()) for tag in known.tags}
    ),
    *_SIGNS.split(),
    *_ARGUMENTS.split(),
    "text:\na\n.\n",
    "# b\n",
    "/* c */",
)
_ALL = "require [" + ", ".join(f'"{name}"' for name in sorted(EXTENSIONS)) + "];\n"


def _compiled(script: bytes) -> Program | None:
    try:
        return compile_script(script)
    except ScriptError:
        return None


def _run(program: Program, letter: bytes) -> Outcome:
    world = TableWorld(
        lists={"a": ["a"]},
        mailboxes={"INBOX": ()},
        spam_score=(3, 10),
        items={"name": "Postroom"},
        scripts={("personal", "a"): b'require "include"; include "a";'},
    )
    found = run([program], Letter(letter), ENVELOPE, world)
    assert len(found.actions) <= LIMITS.actions + 1
    assert sum(isinstance(action, Redirect) for action in found.actions) <= LIMITS.redirects
    assert sum(isinstance(action, Notify) for action in found.actions) <= LIMITS.notifications
    for action in found.actions:
        message = getattr(action, "message", None)
        if isinstance(message, bytes):
            assert len(message) <= len(letter) + LIMITS.edited + 1000
    return found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_octets_are_scripts_or_script_errors(script: bytes) -> None:
    _compiled(script)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=25))
def test_words_are_scripts_or_script_errors(words: list[str]) -> None:
    program = _compiled((_ALL + " ".join(words)).encode())
    if program is not None:
        _run(program, LETTER)


def _sentence(chance: random.Random, depth: int) -> str:
    """A command that is nearly right: known, with arguments of the right shapes."""
    known = chance.choice([*COMMANDS.values()])
    return _call(chance, known.name, depth)


def _call(chance: random.Random, name: str, depth: int, *, test: bool = False) -> str:
    known = (TESTS if test else COMMANDS)[name]
    words = [name]
    tags = [tag for tag in known.tags if chance.random() < 1.5 / (len(known.tags) or 1)]
    groups = set()
    for tag in tags:
        if tag.group and tag.group in groups:
            continue
        groups.add(tag.group)
        words.append(f":{tag.name}")
        if tag.takes is not None:
            words.append(_argument(chance, tag.takes.name))
    words += [_argument(chance, shape.name) for shape in known.takes]
    inner = [*TESTS]
    if known.tests == 1:
        words.append(_call(chance, chance.choice(inner) if depth else "true", depth - 1, test=True))
    elif known.tests:
        tests = [
            _call(chance, chance.choice(inner) if depth else "true", depth - 1, test=True)
            for _ in range(chance.randint(1, 3))
        ]
        words.append(f"({', '.join(tests)})")
    if test:
        return " ".join(words)
    if known.block:
        block = [_sentence(chance, depth - 1) for _ in range(chance.randint(0, 3))] if depth else []
        return " ".join([*words, "{", *block, "}"])
    return " ".join(words) + ";"


_STRINGS = (
    *('""', '"a"', '"subject"', '"from"', '"to"', '"content-type"', '"${1}"', '"${a}"', '"*"'),
    *('"?a*"', '"eq"', '"i;octet"', '"i;ascii-numeric"', '"\\\\Seen"', '"a@b.test"', '"date"'),
    *('"mailto:a@b.test"', '"(a+)"', '"+0100"', '"INBOX"', '"/private/comment"', '"year"'),
)


def _argument(chance: random.Random, shape: str) -> str:
    if shape == "NUMBER":
        return chance.choice(["0", "1", "7", "2G"])
    if shape == "STRING" or chance.random() < 0.5:
        return chance.choice(_STRINGS)
    return f"[{', '.join(chance.sample(_STRINGS, chance.randint(1, 4)))}]"


def _messages() -> list[bytes]:
    return [LETTER, *(message for _, message in odd_messages(large=False))]


@pytest.mark.parametrize("seed", range(40))
def test_nearly_right_scripts_run_on_odd_messages(seed: int) -> None:
    chance = random.Random(seed)
    messages = _messages()
    ran = 0
    for _ in range(60):
        script = _ALL + " ".join(_sentence(chance, 2) for _ in range(chance.randint(1, 3)))
        text = script.encode()
        assert parse(print_script(parse(text)).encode()) == parse(text)
        program = _compiled(text)
        if program is not None:
            _run(program, chance.choice(messages))
            ran += 1
    assert ran > 3


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('set "a" "${a}x${a}";' * 400 + 'redirect "${a}";', id="doubled"),
        pytest.param("foreverypart { " * 4 + 'set "a" "${a}b";' + "}" * 4, id="loops"),
        pytest.param('addheader "X" "y";' * 9000, id="edits"),
        pytest.param('enclose "a";' * 2000, id="envelopes in envelopes"),
        pytest.param('foreverypart { replace "${1}x"; }' * 500, id="replaced again"),
        pytest.param('addflag "a";' * 9000, id="flags"),
        pytest.param('if body :raw :matches "*a*b*c*d*?*?*?" { }' * 4000, id="bodies"),
        pytest.param('if header :regex "subject" "${a}((a*)*)*b" { }' * 4000, id="expressions"),
        pytest.param('set :quotewildcard :encodeurl "a" "${a}****";' * 3000, id="modifiers"),
        pytest.param("if anyof (" + "not false, " * 20_000 + "true) { }", id="tests"),
        pytest.param('vacation "a";' * 2, id="vacations"),
        pytest.param("if duplicate { }" * 5000, id="duplicates"),
        pytest.param(
            'if string :is "${a}" ["' + '", "'.join(["${a}x"] * 9000) + '"] { }', id="keys"
        ),
    ],
)
def test_hostile_scripts_end(script: str) -> None:
    text = _ALL + 'set "a" "a"; set "a" "${a}${a}${a}${a}";' + script
    program = _compiled(text.encode())
    assert program is not None
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nhi\r\n" * 500
    _run(program, many)
