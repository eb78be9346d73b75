"""A segment of the text index as an SQLite file: written once, opened only to read.

``texts`` holds what is searched. ``grams`` is an FTS5 index of which three characters in a row
occur in which message, without their places: it names few candidates, and their texts decide. So
what is found is what a substring search finds. An SQLite that was built without it writes
and searches the texts alone. The file is not trusted: whatever is wrong with it is SegmentUnusable.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from postroom.errors import StoreUnavailable
from postroom.message.searchable import Needle
from postroom.platform.text_index import SegmentKey, SegmentUnusable, Text

log = logging.getLogger("postroom.search")

_FORMAT = 2  # in user_version; written at the end, so that half a file is none
_PAGE = 65536  # octets: most texts lie within one, and are not put together of many to be searched
_MOST_GRAMS = 16  # that a candidate must have; more find hardly fewer
_MOST_STARTING = 2000  # grams that start so and messages that have them, times each other
_ALTERED = frozenset("\ufffe\uffff")  # SQLite takes them for U+FFFD when it makes grams
_MEMORY = 32 * 1024 * 1024  # octets of the index that are gathered before they are written
_TEXTS = """
    CREATE TABLE texts (uid INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL)
"""
_GRAMS = """
    CREATE VIRTUAL TABLE grams USING fts5
        (text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1')
"""


def write_segment(
    path: Path,
    texts: Iterable[Text],
    merged: Sequence[tuple[SegmentKey, Path]],
    keep: Callable[[int], bool],
) -> int:
    """Write a new file; return how many messages are in it. It is not synced.

    Raises StoreUnavailable; SegmentUnusable for one of the *merged*.
    """
    count = 0
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as made:
            # Nobody sees the file before it is whole: there is nothing to roll back to.
            made.execute("PRAGMA journal_mode = OFF")
            made.execute("PRAGMA synchronous = OFF")
            made.execute(f"PRAGMA page_size = {_PAGE}")
            made.execute(_TEXTS)
            with_grams = _knows_grams()
            if with_grams:
                made.execute(_GRAMS)
                made.execute("INSERT INTO grams (grams, rank) VALUES ('hashsize', ?)", (_MEMORY,))
            made.execute("BEGIN")
            for text in chain(_kept(merged, keep), texts):
                made.execute("INSERT INTO texts VALUES (?, ?, ?)", text)
                if with_grams:
                    made.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", _grams_of(text))
                count += 1
            if with_grams:
                made.execute("INSERT INTO grams (grams) VALUES ('optimize')")
            made.execute("COMMIT")
            made.execute(f"PRAGMA user_version = {_FORMAT}")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    return count


def _kept(merged: Sequence[tuple[SegmentKey, Path]], keep: Callable[[int], bool]) -> Iterator[Text]:
    for key, path in merged:
        with _opened(key, path) as segment:
            for uid, header, body in segment.execute("SELECT uid, header, body FROM texts"):
                if keep(uid):
                    yield Text(uid, header, body)


@cache
def _knows_grams() -> bool:
    with closing(sqlite3.connect(":memory:")) as tried:
        try:
            tried.execute(_GRAMS)
        except sqlite3.Error as error:
            log.warning(
                "search reads all texts: FTS5 with trigrams is missing (SQLite 3.34 has it)",
                extra={"reason": str(error), "sqlite": sqlite3.sqlite_version},
            )
            return False
    return True


def _grams_of(text: Text) -> tuple[int, str]:
    # For FTS5 a text ends at a NUL. That something else stands there finds more candidates at most.
    # With one at the end, any two characters of the text start a gram.
    octets = (text.header + text.body + b"\x00").replace(b"\x00", b"\n")
    return text.uid, octets.decode("utf-8", "replace")


def find_in_segment(key: SegmentKey, path: Path, needles: Sequence[Needle]) -> list[list[int]]:
    """The UIDs of the messages that have each needle. Raises SegmentUnusable, StoreUnavailable."""
    with _opened(key, path) as segment:
        return [_find(segment, needle) for needle in needles]


@contextmanager
def _opened(key: SegmentKey, path: Path) -> Iterator[sqlite3.Connection]:
    try:
        # Nobody writes: no locks, and no look for a journal.
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as segment:
            [found] = segment.execute("PRAGMA user_version").fetchone()
            if found != _FORMAT:
                raise SegmentUnusable(key, f"format {found}")
            yield segment
    # Text that is no UTF-8, and values of another type, where somebody else wrote.
    except (sqlite3.Error, ValueError, TypeError) as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CANTOPEN and path.exists():
            # No more files may be open: the segment is as good as before.
            raise StoreUnavailable(f"{path}: {error}") from error
        raise SegmentUnusable(key, error) from error


# The answer of a query is one row: for each, a thread waits for the interpreter, and for long
# when another is busy. So a field is looked for in SQL, too; the second of a name is not.
_ANSWER = "SELECT json_group_array(uid) FROM {tables} WHERE {known} AND ({test})"
_ANSWER_OF_FIELD = """
    SELECT json_group_array(uid) FILTER (WHERE there),
           json_group_array(uid) FILTER (WHERE NOT there AND instr(rest, :mark))
    FROM (SELECT uid, rest, instr(substr(rest, 1, instr(rest, x'00') - 1), :text) > 0 AS there
          FROM (SELECT uid, substr(header, instr(header, :mark) + length(:mark)) AS rest
                FROM {tables} WHERE {known} AND instr(header, :mark) AND instr(header, :text)))
"""
_MARKED = "SELECT uid, header FROM texts WHERE uid IN (SELECT value FROM json_each(?))"
_STARTING = """
    SELECT count(*), json_group_array(DISTINCT doc)
    FROM (SELECT doc FROM gram WHERE term BETWEEN ? AND ? LIMIT ?)
"""


def _find(segment: sqlite3.Connection, needle: Needle) -> list[int]:
    tables, known, which = _candidates(segment, needle.text.decode())
    values: dict[str, bytes | str] = {"text": needle.text, "which": which}
    if needle.field is None:
        places = [("header", needle.in_header), ("body", needle.in_body)]
        test = " OR ".join(f"instr({place}, :text)" for place, wanted in places if wanted)
        query = _ANSWER.format(tables=tables, known=known, test=test)
        [uids] = segment.execute(query, values).fetchone()
        return sorted(json.loads(uids))
    values["mark"] = needle.mark
    query = _ANSWER_OF_FIELD.format(tables=tables, known=known)
    uids, others = segment.execute(query, values).fetchone()
    more = [
        uid for uid, header in segment.execute(_MARKED, (others,)) if needle.is_in_header(header)
    ]
    return sorted(json.loads(uids) + more)


def _candidates(segment: sqlite3.Connection, text: str) -> tuple[str, str, str]:
    """What names the messages that may have the text: tables, a condition on them, ``:which``."""
    if len(text) > 2 and _has_grams(segment):
        return "grams JOIN texts ON uid = grams.rowid", "grams MATCH :which", _query(text)
    # Two are a word, in Chinese.
    if len(text) == 2 and _ALTERED.isdisjoint(text) and _has_grams(segment):
        segment.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.gram USING fts5vocab(main, grams, instance)"
        )
        bounds = (text, text + "\U0010ffff", _MOST_STARTING)
        count, uids = segment.execute(_STARTING, bounds).fetchone()
        if count < _MOST_STARTING:
            return "texts", "uid IN (SELECT value FROM json_each(:which))", uids
    return "texts", "true", ""


def _has_grams(segment: sqlite3.Connection) -> bool:
    if not _knows_grams():
        return False
    made = segment.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'grams'")
    return bool(made.fetchone()[0])


def _query(text: str) -> str:
    """For FTS5: candidates have all these."""
    grams = list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2)))
    step = max(len(grams) // _MOST_GRAMS, 1)
    return " AND ".join(['"' + gram.replace('"', '""') + '"' for gram in grams[::step]])
