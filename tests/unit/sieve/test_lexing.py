"""Scripts as tokens (RFC 5228 sections 2.2 to 2.4 and 8.1)."""

import pytest

from postroom.sieve.errors import ScriptError
from postroom.sieve.language.lexer import LARGEST_NUMBER, tokens
from postroom.sieve.limits import LIMITS, Limits


def kinds(script: bytes) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(script, LIMITS)][:-1]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(b"Keep;", [("identifier", "keep"), ("sign", ";")], id="names have no case"),
        pytest.param(b":Is :_x1", [("tag", "is"), ("tag", "_x1")], id="tags"),
        pytest.param(b"# a\r\n/* b\n ; */ _\n#c", [("identifier", "_")], id="comments"),
        pytest.param(b"/* /* */ x", [("identifier", "x")], id="comments are not nested"),
        pytest.param(b"/**/", [], id="an empty comment"),
        pytest.param(b'"#/*"', [("string", "#/*")], id="no comment in a string"),
        pytest.param(rb'"a\"b\\c\d"', [("string", 'a"b\\cd')], id="escapes"),
        pytest.param(b'"a\nb\r\nc"', [("string", "a\r\nb\r\nc")], id="line ends are CRLF"),
        pytest.param(b'"\xc3\xa4"', [("string", "\xe4")], id="UTF-8"),
        pytest.param(b"text:\na\n.\n", [("string", "a\r\n")], id="text"),
        pytest.param(
            b"TEXT: \t# b\r\na\r\n.\r\n", [("string", "a\r\n")], id="a comment after text:"
        ),
        pytest.param(b"text:\n.\n", [("string", "")], id="an empty text"),
        pytest.param(b"text:\n..\n..a\n.b\n.\n", [("string", ".\r\n.a\r\n.b\r\n")], id="dots"),
        pytest.param(b"text:\n. \n.\n", [("string", ". \r\n")], id="a dot with more is no end"),
        pytest.param(b"text :a", [("identifier", "text"), ("tag", "a")], id="a name and a tag"),
        pytest.param(b"# \xe4\n/* \xff */ x", [("identifier", "x")], id="comments in Latin-1"),
        pytest.param(b"\xef\xbb\xbfkeep", [("identifier", "keep")], id="a byte order mark"),
    ],
)
def test_scripts_are_made_of_tokens(script: bytes, expected: list[tuple[str, str]]) -> None:
    assert kinds(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(b"0", 0, id="zero"),
        pytest.param(b"007", 7, id="zeros before"),
        pytest.param(b"1k", 1024, id="kilo"),
        pytest.param(b"3M", 3 << 20, id="mega"),
        pytest.param(b"2G", 2 << 30, id="giga"),
        pytest.param(b"2147483647", 2147483647, id="the largest that must be there"),
        pytest.param(b"0" * 5000 + b"1", 1, id="many zeros"),
        pytest.param(b"%d" % LARGEST_NUMBER, LARGEST_NUMBER, id="the largest"),
    ],
)
def test_numbers_have_quantifiers(script: bytes, expected: int) -> None:
    assert next(tokens(script, LIMITS)).value == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(b'keep;\n "a', "line 2, column 2: this string has no end", id="string"),
        pytest.param(b"keep; /* a *", "column 7: this comment has no end", id="comment"),
        pytest.param(b"text:\na\n..\n", "column 1: this text has no end", id="text"),
        pytest.param(b"text: x\n.\n", "a name must follow the colon", id="more after text:"),
        pytest.param(b'\xc3\xa4"', "column 1: 'ä' cannot stand", id="no letter"),
        pytest.param(b'"\xc3\xa4" \xff', "column 5: this is not UTF-8", id="Latin-1"),
        pytest.param(b'"\xed\xa0\x80"', "column 2: this is not UTF-8", id="a surrogate"),
        pytest.param(b"text:\nb\xe4\n.\n", "line 2, column 2: this is not UTF-8", id="in a text"),
        pytest.param(b"# \xe4\0", "column 4: a NUL", id="NUL in a comment"),
        pytest.param(b'a\n"b\0"', "line 2, column 3: a NUL", id="NUL"),
        pytest.param(b"a\r;", "column 2: a carriage return", id="CR alone"),
        pytest.param(b"redirect 'a'", "straight double quotes", id="single quotes"),
        pytest.param("keep “x”;".encode(), "straight double quotes", id="typographer's quotes"),
        pytest.param(b"// keep", 'begins with "#" or "/*"', id="a comment of C"),
        pytest.param(b": is", "a name must follow the colon", id="a colon alone"),
        pytest.param(b":1", "a name must follow the colon", id="a number as a tag"),
        pytest.param(b"12x", '"12x" is no number', id="letters after digits"),
        pytest.param(b"1KB", '"1KB" is no number', id="a unit"),
        pytest.param(b"9223372036854775808", "too large", id="one too many"),
        pytest.param(b"9" * 100_000, "too large", id="very many digits"),
        pytest.param(b"9000000000000G", "too large", id="by its quantifier"),
        pytest.param(b"-1", "'-' cannot stand here", id="a negative number"),
    ],
)
def test_what_is_no_token_is_told_with_its_place(script: bytes, expected: str) -> None:
    with pytest.raises(ScriptError) as caught:
        list(tokens(script, LIMITS))
    assert expected in str(caught.value)


def test_a_script_can_be_too_long() -> None:
    with pytest.raises(ScriptError, match="101 octets are too long"):
        list(tokens(b"#" * 101, Limits(script=100)))
