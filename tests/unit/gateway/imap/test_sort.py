"""The order of SORT (RFC 5256 section 3, RFC 5957)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap.commands_search import Criterion, SortKey
from gateway.imap.sort import Row, Sorting
from postroom.mailboxes.records import Message
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey


def row(sorting: Sorting, header: str, uid: int = 1, size: int = 100, date: int = 1000) -> Row:
    message = Message(uid, 1, frozenset(), size, date, 0, BlobKey("b"), b"")
    return sorting.row(message, summarise(header.replace("|", "\r\n").encode()).encode())


@pytest.mark.parametrize(
    ("key", "header", "expected"),
    [
        pytest.param("ARRIVAL", "", 1000, id="the internal date"),
        pytest.param("SIZE", "", 100, id="octets"),
        pytest.param("DATE", "Date: 1 Jan 1970 01:00:00 +0030", 1800, id="zones count"),
        pytest.param("DATE", "Date: 1 Jan 1970 01:00:00 XYZ", 3600, id="a zone that is none"),
        pytest.param("DATE", "Date: 2 Jan 1970 99:00:00 -0500", 86400, id="a time that is none"),
        pytest.param("DATE", "Date: yesterday", 1000, id="no date at all"),
        pytest.param("DATE", "", 1000, id="no Date field"),
        pytest.param(
            "SUBJECT", "Subject: Re: [x] =?utf-8?q?=C3=A9t=C3=A9?=", "E\u0301TE\u0301", id="base"
        ),
        pytest.param("SUBJECT", "", "", id="no subject"),
        pytest.param("FROM", "From: Zoe <ann@x>, b@y", "ANN", id="addr-mailbox of the first"),
        pytest.param("TO", "To: bob@x", "BOB", id="to"),
        pytest.param("CC", "Cc: carol@x", "CAROL", id="cc"),
        pytest.param("CC", "To: carol@x", "", id="no cc"),
        pytest.param("DISPLAYFROM", "From: =?utf-8?q?Zo=C3=AB?= <a@x>", "ZOE\u0308", id="a name"),
        pytest.param("DISPLAYFROM", "From: ann@x", "ANN@X", id="no name"),
        pytest.param("DISPLAYFROM", 'From: "" <ann@x>', "ANN@X", id="an empty name"),
        pytest.param("DISPLAYTO", "To: friends: a@x;", "FRIENDS", id="a group has no host"),
        pytest.param("DISPLAYTO", "", "", id="nobody"),
    ],
)
def test_values_that_messages_are_sorted_by(key: SortKey, header: str, expected: object) -> None:
    sorting = Sorting([Criterion(key)])
    assert row(sorting, header).values == (expected,)
    assert sorting.needs_summary == (key not in ("ARRIVAL", "SIZE"))


SUBJECTS = ["a", "B", "Re: b", "c"]
CRITERIA = st.lists(
    st.builds(Criterion, st.sampled_from(["ARRIVAL", "SIZE", "SUBJECT"]), st.booleans()),
    min_size=1,
    max_size=4,
)
MESSAGES = st.lists(
    st.tuples(st.sampled_from(SUBJECTS), st.integers(1, 3), st.integers(1, 3)), max_size=12
)


@given(CRITERIA, MESSAGES)
def test_rows_lie_in_the_order_that_one_by_one_they_have(
    criteria: list[Criterion], messages: list[tuple[str, int, int]]
) -> None:
    sorting = Sorting(criteria)
    rows = [
        row(sorting, f"Subject: {subject}", uid, size, date)
        for uid, (subject, size, date) in enumerate(messages, 1)
    ]
    sorting.sort(rows)
    assert sorted(each.uid for each in rows) == list(range(1, len(messages) + 1))
    for one, other in pairwise(rows):
        assert sorting.precedes(one, other)
        assert not sorting.precedes(other, one)


def test_reverse_leaves_the_order_of_the_mailbox_alone() -> None:
    sorting = Sorting([Criterion("SUBJECT", reverse=True)])
    rows = [row(sorting, f"Subject: {each}", uid) for uid, each in enumerate(["a", "b", "B"], 1)]
    sorting.sort(rows)
    assert [each.uid for each in rows] == [2, 3, 1]
