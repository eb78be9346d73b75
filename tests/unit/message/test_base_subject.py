"""Base subjects (RFC 5256 section 2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.base_subject import base_subject


@pytest.mark.parametrize(
    ("subject", "text", "is_reply"),
    [
        pytest.param("hello", "hello", False, id="nothing to remove"),
        pytest.param("Re: hello", "hello", True, id="a reply"),
        pytest.param("re : FW:Fwd: hello", "hello", True, id="marks of every kind"),
        pytest.param("Re[2]: hello", "hello", True, id="a mark with a blob"),
        pytest.param("[list] Re: [other] hello", "hello", True, id="blobs around a mark"),
        pytest.param("[list] hello", "hello", False, id="a blob alone is no reply"),
        pytest.param("[a][b]", "[b]", False, id="the last blob stays when nothing follows"),
        pytest.param("Re: [a] [b] ", "[b]", True, id="so it does behind a mark"),
        pytest.param("hello [list]", "hello [list]", False, id="a blob at the end stays"),
        pytest.param("hello (fwd) (FWD) ", "hello", True, id="trailers"),
        pytest.param("[fwd: hello]", "hello", True, id="wrapped"),
        pytest.param("Re: [Fwd: [x] Re: hello (fwd)] (fwd)", "hello", True, id="wrapped deeply"),
        pytest.param("[fwd: hello] x", "x", False, id="a blob that only looks wrapped"),
        pytest.param("a\r\n\tb   c", "a b c", False, id="white space"),
        pytest.param("Re:", "", True, id="a mark alone"),
        pytest.param("(fwd)", "", True, id="a trailer alone"),
        pytest.param("[fwd:]", "", True, id="an empty wrapper"),
        pytest.param("regards: x", "regards: x", False, id="a word that begins like a mark"),
        pytest.param("AW: x", "AW: x", False, id="marks of other languages stay (section 7)"),
        pytest.param("[x re: y", "[x re: y", False, id="a blob without end"),
        pytest.param("", "", False, id="nothing"),
    ],
)
def test_base_subjects(subject: str, text: str, is_reply: bool) -> None:
    assert base_subject(subject) == (text, is_reply)


@given(st.lists(st.sampled_from(["re", "fwd", ":", " ", "[", "]", "x", "(fwd)", "[fwd:"])))
def test_a_base_has_no_mark_left(words: list[str]) -> None:
    base = base_subject("".join(words)).text
    assert base_subject(base) == (base, False)


@pytest.mark.parametrize("knot", ["re:", "[a]", "[fwd:", "(fwd)", "[", "[a]re", "re[", " "])
def test_a_long_subject_takes_no_more_than_its_length(knot: str) -> None:
    base_subject(knot * 200_000)  # a minute and more if it were its square
