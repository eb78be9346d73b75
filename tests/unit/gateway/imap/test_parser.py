"""Octets of one command become its value, or BadSyntax."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap import commands as c
from gateway.imap import search_keys as keys
from gateway.imap.commands_search import RETURN_ALL, Search
from gateway.imap.dates import parse_date_time, render_date_time
from gateway.imap.names import decode_name, decode_utf7, encode_name
from gateway.imap.parser import parse
from gateway.imap.parser_search import BadCharset
from gateway.imap.sequence_set import SAVED, SequenceSet, merge, parse_sequence_set
from gateway.imap.sequence_set import render_sequence_set as render_set
from gateway.imap.tokens import tag_of
from postroom.errors import BadSyntax

ONE = SequenceSet(((1, 1),))
ALL = SequenceSet(((1, 0),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"noop ", c.Noop(b"a"), id="a space at the end"),
        pytest.param(
            b"LOGIN al {3}\r\ns  ", c.Login(b"a", b"al", b"s  "), id="spaces in a literal"
        ),
        pytest.param(b'LOGIN "a\\"b" x]', c.Login(b"a", b'a"b', b"x]"), id="quoted and astring"),
        pytest.param(
            b"AUTHENTICATE PLAIN =", c.Authenticate(b"a", "PLAIN", b""), id="empty SASL-IR"
        ),
        pytest.param(b"AUTHENTICATE plain", c.Authenticate(b"a", "PLAIN", None), id="no SASL-IR"),
        pytest.param(b"SELECT inbox", c.Select(b"a", "INBOX"), id="INBOX in any case"),
        pytest.param(b"SELECT &AOk-t&AOk-", c.Select(b"a", "été"), id="modified UTF-7"),
        pytest.param(b'SELECT "\xc3\xa9"', c.Select(b"a", "é"), id="UTF-8 without ENABLE"),
        pytest.param(b"EXAMINE x (CONDSTORE)", c.Select(b"a", "x", True, True), id="condstore"),
        pytest.param(b'LIST "" %', c.List(b"a", "", ("%",)), id="an unquoted wildcard"),
        pytest.param(
            b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (INBOX "%") RETURN (CHILDREN STATUS (SIZE))',
            c.List(
                b"a",
                "",
                ("INBOX", "%"),
                frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}),
                frozenset({"CHILDREN", "STATUS"}),
                ("SIZE",),
                True,
            ),
            id="the extended LIST",
        ),
        pytest.param(b"UID EXPUNGE $", c.Expunge(b"a", SAVED), id="the saved result"),
        pytest.param(
            b"FETCH 1 FAST",
            c.Fetch(b"a", False, ONE, ("FLAGS", "INTERNALDATE", "RFC822.SIZE")),
            id="a macro",
        ),
        pytest.param(
            b"UID FETCH 1:* (BODY[1.2.MIME]<5.10> BODY.PEEK[HEADER.FIELDS (To)])(",
            None,
            id="rubbish after the items",
        ),
        pytest.param(
            b"UID FETCH 1:* (BODY[1.2.MIME]<5.10> BODY.PEEK[HEADER.FIELDS (To)])"
            b" (CHANGEDSINCE 9 VANISHED)",
            c.Fetch(
                b"a",
                True,
                ALL,
                (
                    c.BodySection("1.2", "MIME", (), (5, 10)),
                    c.BodySection("", "HEADER.FIELDS", (b"To",), peek=True),
                    "MODSEQ",
                ),
                9,
                True,
            ),
            id="sections and modifiers",
        ),
        pytest.param(
            b"FETCH 1 (BINARY.PEEK[1]<0.3> BINARY.SIZE[])",
            c.Fetch(b"a", False, ONE, (c.BinarySection("1", (0, 3), True), c.BinarySize())),
            id="binary",
        ),
        pytest.param(
            b"STORE 1 (UNCHANGEDSINCE 3) -FLAGS.SILENT \\Seen $x",
            c.Store(b"a", False, ONE, "remove", ("\\Seen", "$x"), True, 3),
            id="a STORE without parentheses",
        ),
        pytest.param(
            b"SEARCH RETURN () CHARSET ISO-8859-1 "
            b"OR FROM {1}\r\n\xe9 NOT (UNSEEN SENTON 1-Feb-1994)",
            Search(
                b"a",
                False,
                keys.Or(
                    keys.InHeader("from", "é"),
                    keys.Not(
                        keys.And(
                            (
                                keys.Not(keys.HasFlag("\\Seen")),
                                keys.OnDate("sent", "on", date(1994, 2, 1)),
                            )
                        )
                    ),
                ),
                RETURN_ALL,
                charset=True,
            ),
            id="a search",
        ),
        pytest.param(
            b'SEARCH MODSEQ "/flags/\\\\seen" all 7',
            Search(b"a", False, keys.ModSeq(7)),
            id="a search by MODSEQ",
        ),
        pytest.param(b"SELECT &AOk-&AOk-", None, id="two shifts where one would do"),
        pytest.param(b"SELECT &AGE-", None, id="ASCII in base64"),
        pytest.param(b"SELECT &2AA-", None, id="half a surrogate pair"),
        pytest.param(b"LIST (RECURSIVEMATCH) x y", None, id="RECURSIVEMATCH alone"),
        pytest.param(b"STORE 1 FLAGS (\\Nonsense)", None, id="an unknown system flag"),
        pytest.param(b"FETCH 0 FLAGS", None, id="message zero"),
        pytest.param(b"FETCH 4294967296 FLAGS", None, id="a number over 32 bits"),
        pytest.param(b"FETCH 1 BODY[MIME]", None, id="MIME of no part"),
        pytest.param(b"FETCH 1 (FLAGS) (VANISHED)", None, id="VANISHED alone"),
        pytest.param(b"LOGIN a {9}\r\nb", None, id="a literal cut short"),
        pytest.param(b"SEARCH ON 30-Feb-2020", None, id="a day that never was"),
        pytest.param(b"NOOP x", None, id="an argument too many"),
        pytest.param(b"FROBNICATE", None, id="an unknown command"),
    ],
)
def test_commands(text: bytes, expected: c.Command | None) -> None:
    if expected is None:
        with pytest.raises(BadSyntax):
            parse(b"a " + text)
    else:
        assert parse(b"a " + text) == expected


def test_a_charset_we_do_not_know_has_its_own_error() -> None:
    with pytest.raises(BadCharset):
        parse(b"a SEARCH CHARSET X-NONE TEXT x")


def test_errors_do_not_show_passwords() -> None:
    with pytest.raises(BadSyntax) as caught:
        parse(b'a LOGIN alice "sec\\ret"')
    assert "ret" not in str(caught.value).replace("section", "")


@pytest.mark.parametrize(
    ("command", "tag"),
    [(b"a1 x", b"a1"), (b"a1", b"a1"), (b"+ x", b"*"), (b"", b"*"), (b'a"', b"*")],
)
def test_the_tag_to_answer_with(command: bytes, tag: bytes) -> None:
    assert tag_of(command) == tag


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(b"SEARCH " + b"(" * 30_000 + b"ALL" + b")" * 30_000, id="deep parentheses"),
        pytest.param(b"SEARCH " + b"NOT " * 15_000 + b"ALL", id="deep NOT"),
        pytest.param(b"SEARCH " + b"OR ALL " * 9_000 + b"ALL", id="deep OR"),
        pytest.param(b"SEARCH " + b"ALL " * 15_000 + b"ALL", id="many keys"),
        pytest.param(
            b"FETCH 1 (" + b" ".join(b"BODY[%d]" % n for n in range(1, 6000)) + b")",
            id="many items",
        ),
        pytest.param(b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]", id="a deep part"),
        pytest.param(b"FETCH " + b"9" * 60_000 + b" FLAGS", id="a long number"),
        pytest.param(b"SELECT " + b"&" * 60_000, id="many shifts"),
    ],
)
def test_hostile_commands_are_refused_quickly(arguments: bytes) -> None:
    started = time.process_time()
    with pytest.raises(BadSyntax):
        parse(b"a " + arguments)
    assert time.process_time() - started < 2  # quadratic ones took seven


def test_a_million_ranges_stay_cheap() -> None:
    command = parse(b"a FETCH " + b",".join([b"1:*"] * 200_000) + b" FLAGS")
    assert isinstance(command, c.Fetch)
    assert merge(command.messages.ranges(largest=7)) == [range(1, 8)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"2,4:7", [range(2, 3), range(4, 8)], id="a list keeps its order"),
        pytest.param(b"7:4", [range(4, 8)], id="a range may run backwards"),
        pytest.param(b"900:*", [range(20, 901)], id="star below the first number"),
        pytest.param(b"*", [range(20, 21)], id="star alone"),
    ],
)
def test_sequence_sets_name_ranges(text: bytes, expected: list[range]) -> None:
    assert parse_sequence_set(text).ranges(largest=20) == expected


@given(st.sets(st.integers(1, 60)))
def test_numbers_survive_the_set(numbers: set[int]) -> None:
    if numbers:
        ranges = merge(parse_sequence_set(render_set(sorted(numbers))).ranges(99))
        assert [n for part in ranges for n in part] == sorted(numbers)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_names_survive_the_wire(name: str, utf8: bool) -> None:
    expected = "INBOX" if name.upper() == "INBOX" and len(name) == 5 else name
    assert decode_name(encode_name(name, utf8), utf8) == expected


@given(st.binary(max_size=20).map(lambda b: b"&" + b + b"-"))
def test_modified_utf7_has_one_spelling(wire: bytes) -> None:
    try:
        name = decode_utf7(wire) if wire.isascii() else ""
    except BadSyntax:
        return
    assert not wire.isascii() or encode_name(name, utf8=False) == wire


@given(st.integers(-(10**10), 10**11))
def test_dates_survive_the_wire(seconds: int) -> None:
    assert parse_date_time(render_date_time(seconds).strip(b'"')) == seconds
