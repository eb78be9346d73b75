"""A segment of the text index as an SQLite file: written once, opened only to read.

``texts`` holds what is searched. ``grams`` is an FTS5 index of which three characters in a row
occur in which message, without their places: it names few candidates, and their texts decide. So
what is found is what a substring search finds. The file is not trusted: whatever is wrong
with it is SegmentUnusable.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from postroom.errors import StoreUnavailable
from postroom.message.searchable import Needle
from postroom.platform.text_index import SegmentKey, SegmentUnusable, Text

_FORMAT = 1  # in user_version; written at the end, so that half a file is none
_MOST_GRAMS = 16  # that a candidate must have; more find hardly fewer
_MEMORY = 32 * 1024 * 1024  # octets of the index that are gathered before they are written
_SCHEMA = """
    CREATE TABLE texts (uid INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL);
    CREATE VIRTUAL TABLE grams USING fts5
        (text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1');
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
            made.executescript(_SCHEMA)
            made.execute("INSERT INTO grams (grams, rank) VALUES ('hashsize', ?)", (_MEMORY,))
            made.execute("BEGIN")
            for text in chain(_kept(merged, keep), texts):
                made.execute("INSERT INTO texts VALUES (?, ?, ?)", text)
                made.execute("INSERT INTO grams (rowid, text) VALUES (?, ?)", _grams_of(text))
                count += 1
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


def _grams_of(text: Text) -> tuple[int, str]:
    # For FTS5 a text ends at a NUL. That something else stands there finds more candidates at most.
    return text.uid, (text.header + text.body).replace(b"\x00", b"\n").decode("utf-8", "replace")


def find_in_segment(key: SegmentKey, path: Path, needles: Sequence[Needle]) -> list[list[int]]:
    """The UIDs of the messages that have each needle. Raises SegmentUnusable."""
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
        raise SegmentUnusable(key, error) from error


def _find(segment: sqlite3.Connection, needle: Needle) -> list[int]:
    tests: list[str] = []
    values: list[bytes | str] = []
    if needle.in_header:
        tests.append("instr(header, ?)")
        values.append(needle.text)
    if needle.in_body:
        tests.append("instr(body, ?)")
        values.append(needle.text)
    source, test = "texts", " OR ".join(tests)
    grams = _query(needle.text.decode())
    if grams:
        source, test = "grams JOIN texts ON uid = grams.rowid", f"grams MATCH ? AND ({test})"
        values.insert(0, grams)
    shown = "uid" if needle.field is None else "uid, header"
    found = segment.execute(f"SELECT {shown} FROM {source} WHERE {test}", values)  # noqa: S608  (our words)
    if needle.field is None:
        return [uid for (uid,) in found]
    return [uid for uid, header in found if needle.is_in_header(header)]


def _query(text: str) -> str:
    """For FTS5: candidates have all these, "" when there is nothing to go by."""
    grams = list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2)))
    step = max(len(grams) // _MOST_GRAMS, 1)
    return " AND ".join(['"' + gram.replace('"', '""') + '"' for gram in grams[::step]])
