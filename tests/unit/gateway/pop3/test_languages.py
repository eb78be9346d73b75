"""LANG (RFC 6856 section 3)."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

import gateway.pop3
from gateway.pop3.languages import LANGUAGES, look_up

FOLDER = Path(gateway.pop3.__file__).parent
SAYING = {"ok", "refuse", "sorry", "first_line"}


def sentences() -> set[str]:
    """Everything that a session says to people."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in SAYING and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def fields(sentence: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(sentence) if field}


@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if tag != "en"])
def test_every_sentence_is_translated_with_its_fields(tag: str) -> None:
    translated = LANGUAGES[tag].sentences
    assert len(sentences()) > 20
    assert sentences() - translated.keys() == set()
    for english, sentence in translated.items():
        if english != "{error}":
            assert fields(sentence) == fields(english), english
        assert not re.search(r"[\r\n]", sentence)


def test_all_languages_say_the_same_things() -> None:
    spoken = [set(each.sentences) for tag, each in LANGUAGES.items() if tag != "en"]
    assert all(each == spoken[0] for each in spoken)


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-CH-1996", "de"),
        ("*", "en"),
        ("i-default", "en"),
        ("d", None),
        ("deu", None),
        ("", None),
        ("-", None),
        ("mul", None),
        ("*-CH", None),
    ],
)
def test_a_range_finds_its_language(wanted: str, tag: str | None) -> None:
    found = look_up(wanted)
    assert (found.tag if found else None) == tag
