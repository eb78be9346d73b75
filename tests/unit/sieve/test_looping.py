"""foreverypart, break and extracttext (RFC 5703 sections 3 and 7)."""

import pytest

from postroom.sieve.actions import Keep
from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from tests.unit.sieve.asking import REQUIRE, crlf, edited, holds
from tests.unit.sieve.worlds import TableWorld, actions, outcome

MESSAGE = crlf(
    "X-Test: A\nContent-Type: multipart/mixed; boundary=AA\n\n"
    "--AA\nContent-Type: multipart/mixed; boundary=BB\nX-Test: B\n\n"
    '--BB\nContent-Type: text/plain; charset="us-ascii"\nX-Test: C\n\nHello\n'
    "--BB\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
    "X-Test: D\n\ncGxhaW4g4oKs\n"
    "--BB--\n--AA\nContent-Type: text/html\nX-Test: E\n\n<p>And <b>again</b></p>\n"
    "--AA\nContent-Type: message/rfc822\nX-Test: F\n\nX-Test: G\n\nforwarded\n"
    "--AA--\n"
)
_NAME = 'if header :mime :matches "x-test" "*" { set "seen" "${seen}${1}"; }'


def visited(script: str) -> str:
    """The letters of parts in the order in which a script adds them to "seen"."""
    after = edited(f'{script} addheader "X-Seen" "${{seen}}";', MESSAGE)
    return after.partition(b"\r\n")[0].decode().removeprefix("X-Seen: ")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(f"foreverypart {{ {_NAME} }}", "ABCDEFG", id="depth first, itself included"),
        pytest.param(
            f"foreverypart {{ {_NAME} foreverypart {{ {_NAME} }} }}",
            "ABCDEFGBCDCDEFGG",
            id="a loop within has the parts in the part",
        ),
        pytest.param(
            f'foreverypart {{ {_NAME} if header :mime "x-test" "C" {{ break; }} }}',
            "ABC",
            id="break",
        ),
        pytest.param(
            f'foreverypart :name "out" {{ foreverypart {{ {_NAME} if header :mime "x-test" "D" '
            '{ break :name "out"; } } }',
            "BCD",
            id="break by name",
        ),
        pytest.param(
            f'foreverypart :name "a" {{ {_NAME} foreverypart :name "a" {{ break :name "a"; }} }}',
            "ABCDEFG",
            id="an inner name hides the outer",
        ),
        pytest.param(
            f"foreverypart {{ {_NAME} foreverypart {{ {_NAME} break; }} }}",
            "ABBCCDEFGG",
            id="break leaves the inner loop",
        ),
        pytest.param(
            'foreverypart { if header :matches "x-test" "*" { set "seen" "${seen}${1}"; } }',
            "AAAAAAA",
            id="without :mime it is the message",
        ),
        pytest.param(
            f'foreverypart {{ if header :mime :anychild "x-test" "C" {{ {_NAME} }} }}',
            "ABC",
            id="anychild is of the part",
        ),
        pytest.param(
            f'foreverypart {{ if exists :mime "content-transfer-encoding" {{ {_NAME} }} }}',
            "D",
            id="exists in the part",
        ),
    ],
)
def test_a_block_is_run_for_each_part(script: str, expected: str) -> None:
    assert visited(script) == expected


@pytest.mark.parametrize(
    ("letter", "command", "expected"),
    [
        pytest.param("C", 'extracttext "text"', "Hello", id="text"),
        pytest.param("D", 'extracttext "text"', "plain €", id="decoded"),
        pytest.param("E", 'extracttext "text"', "And again", id="HTML without its tags"),
        pytest.param("A", 'extracttext "text"', "", id="nothing of a multipart"),
        pytest.param("F", 'extracttext "text"', "", id="nor of a message"),
        pytest.param("G", 'extracttext "text"', "forwarded", id="but of its text"),
        pytest.param("C", 'extracttext :first 3 "text"', "Hel", id="the first characters"),
        pytest.param("C", 'extracttext :first 99 "text"', "Hello", id="as many as there are"),
        pytest.param("C", 'extracttext :upper :first 3 "text"', "HEL", id="modified"),
        pytest.param("C", 'extracttext :length :first 3 "text"', "3", id="counted"),
    ],
)
def test_text_of_a_part_is_extracted(letter: str, command: str, expected: str) -> None:
    loop = f'foreverypart {{ if header :mime "x-test" "{letter}" {{ {command}; }} }}'
    before = f'set "text" "unset"; {loop}'
    assert holds(f'string :comparator "i;octet" "${{text}}" "{expected}"', MESSAGE, before=before)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("break;", "no foreverypart around", id="break outside"),
        pytest.param('break :name "a";', "no foreverypart around", id="by name outside"),
        pytest.param("if true { break; }", "no foreverypart around", id="in another block"),
        pytest.param('foreverypart { break :name "a"; }', 'called "a"', id="no such loop"),
        pytest.param(
            'foreverypart :name "b" { if true { break :name "a"; } }', 'called "a"', id="other name"
        ),
        pytest.param("foreverypart {" * 5 + "}" * 5, "within one another", id="too deep"),
        pytest.param('extracttext "text";', "foreverypart", id="extracttext outside"),
    ],
)
def test_wrong_loops_are_refused(script: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        compile_script((REQUIRE + script).encode())


@pytest.mark.parametrize(
    "script",
    [
        'foreverypart { extracttext "0"; }',
        'foreverypart { extracttext "${a}"; }',
        'foreverypart { extracttext :first "a" "b"; }',
        "foreverypart { extracttext; }",
        "foreverypart;",
        'foreverypart { break "a"; }',
        "foreverypart { break true; }",
        "foreverypart { break :name 13; }",
    ],
)
def test_wrong_arguments_are_refused(script: str) -> None:
    with pytest.raises(ScriptError):
        compile_script((REQUIRE + script).encode())


def test_a_loop_ends_with_the_script() -> None:
    assert edited('foreverypart { addheader "X-N" "a"; stop; }', MESSAGE) == (
        b"X-N: a\r\n" + MESSAGE
    )


def test_edits_in_a_loop_are_seen_in_it() -> None:
    script = 'foreverypart { addheader "X-Test" "Z"; '
    script += 'if header :mime :index 1 "x-test" "Z" { set "seen" "${seen}1"; } }'
    assert visited(script) == "1"  # at the message itself, which is the first part


def test_an_included_script_sees_the_part_at_hand_as_it_is_now() -> None:
    """RFC 6609 section 3.5."""
    inner = 'require ["include", "foreverypart", "mime", "variables"]; global "seen"; '
    inner += f'set "seen" "${{seen}}-"; foreverypart {{ {_NAME} }}'
    world = TableWorld(scripts={("personal", "inner"): inner.encode()})
    script = 'require "include"; global "seen"; deleteheader "x-test"; foreverypart { '
    script += 'if header :mime "x-test" "D" { replace :mime "X-Test: N\n\nnew"; } } '
    script += 'foreverypart { include "inner"; } addheader "X-Seen" "${seen}";'
    (kept,) = actions(REQUIRE + script, letter=MESSAGE, world=world)
    assert isinstance(kept, Keep)
    assert kept.message is not None
    assert kept.message.startswith(b"X-Seen: -BCNEFG-BCN-C-N-E-FG-G\r\nContent-Type")


def test_loops_over_very_many_parts_end() -> None:
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\nhi\r\n" * 20_000
    block = 'if header :mime "x" "y" { stop; }' * 10
    found = outcome(f"{REQUIRE}foreverypart {{ foreverypart {{ {block} }} }}", letter=many)
    assert found.error is not None
    assert "too much" in found.error.problem.message
