"""The words: every language says the same things, and the right one is chosen."""

import re
from typing import get_args

import jinja2
import pytest

from postroom.relay.notices import causes, words
from postroom.relay.notices.causes import cause_of, delay_cause_of
from postroom.relay.notices.words import LANGUAGES, choose_language, human_text
from postroom.relay.notices.wrapping import WIDTH, columns, paragraphs, quoted, wrap
from postroom.relay.reports import Action, Told
from tests.unit.relay.notices.test_compose import DAY, HOST, ORIGINAL, report, told


def macros(language: str) -> dict[str, int]:
    """Names of the texts, and how many paragraphs each has."""
    source = (words._TEMPLATES / f"{language}.j2").read_text()
    found = re.findall(r"\{% macro (\w+)\(.*?\) -?%\}\n?(.*?)\{%-? endmacro %\}", source, re.DOTALL)
    return {name: len(re.findall(r"\n[ \t]*\n", body.strip())) + 1 for name, body in found}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    assert macros(language) == macros("en")


ALL_CAUSES = {
    *causes._EXACT.values(),
    *causes._BY_SUBJECT.values(),
    *("unknown", "suppressed", "complained", "spam"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", sorted(ALL_CAUSES))
def test_every_cause_says_what_happened_and_what_to_do(
    language: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "cause_of", lambda told: cause)
    person = told(suppressed="bounce", since=1, until=report().received + 9 * DAY)
    text = human_text(
        report(person, size=30_000_000), ORIGINAL, hostname=HOST, language=language, full=True
    )
    assert "{" not in text
    assert "\n\n\n" not in text
    assert all(columns(line) <= WIDTH for line in text.splitlines())
    blocks = text.split("\n\n")
    at = next(number for number, block in enumerate(blocks) if "bob@other.test" in block)
    # what, what to do, the answer, the closing
    assert len(blocks[at + 1 :]) == 4, text


@pytest.mark.parametrize("kind", ["bounce", "complaint", "manual"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_suppressed_address_has_advice_in_a_paragraph_of_its_own(
    language: str, kind: str
) -> None:
    person = told(status="5.7.1", reply="", suppressed=kind, since=1_800_000_000_000)
    text = human_text(report(person), ORIGINAL, hostname=HOST, language=language, full=False)
    assert sum(f"postmaster@{HOST}" in block for block in text.split("\n\n")) == 2
    assert "example.test" in text


def test_a_placeholder_that_is_not_there_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        words._environment().from_string("{{ it.nothing }}").render(it=told())


@pytest.mark.parametrize(
    ("status", "reply", "cause"),
    [
        ("5.1.1", "550 5.1.1 No", "no_such_user"),
        ("5.1.2", "", "no_such_domain"),
        ("5.1.10", "", "no_mail_domain"),
        ("5.2.2", "552 5.2.2 Over quota", "mailbox_full"),
        ("4.2.2", "452 4.2.2 Mailbox full", "mailbox_full"),
        ("5.4.7", "452 4.2.2 Mailbox full", "mailbox_full"),
        ("5.4.7", "", "expired"),
        ("4.4.1", "", "expired"),
        ("5.3.4", "", "too_large"),
        ("5.2.3", "", "too_large"),
        ("5.7.1", "550 5.7.1 Message rejected as spam", "spam"),
        ("5.7.1", "554 5.7.1 Service unavailable; Client host blocked using zen", "spam"),
        ("5.7.1", "550 5.7.1 Relaying denied", "policy"),
        ("5.7.26", "550-5.7.26 DMARC", "not_authentic"),
        ("5.7.10", "", "no_tls"),
        ("5.7.30", "", "no_tls"),
        ("5.6.7", "", "no_smtputf8"),
        ("5.0.0", "550 User unknown", "no_such_user"),
        ("5.0.0", "550 The account you tried to reach does not exist", "no_such_user"),
        ("5.0.0", "550 no", "unknown"),
        ("5.1.99", "", "no_such_user"),
        ("5.7.99", "", "policy"),
        ("nonsense", "", "unknown"),
    ],
)
def test_the_code_names_the_cause(status: str, reply: str, cause: str) -> None:
    assert cause_of(told(status=status, reply=reply)) == cause


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        (told(action="delayed", status="4.4.1", reply=""), "delayed_unreachable"),
        (told(action="delayed", status="4.7.1", reply="450 4.7.1 Greylisted"), "delayed_put_off"),
        (told(action="delayed", status="4.2.2", reply="452 full"), "delayed_mailbox_full"),
        (told(action="delayed", status="4.7.10", reply=""), "delayed_no_tls"),
    ],
)
def test_a_delay_has_its_own_words(what: Told, cause: str) -> None:
    assert delay_cause_of(what) == cause


@pytest.mark.parametrize(
    ("preferred", "header", "language"),
    [
        ("fr", b"Accept-Language: de\r\n", "fr"),
        ("pt", b"Accept-Language: de\r\n", "de"),
        ("", b"Accept-Language: da, es;q=0.8, en\r\nContent-Language: de\r\n", "es"),
        ("", b"Content-Language: de-CH\r\n", "de"),
        ("zh_CN", b"", "zh"),
        ("", b"Content-Language: xx, \xff\0\r\n", "en"),
        ("", b"", "en"),
    ],
)
def test_the_senders_language_is_chosen(preferred: str, header: bytes, language: str) -> None:
    assert choose_language(preferred, header) == language


@pytest.mark.parametrize("action", get_args(Action))
def test_the_gravest_action_names_the_report(action: Action) -> None:
    order = get_args(Action)
    later = order[order.index(action) :]
    people = [told(action=other) for other in reversed(later)]
    assert words.gravest(people) == action


def test_to_everyone_or_to_some() -> None:
    def text(to: bytes) -> str:
        original = b"To: " + to + b"\r\n\r\n"
        return human_text(report(), original, hostname=HOST, language="en", full=True)

    assert "could not be delivered.\n" in text(b"bob@other.test")
    assert "could not be delivered to everyone.\n" in text(b"Bob@other.test, eva@other.test")


def test_chinese_breaks_between_signs_but_not_before_a_full_stop() -> None:
    lines = wrap("字" * 10 + "\u3002" + "字" * 3, 20)
    assert lines == ["字" * 9, "字\u3002" + "字" * 3]


def test_wrapping_keeps_paragraphs_and_long_addresses_whole() -> None:
    address = "x" * 200 + "@a.test"
    assert paragraphs(f"one\ntwo\n\n{address} three", 2) == f"  one two\n\n  {address}\n  three"
    assert max(map(len, quoted("y" * 500, 4).splitlines())) == WIDTH
    assert wrap("a\N{NO-BREAK SPACE}: b", 3) == ["a\N{NO-BREAK SPACE}:", "b"]
