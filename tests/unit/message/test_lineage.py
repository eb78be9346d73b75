"""What a message tells of its thread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.lineage import Lineage, lineage, root_hash, subject_of_thread, thread_of
from postroom.message.summary import summarise


def line(header: str) -> Lineage:
    return lineage(summarise(header.encode() + b"\r\n\r\n"), "blob")


OWN = "Message-ID: <own@x>\r\n"


@pytest.mark.parametrize(
    ("header", "root", "doubtful"),
    [
        pytest.param("Message-ID: <own@x>", "<own@x>", False, id="a first message"),
        pytest.param("Subject: Re: x", "blob", False, id="no identifier, nothing above"),
        pytest.param(OWN + "References: <a@x> <b@x>", "<a@x>", False, id="the first of several"),
        pytest.param(OWN + "References: <a@x>", "<a@x>", True, id="one may be a parent only"),
        pytest.param(OWN + "In-Reply-To: <b@x>", "<b@x>", True, id="In-Reply-To alone"),
        pytest.param(
            OWN + "In-Reply-To: <b@x> <c@x>", "<b@x>", True, id="the first of In-Reply-To"
        ),
        pytest.param(
            OWN + "In-Reply-To: <b@x>\r\nReferences: <a@x> <b@x>",
            "<a@x>",
            False,
            id="both, as they ought to be",
        ),
        pytest.param(
            OWN + "In-Reply-To: <c@x>\r\nReferences: <a@x> <b@x>",
            "<a@x>",
            True,
            id="References that lack the parent",
        ),
        pytest.param(
            OWN + "In-Reply-To: your message of Tuesday", "<own@x>", False, id="words, no reference"
        ),
        pytest.param(OWN + "References: <own@x>", "<own@x>", False, id="itself"),
        pytest.param(OWN + "References: <own@x> <a@x> <a@x>", "<a@x>", True, id="twice the same"),
        pytest.param(OWN + 'References: <"a"@x> <b@x>', "<a@x>", False, id="quoted without need"),
        pytest.param(
            OWN + "References:" + "".join(f"\r\n <{n}@x>" for n in range(5000)),
            "<0@x>",
            False,
            id="thousands",
        ),
    ],
)
def test_a_message_goes_back_to_its_root(header: str, root: str, doubtful: bool) -> None:
    found = line(header)
    assert (found.root, found.doubtful) == (root, doubtful)
    assert found.is_reply == (root != found.own)


@pytest.mark.parametrize(
    "subject",
    [
        "Plans for Köln",
        "Re: Plans for Köln",
        "[list] Re: [other] plans for köln",
        "AW: WG: Plans for Köln",
        "Antw: Re: Fwd: Plans for Köln (fwd)",
        "RE : TR : Plans  for\r\n Köln",
        "SV[2]: Plans for Köln",
        "回复:Plans for Köln",
    ],
)
def test_answers_keep_the_subject(subject: str) -> None:
    assert subject_of_thread(subject) == subject_of_thread("Plans for Köln")


@pytest.mark.parametrize("subject", ["Plans for Bonn", "", "Re:", "Plans for Köln, second part"])
def test_another_subject_is_another(subject: str) -> None:
    assert subject_of_thread(subject) != subject_of_thread("Plans for Köln")


def test_a_thread_has_one_root_and_one_subject() -> None:
    one, other = root_hash("<a@x>"), root_hash("<b@x>")
    threads = {thread_of(root, text) for root in (one, other) for text in ("x", "Re: x", "y")}
    assert len(threads) == 4
    assert {len(thread) for thread in threads} == {16}


@given(
    st.lists(st.sampled_from(["re", "aw", "sv", ":", " ", "[", "]", "1", "x", "İ"]), max_size=80)
)
def test_a_mark_more_changes_nothing(pieces: list[str]) -> None:
    subject = "".join(pieces)
    assert subject_of_thread(f"Re: {subject}") == subject_of_thread(subject)
