"""The contract of postroom.platform.text_index.TextIndex."""

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.errors import StoreUnavailable
from postroom.message.searchable import Needle, anywhere, folded, in_body, in_field
from postroom.platform import text_segments
from postroom.platform.text_index import SegmentKey, SegmentUnusable, Text, TextIndex

ONE, TWO, BOTH = SegmentKey("m1-a"), SegmentKey("m1-b"), SegmentKey("m1-c")


@pytest.fixture
def texts(world: Any) -> TextIndex:
    found: TextIndex = world.platform.text_index
    return found


def text(uid: int, subject: str, body: str) -> Text:
    return Text(uid, b"\x00SUBJECT: " + folded(subject) + b"\x00", folded(body))


def found_by_reading(texts: list[Text], needle: Needle) -> list[int]:
    return [
        each.uid
        for each in texts
        if (needle.in_header and needle.is_in_header(each.header))
        or (needle.in_body and needle.is_in_body(each.body))
    ]


MAIL = [
    text(3, "Straße nach Köln", "Grüße, und 你好世界"),
    text(4, "Re: lunch", 'He said "no" — twice; a\x00b'),
    text(4_294_967_295, "", "x"),
]


@pytest.mark.parametrize(
    ("needle", "expected"),
    [
        pytest.param(anywhere("koln"), [], id="a decomposed accent stands between"),
        pytest.param(anywhere("KÖLN"), [3], id="without regard to case"),
        pytest.param(in_body("köln"), [], id="the body alone"),
        pytest.param(anywhere("好世"), [3], id="two characters"),
        pytest.param(anywhere("你好世界"), [3], id="four characters"),
        pytest.param(anywhere("x"), [4_294_967_295], id="one character"),
        pytest.param(anywhere('"no"'), [4], id="quotes"),
        pytest.param(anywhere("a\x00b"), [4], id="NUL"),
        pytest.param(anywhere(""), [3, 4, 4_294_967_295], id="nothing is everywhere"),
        pytest.param(in_field("subject", ""), [3, 4, 4_294_967_295], id="the field is there"),
        pytest.param(in_field("subject", "re: l"), [4], id="in a field"),
        pytest.param(in_field("to", ""), [], id="the field is not there"),
        pytest.param(in_field("subject: re", "lunch"), [], id="a name with a colon"),
        pytest.param(anywhere("subject: re"), [4], id="the name of a field"),
        pytest.param(anywhere("lunch\x00"), [], id="nothing is found across pieces"),
    ],
)
def test_needles_are_found(texts: TextIndex, needle: Needle, expected: list[int]) -> None:
    assert texts.write(ONE, MAIL).messages == 3
    assert texts.find(ONE, [needle]) == [expected]
    assert found_by_reading(MAIL, needle) == expected


def test_a_field_that_is_there_twice_is_searched_twice(texts: TextIndex) -> None:
    twice = Text(7, b"\x00TO: BOB\x00CC: EVE\x00TO: \x00TO: CAROL\x00", b"")
    texts.write(ONE, [*MAIL[:1], twice])
    for sought in ("bob", "carol", "eve", "", "c", "ca"):
        needle = in_field("to", sought)
        assert texts.find(ONE, [needle]) == [found_by_reading([twice], needle)], sought
    assert texts.find(ONE, [in_field("to", "eve"), in_field("to", "carol")]) == [[], [7]]


@pytest.fixture
def without_trigrams(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an SQLite that knows FTS5 and not the tokenizer, or neither, answers."""
    text_segments._knows_grams.cache_clear()
    monkeypatch.setattr(text_segments, "_GRAMS", text_segments._GRAMS.replace("trigram", "none"))
    yield
    text_segments._knows_grams.cache_clear()


def test_an_sqlite_without_trigrams_finds_the_same(
    texts: TextIndex, without_trigrams: None, caplog: pytest.LogCaptureFixture
) -> None:
    sought = [anywhere("köln"), in_body("好世"), in_field("subject", "re:"), anywhere("")]
    expected = [found_by_reading(MAIL, needle) for needle in sought]
    texts.write(ONE, MAIL)
    assert texts.find(ONE, sought) == expected
    [told] = [record.message for record in caplog.records if record.name == "postroom.search"]
    assert "FTS5 with trigrams is missing" in told


def test_a_segment_of_another_sqlite_is_searched(
    texts: TextIndex, request: pytest.FixtureRequest
) -> None:
    sought = [anywhere("köln"), in_body("好世"), anywhere("nowhere")]
    expected = [found_by_reading(MAIL, needle) for needle in sought]
    texts.write(ONE, MAIL)
    request.getfixturevalue("without_trigrams")
    assert texts.find(ONE, sought) == expected
    texts.write(TWO, [], [ONE])
    text_segments._knows_grams.cache_clear()
    request.getfixturevalue("monkeypatch").undo()
    assert texts.find(TWO, sought) == expected


def test_segments_are_merged_without_what_is_gone(texts: TextIndex) -> None:
    texts.write(ONE, MAIL[:2])
    made = texts.write(BOTH, MAIL[2:], [ONE], lambda uid: uid != 3)
    assert made.messages == 2
    assert made.octets > 0
    assert texts.find(BOTH, [anywhere(""), anywhere("köln")]) == [[4, 4_294_967_295], []]
    assert texts.find(ONE, [anywhere("köln")]) == [[3]]


def test_what_is_not_there_says_so(texts: TextIndex) -> None:
    with pytest.raises(SegmentUnusable):
        texts.find(ONE, [anywhere("x")])
    with pytest.raises(SegmentUnusable):
        texts.write(TWO, [], [ONE])
    with pytest.raises(SegmentUnusable):
        texts.find(TWO, [anywhere("x")])
    texts.delete([ONE, TWO])


def test_a_deleted_segment_is_gone(texts: TextIndex) -> None:
    texts.write(ONE, MAIL)
    texts.write(TWO, MAIL)
    texts.delete([ONE])
    with pytest.raises(SegmentUnusable):
        texts.find(ONE, [anywhere("x")])
    assert texts.find(TWO, [anywhere("x")]) == [[4_294_967_295]]


def test_a_segment_may_be_written_again(texts: TextIndex) -> None:
    texts.write(ONE, MAIL)
    texts.write(ONE, MAIL[1:])
    assert texts.find(ONE, [anywhere("")]) == [[4, 4_294_967_295]]


def test_an_empty_segment_is_one(texts: TextIndex) -> None:
    assert texts.write(ONE, []).messages == 0
    assert texts.find(ONE, [anywhere(""), anywhere("abc")]) == [[], []]


ALPHABET = st.text(
    st.sampled_from('ab AB"\x00é\u0301eE你好世\ufffd\uffff\U0001f600-*%ß\n'), max_size=12
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    mail=st.lists(st.tuples(ALPHABET, ALPHABET), max_size=6),
    sought=st.lists(ALPHABET, min_size=1, max_size=4),
)
def test_the_index_finds_what_reading_finds(
    texts: TextIndex, mail: list[tuple[str, str]], sought: list[str]
) -> None:
    there = [text(uid, *pieces) for uid, pieces in enumerate(mail, 1)]
    key = SegmentKey("m2-x")
    texts.delete([key])
    texts.write(key, there)
    needles = [
        make
        for each in sought
        for make in (anywhere(each), in_body(each), in_field("Subject", each))
    ]
    assert texts.find(key, needles) == [found_by_reading(there, needle) for needle in needles]


DAMAGE = [
    pytest.param(lambda octets: b"", id="empty"),
    pytest.param(lambda octets: b"garbage" * 1000, id="garbage"),
    pytest.param(lambda octets: octets[:5000], id="cut off"),
    pytest.param(lambda octets: octets[:4096] + b"\xff" * (len(octets) - 4096), id="overwritten"),
    pytest.param(lambda octets: octets[:60] + bytes(4) + octets[64:], id="of another format"),
    pytest.param(lambda octets: re.sub(rb"CREATE TABLE", b"CREATE TABEL", octets), id="schema"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_segment_is_unusable(world: Any, damage: Any) -> None:
    texts = world.platform.text_index
    texts.write(ONE, MAIL)
    damaged(world, ONE, damage)
    with pytest.raises(SegmentUnusable):
        texts.find(ONE, [anywhere("köln")])
    with pytest.raises(SegmentUnusable):
        texts.write(TWO, [], [ONE])
    texts.write(ONE, MAIL)
    assert texts.find(ONE, [anywhere("köln")]) == [[3]]


def damaged(world: Any, key: SegmentKey, damage: Any) -> None:
    """Damage the segment where it is kept."""
    texts = world.platform.text_index
    path: Path = texts._path(key)
    if hasattr(texts, "_bucket"):
        s3, name = world.platform._clients.s3, f"search/{key}"
        octets = s3.get_object(Bucket=texts._bucket, Key=name)["Body"].read()
        s3.put_object(Bucket=texts._bucket, Key=name, Body=damage(octets))
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))


def test_a_segment_is_not_given_up_when_no_more_files_may_be_open(texts: TextIndex) -> None:
    texts.write(ONE, MAIL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open(os.devnull, os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        with pytest.raises(StoreUnavailable):
            texts.find(ONE, [anywhere("köln")])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert texts.find(ONE, [anywhere("köln")]) == [[3]]
