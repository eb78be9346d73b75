"""Aliases as lines of CSV, and the times at which they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.directory.alias_csv import LONGEST_LINE, read_aliases, write_aliases
from postroom.directory.expiry import format_expiry, parse_expiry, parse_expiry_or_span
from postroom.directory.records import ALIAS_KINDS, Alias
from postroom.errors import BadSetting

HEAD = "address,targets,enabled,expires,note,kind\r\n"
NOON = 1_806_494_400  # 2027-03-31T12:00Z


def only(line: str, head: str = HEAD) -> Alias | str:
    [found] = read_aliases([head, line])
    assert found.number == 2
    assert (found.alias is None) is bool(found.problem)
    return found.alias or found.problem


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("a@x.test,b@x.test,yes,,,alias", Alias("a@x.test", ("b@x.test",)), id="plain"),
        pytest.param(
            "a@x.test,b@x.test c@x.test;d@x.test,,,,",
            Alias("a@x.test", ("b@x.test", "c@x.test", "d@x.test")),
            id="several targets",
        ),
        pytest.param(
            'a@x.test,"b@x.test, c@x.test"', Alias("a@x.test", ("b@x.test", "c@x.test")), id="short"
        ),
        pytest.param(
            'a@x.test,"""b; b""@x.test c@x.test"',
            Alias("a@x.test", ('"b; b"@x.test', "c@x.test")),
            id="a quoted local part",
        ),
        pytest.param(
            'a@x.test,b@x.test,NO,2027-03-31,"a ""note"", with a comma",pattern',
            Alias("a@x.test", ("b@x.test",), False, NOON + 43_200, 'a "note", with a comma'),
            id="all fields",
        ),
        pytest.param(
            "a@x.test,b@x.test,1,2027-03-31T12:00Z,,",
            Alias("a@x.test", ("b@x.test",), expires=NOON),
            id="to the minute",
        ),
        pytest.param(" a@x.test , b@x.test ,,never", Alias("a@x.test", ("b@x.test",)), id="spaces"),
        pytest.param("a@x.test,", Alias("a@x.test", ()), id="what the directory will refuse"),
    ],
)
def test_a_line_is_an_alias(line: str, expected: Alias) -> None:
    assert only(line) == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("a@x.test,b@x.test,perhaps", "yes or no", id="enabled"),
        pytest.param("a@x.test,b@x.test,,soon", "2027-03-31", id="expires"),
        pytest.param("a@x.test,b@x.test,,30d", "2027-03-31", id="a span would end anew each time"),
        pytest.param("a@x.test,b@x.test,,,,masked", "alias, pattern, forward", id="kind"),
        pytest.param("a@x.test,b,,,,,more", "7 fields", id="too many fields"),
        pytest.param('a@x.test,"b@x.test,yes', "CSV", id="a quote that nobody closes"),
        pytest.param('a@x.test,"b"@x.test', "CSV", id="a quote in the middle"),
        pytest.param('a@x.test,"""b@x.test"', "quotes", id="a quote in the address"),
        pytest.param("a@x.test,\udcfc@x.test", "UTF-8", id="another charset"),
        pytest.param("a@x.test," + "b" * LONGEST_LINE, "characters", id="no end"),
    ],
)
def test_a_bad_line_is_told_and_spoils_no_other(line: str, problem: str) -> None:
    found = list(
        read_aliases([HEAD, "\n", "a@x.test,b@x.test\n", line + "\n", "c@x.test,d@x.test"])
    )
    assert [(one.number, one.alias is not None) for one in found] == [
        (3, True),
        (4, False),
        (5, True),
    ]
    assert problem in found[1].problem


@pytest.mark.parametrize(
    ("head", "line"),
    [
        pytest.param("\ufeffaddress,targets", "a@x.test,b@x.test", id="a byte order mark"),
        pytest.param("Targets,NOTE,Address", "b@x.test,,a@x.test", id="any order and case"),
        pytest.param("address;targets;note", "a@x.test;b@x.test;", id="semicolons"),
    ],
)
def test_the_first_line_says_what_is_where(head: str, line: str) -> None:
    assert only(line, head) == Alias("a@x.test", ("b@x.test",))


@pytest.mark.parametrize(
    "head", ["address", "a@x.test,b@x.test", "address,targets,targets", "address,targets,sprocket"]
)
def test_other_first_lines_are_refused(head: str) -> None:
    with pytest.raises(BadSetting, match="columns"):
        list(read_aliases([head, "a@x.test,b@x.test"]))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadSetting, match="empty"):
        list(read_aliases(["\n", ",,,\n"]))


WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12)


@given(
    st.lists(
        st.builds(
            Alias,
            st.from_regex(r"[a-z*.]{1,8}@x\.test", fullmatch=True),
            st.lists(st.from_regex(r'([a-z!#$]{1,9}|"[a-z ;,]{0,9}")@y\.test', fullmatch=True))
            .filter(len)
            .map(tuple),
            st.booleans(),
            st.integers(0, 4_000_000_000),
            st.lists(WORDS).map(lambda words: " ".join(words).strip()),
        ),
        max_size=4,
    ),
    st.sampled_from(ALIAS_KINDS),
)
def test_what_is_written_is_read(aliases: list[Alias], kind: str) -> None:
    lines = list(write_aliases((alias, kind) for alias in aliases))  # type: ignore[misc]
    assert [line.alias for line in read_aliases(lines)] == aliases


@given(st.lists(st.text(max_size=60)))
def test_any_text_is_read_or_told(lines: list[str]) -> None:
    for line in read_aliases([HEAD, *lines]):
        assert (line.alias is None) is bool(line.problem)


def test_quotes_take_no_time() -> None:
    assert "CSV" in str(only('a@x.test,"' + "b" * 300_000))
    assert "quotes" in str(only('a@x.test,"' + "b" * 300_000 + '"""'))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("2027-03-31", NOON + 43_200, id="the last day"),
        pytest.param("2027-03-31T12:00", NOON, id="UTC"),
        pytest.param("2027-03-31 14:00+02:00", NOON, id="a zone"),
        pytest.param("2027-03-31T12:00:00Z", NOON, id="Z"),
        pytest.param("12h", 1000 + 43_200, id="hours"),
        pytest.param("30d", 1000 + 30 * 86_400, id="days"),
        pytest.param("2w", 1000 + 14 * 86_400, id="weeks"),
        pytest.param("never", 0, id="never"),
        pytest.param("", 0, id="nothing"),
    ],
)
def test_an_end_is_a_date_or_a_span(text: str, seconds: int) -> None:
    assert parse_expiry_or_span(text, 1000.5) == seconds


@pytest.mark.parametrize(
    "text", ["soon", "31.03.2027", "2027-02-30", "1969-01-01", "9999-12-31", "3", "d", "-1d", "1m"]
)
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(BadSetting, match="2027-03-31"):
        parse_expiry_or_span(text, 1000)


@given(st.integers(0, 200_000_000_000))
def test_an_end_is_written_as_it_is_read(expires: int) -> None:
    assert parse_expiry(format_expiry(expires)) == expires
