"""date and currentdate (RFC 5260)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from postroom.sieve.engine import compile_script
from postroom.sieve.errors import ScriptError
from tests.unit.sieve.asking import REQUIRE, crlf, holds, values
from tests.unit.sieve.worlds import TableWorld, outcome

SUMMER = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
MESSAGE = crlf(
    "Received: from mx (x; y) by mx.example.test;\n Wed, 12 Nov 2014 18:18:31 +0100 (CET; yes)\n"
    "Received: second; Wed, 12 Nov 2014 18:18:30 +0100\n"
    "Received: third; Wed, 12 Nov 2014 18:18:29 +0100\n"
    "Date: Mon, 20 Jul 2009 21:44:43 +0300\n"
    "Winter: 1 Feb 2009 23:30:00 -0800\n"
    "Invalid: Moo, 34 Juul 3060 25:30:42 +6600\n"
    "No-Leap: 29 Feb 2009 10:00:00 +0000\n"
    "Last: 31 Dec 9999 23:00:00 -0500\n"
    "Zulu: 1 Jan 2009 00:00:00 -0000\nNamed: 1 Jan 2009 00:00:00 EST\n\n"
)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("year", "2009"),
        ("month", "07"),
        ("day", "20"),
        ("date", "2009-07-20"),
        ("julian", "55032"),
        ("hour", "21"),
        ("minute", "44"),
        ("second", "43"),
        ("time", "21:44:43"),
        ("iso8601", "2009-07-20T21:44:43+03:00"),
        ("std11", "Mon, 20 Jul 2009 21:44:43 +0300"),
        ("zone", "+0300"),
        ("weekday", "1"),
        ("WeekDay", "1"),
    ],
)
def test_a_date_has_parts(part: str, expected: str) -> None:
    assert values(f'date :originalzone :matches "date" "{part}" "*"', MESSAGE) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(':zone "+0200" "date"', "2009-07-20T20:44:43+02:00", id="a zone"),
        pytest.param(':zone "-0530" "date"', "2009-07-20T13:14:43-05:30", id="half an hour"),
        pytest.param(':zone "+0000" "date"', "2009-07-20T18:44:43Z", id="Zulu"),
        pytest.param(':zone "+9959" "date"', "2009-07-24T22:43:43+99:59", id="a zone beyond days"),
        pytest.param(':originalzone "zulu"', "2009-01-01T00:00:00Z", id="minus zero is Zulu"),
        pytest.param(':originalzone "named"', "2009-01-01T00:00:00-05:00", id="a named zone"),
        pytest.param('"date"', "2009-07-20T20:44:43+02:00", id="local in that summer"),
        pytest.param('"winter"', "2009-02-02T08:30:00+01:00", id="local in that winter"),
        pytest.param(
            ':originalzone "received"', "2014-11-12T18:18:31+01:00", id="after the last semicolon"
        ),
        pytest.param(
            ':index 2 :originalzone "received"', "2014-11-12T18:18:30+01:00", id="second field"
        ),
        pytest.param(
            ':index 1 :last :originalzone "received"', "2014-11-12T18:18:29+01:00", id="last field"
        ),
    ],
)
def test_a_date_is_shifted_to_a_zone(arguments: str, expected: str) -> None:
    world = TableWorld(at=SUMMER)
    assert values(f'date :matches {arguments} "iso8601" "*"', MESSAGE, world) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('date :matches "invalid" "std11" "*"', False, id="no date"),
        pytest.param('date :matches "no-leap" "std11" "*"', False, id="no such day"),
        pytest.param('date :matches "none" "std11" "*"', False, id="no field"),
        pytest.param('date :matches :zone "+0000" "last" "std11" "*"', False, id="the year 10000"),
        pytest.param('date :matches "last" "std11" "*"', False, id="nor the local one"),
        pytest.param('date :matches :originalzone "last" "year" "9999"', True, id="9999 itself"),
        pytest.param('date :count "eq" "date" "date" "1"', True, id="a date counts one"),
        pytest.param('date :count "eq" "received" "date" "1"', True, id="three count one"),
        pytest.param('date :count "eq" "invalid" "date" "0"', True, id="none counts nothing"),
        pytest.param('date :matches :index 4 "received" "date" "*"', False, id="a fourth"),
        pytest.param(
            'date :value "ge" :originalzone "date" "hour" "09"', True, id="values are compared"
        ),
        pytest.param(
            'date :originalzone "date" "std11" "mon, 20 jul 2009 21:44:43 +0300"',
            True,
            id="the comparator is ascii-casemap",
        ),
        pytest.param('currentdate "date" "2026-07-01"', True, id="today"),
        pytest.param('currentdate "iso8601" "2026-07-01T12:00:00+02:00"', True, id="now"),
        pytest.param('currentdate :zone "+0000" "hour" "10"', True, id="now elsewhere"),
        pytest.param('currentdate :count "eq" "date" "1"', True, id="now is one"),
        pytest.param('currentdate "weekday" "3"', True, id="Wednesday"),
    ],
)
def test_dates_are_compared(test: str, expected: bool) -> None:
    assert holds(test, MESSAGE, TableWorld(at=SUMMER)) is expected


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param('date "date" "century" "x"', "no part of a date", id="an unknown part"),
        pytest.param('date :zone "CET" "date" "date" "x"', "no time zone", id="a zone by name"),
        pytest.param('date :zone "+01:00" "date" "date" "x"', "no time zone", id="with a colon"),
        pytest.param('date :last "date" "date" "x"', '":last"', id="last alone"),
    ],
)
def test_a_wrong_date_test_is_explained(test: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        compile_script(f"{REQUIRE}if {test} {{ stop; }}".encode())


@pytest.mark.parametrize(
    "test",
    [
        'date :zone "+0100" :originalzone "date" "date" "x"',
        'currentdate :originalzone "date" "x"',
        'currentdate :index 1 "date" "x"',
        'date ["date", "received"] "date" "x"',
    ],
)
def test_arguments_that_do_not_fit_are_refused(test: str) -> None:
    with pytest.raises(ScriptError):
        compile_script(f"{REQUIRE}if {test} {{ stop; }}".encode())


@pytest.mark.parametrize(
    "test",
    ['date "date" "${part}" "x"', 'date :zone "${part}" "date" "date" "x"'],
)
def test_parts_and_zones_of_variables_fail_when_they_are_none(test: str) -> None:
    found = outcome(f'{REQUIRE}set "part" "nonsense"; if {test} {{ stop; }}', letter=MESSAGE)
    assert found.error is not None
    assert "nonsense" in found.error.problem.message


def test_parts_and_zones_may_be_variables() -> None:
    before = 'set "part" "HOUR"; set "zone" "+0000";'
    assert holds('date :zone "${zone}" "date" "${part}" "18"', MESSAGE, before=before)
