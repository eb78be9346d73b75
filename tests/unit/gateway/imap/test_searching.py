"""What a searching command asks, how its results are cut, ordered and told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap.commands_search import (
    RETURN_ALL,
    CancelUpdate,
    Criterion,
    MultiSearch,
    Returns,
    Search,
    Sort,
    Thread,
)
from gateway.imap.filter_mailboxes import SELECTED, FilterMailboxes
from gateway.imap.parser import parse
from gateway.imap.parser_search import BadCharset
from gateway.imap.partial import Partial, part_of
from gateway.imap.responses_search import (
    correlator,
    esearch,
    mailbox_correlator,
    numbers_line,
    result_items,
    update_item,
)
from gateway.imap.search_keys import And, HasEmailId, HasThreadId, OnDate
from postroom.errors import BadSyntax

ALL = And(())


def returning(*options: str, partial: Partial | None = None) -> Returns:
    return Returns(frozenset(options), partial)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            b"UID SORT (SUBJECT REVERSE DISPLAYFROM) utf-8 ALL",
            Sort(b"a", True, (Criterion("SUBJECT"), Criterion("DISPLAYFROM", True)), ALL),
            id="a SORT",
        ),
        pytest.param(
            b'SORT RETURN (UPDATE PARTIAL -1:-9) (DATE) "US-ASCII" ALL',
            Sort(
                b"a",
                False,
                (Criterion("DATE"),),
                ALL,
                returning("UPDATE", partial=Partial(1, 9, from_end=True)),
            ),
            id="an extended SORT",
        ),
        pytest.param(
            b"thread references utf-8 all", Thread(b"a", False, "REFERENCES", ALL), id="a THREAD"
        ),
        pytest.param(
            b"UID SEARCH RETURN (partial 500:400 count) ALL",
            Search(b"a", True, ALL, returning("COUNT", partial=Partial(500, 400))),
            id="a range that runs backwards",
        ),
        pytest.param(
            b"ESEARCH ALL", MultiSearch(b"a", (SELECTED,), ALL, RETURN_ALL), id="ESEARCH alone"
        ),
        pytest.param(
            b'ESEARCH IN (mailboxes "a" subtree-one (b c) personal) RETURN (COUNT) CHARSET x ALL',
            None,
            id="a charset that nobody knows",
        ),
        pytest.param(
            b'esearch in (mailboxes "a" Subtree-One (b c) personal) return (count) ALL',
            MultiSearch(
                b"a",
                (
                    FilterMailboxes("mailboxes", frozenset({"a"})),
                    FilterMailboxes("subtree-one", frozenset({"b", "c"})),
                    FilterMailboxes("personal"),
                ),
                ALL,
                returning("COUNT"),
            ),
            id="an ESEARCH of many mailboxes",
        ),
        pytest.param(
            b'CANCELUPDATE "b1" "b2"', CancelUpdate(b"a", (b"b1", b"b2")), id="CANCELUPDATE"
        ),
        pytest.param(
            b"SEARCH EMAILID e1", Search(b"a", False, HasEmailId("e1")), id="an object identifier"
        ),
        pytest.param(
            b"SEARCH THREADID t1", Search(b"a", False, HasThreadId("t1")), id="a thread identifier"
        ),
        pytest.param(
            b"SEARCH SAVEDATESUPPORTED", Search(b"a", False, ALL), id="we have save dates"
        ),
        pytest.param(b"SORT (DATE) ALL", None, id="a SORT without a charset"),
        pytest.param(b"SORT () UTF-8 ALL", None, id="a SORT without criteria"),
        pytest.param(b"SORT (REVERSE) UTF-8 ALL", None, id="REVERSE alone"),
        pytest.param(b"SORT (REVERSE REVERSE DATE) UTF-8 ALL", None, id="REVERSE twice"),
        pytest.param(b"SORT (" + b"DATE " * 21 + b") UTF-8 ALL", None, id="too many criteria"),
        pytest.param(b"THREAD REFS UTF-8 ALL", None, id="an algorithm we lack"),
        pytest.param(b"SEARCH RETURN (PARTIAL 1:2 ALL) ALL", None, id="PARTIAL and ALL"),
        pytest.param(b"SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL", None, id="PARTIAL twice"),
        pytest.param(b"SEARCH RETURN (PARTIAL 1:*) ALL", None, id="PARTIAL with a star"),
        pytest.param(b"SEARCH RETURN (PARTIAL 1:-2) ALL", None, id="PARTIAL of both ends"),
        pytest.param(b"SEARCH RETURN (PARTIAL 0:2) ALL", None, id="PARTIAL from 0"),
        pytest.param(b"SEARCH RETURN (PARTIAL) ALL", None, id="PARTIAL of nothing"),
        pytest.param(b"ESEARCH IN () ALL", None, id="no source"),
        pytest.param(b"ESEARCH IN (selected-delayed) ALL", None, id="a source of NOTIFY only"),
        pytest.param(b"ESEARCH IN (personal (x)) ALL", None, id="scope options"),
        pytest.param(b"ESEARCH IN (personal) RETURN (SAVE) ALL", None, id="SAVE of many mailboxes"),
        pytest.param(b"CANCELUPDATE", None, id="CANCELUPDATE of nothing"),
        pytest.param(b"SEARCH EMAILID %", None, id="no object identifier"),
    ],
)
def test_searching_commands_become_values(text: bytes, expected: object) -> None:
    if expected is None:
        with pytest.raises(BadSyntax):
            parse(b"a " + text)
    else:
        assert parse(b"a " + text) == expected


def test_days_of_saving_are_told_from_others() -> None:
    command = parse(b"a SEARCH SAVEDSINCE 1-Feb-2020")
    assert isinstance(command, Search)
    assert isinstance(command.key, OnDate)
    assert (command.key.field, command.key.relation) == ("saved", "since")


@pytest.mark.parametrize("text", [b"SORT RETURN (SAVE) (DATE) X ALL", b"THREAD REFERENCES X ALL"])
def test_an_unknown_charset_is_an_error_of_its_own(text: bytes) -> None:
    with pytest.raises(BadCharset) as caught:
        parse(b"a " + text)
    assert caught.value.saves == (b"SAVE" in text)


# Which of the results a command speaks of (RFC 9394 section 3.2, table 1).
FOUND = [10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("returns", "named", "wanted"),
    [
        pytest.param(returning("SAVE"), FOUND, 0, id="SAVE alone"),
        pytest.param(returning("UPDATE"), FOUND, 0, id="UPDATE alone"),
        pytest.param(returning("SAVE", "MIN"), [10], 1, id="MIN"),
        pytest.param(returning("SAVE", "MAX"), [50], 1, id="MAX"),
        pytest.param(returning("MIN", "MAX"), [10, 50], 0, id="MIN and MAX"),
        pytest.param(returning("MIN", "COUNT"), FOUND, 0, id="COUNT speaks of all"),
        pytest.param(returning("MIN", "UPDATE"), [10], 0, id="MIN that is kept up to date"),
        pytest.param(returning("SAVE", partial=Partial(2, 3)), [20, 30], 3, id="PARTIAL"),
        pytest.param(returning("MIN", partial=Partial(3, 2)), [10, 20, 30], 3, id="PARTIAL, MIN"),
        pytest.param(returning("MAX", partial=Partial(2, 3)), [20, 30, 50], 0, id="PARTIAL, MAX"),
        pytest.param(
            returning("MIN", "MAX", partial=Partial(5, 9)), [10, 50], 0, id="PARTIAL, MIN, MAX"
        ),
        pytest.param(
            returning("MAX", partial=Partial(2, 3, True)), [30, 40, 50], 3, id="from the end, MAX"
        ),
        pytest.param(
            returning("MIN", partial=Partial(1, 1, True)), [10, 50], 0, id="from the end, MIN"
        ),
        pytest.param(returning("COUNT", partial=Partial(2, 3)), FOUND, 0, id="PARTIAL, COUNT"),
    ],
)
def test_what_an_answer_names(returns: Returns, named: list[int], wanted: int) -> None:
    assert list(returns.named(FOUND)) == named
    assert returns.wanted == wanted
    assert list(returns.named([])) == []


@given(
    st.lists(st.integers(1, 99), max_size=30, unique=True).map(sorted),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_the_results_wanted_are_enough(
    found: list[int], first: int, last: int, from_end: bool
) -> None:
    """Looking no further than needed gives the same answer."""
    for options in ((), ("MIN",), ("MAX",), ("MIN", "MAX")):
        returns = returning(*options, partial=Partial(first, last, from_end))
        wanted = returns.wanted or len(found)
        seen = found[-wanted:] if returns.from_end else found[:wanted]
        assert list(returns.named(seen)) == list(returns.named(found))
        assert result_items(seen, returns) == result_items(found, returns)


@pytest.mark.parametrize(
    ("partial", "expected"),
    [
        pytest.param(Partial(2, 3), [range(3, 4), range(7, 8)], id="across a gap"),
        pytest.param(Partial(1, 2, from_end=True), [range(8, 10)], id="from the end"),
        pytest.param(Partial(4, 99), [range(8, 10)], id="beyond the end"),
        pytest.param(Partial(6, 9), [], id="all beyond the end"),
        pytest.param(Partial(6, 9, from_end=True), [], id="all before the start"),
    ],
)
def test_part_of_ranges(partial: Partial, expected: list[range]) -> None:
    assert part_of([range(2, 4), range(7, 10)], partial) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(numbers_line(b"SEARCH", []), b"* SEARCH\r\n", id="nothing found"),
        pytest.param(numbers_line(b"SORT", [5, 2], 9), b"* SORT 5 2 (MODSEQ 9)\r\n", id="MODSEQ"),
        pytest.param(
            esearch(
                correlator(b"a"),
                True,
                result_items([2, 3, 4, 9], returning("MIN", "ALL", "COUNT"), 7),
            ),
            b'* ESEARCH (TAG "a") UID MIN 2 ALL 2:4,9 COUNT 4 MODSEQ 7\r\n',
            id="ESEARCH",
        ),
        pytest.param(
            esearch(correlator(b"a"), False, result_items([], returning("MIN", "ALL", "COUNT"), 7)),
            b'* ESEARCH (TAG "a") COUNT 0\r\n',
            id="ESEARCH of nothing",
        ),
        pytest.param(
            esearch(
                correlator(b"a"),
                True,
                result_items([9, 4, 3, 5, 6], returning("MIN", "MAX", partial=Partial(2, 9))),
            ),
            b'* ESEARCH (TAG "a") UID MIN 9 MAX 6 PARTIAL (2:9 4,3,5:6)\r\n',
            id="in another order, ranges only where numbers ascend (RFC 5267 section 3.2)",
        ),
        pytest.param(
            esearch(
                mailbox_correlator(b"a", "été", 7, utf8=False),
                True,
                result_items([], returning(partial=Partial(1, 2, from_end=True))),
            ),
            b'* ESEARCH (TAG "a" MAILBOX "&AOk-t&AOk-" UIDVALIDITY 7) UID PARTIAL (-1:-2 NIL)\r\n',
            id="of another mailbox",
        ),
        pytest.param(
            update_item(b"ADDTO", [(0, [4, 5, 6]), (7, [9, 8])]),
            b"ADDTO (0 4:6 7 9,8)",
            id="pairs of position and set",
        ),
    ],
)
def test_search_responses(line: bytes, expected: bytes) -> None:
    assert line == expected
