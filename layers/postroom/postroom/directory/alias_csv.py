"""Aliases as lines of CSV (RFC 4180), one alias a line, below a line of column names.

``address``; ``targets``, between spaces or semicolons; ``enabled``, yes or no; ``expires``, as
`directory.expiry` has it; ``note``; ``kind``, which is for the reader: it follows from the
address. Only the first two must be there. A file of an office program in a country of decimal
commas has semicolons between its fields; it is understood as well.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from postroom.directory.expiry import format_expiry, parse_expiry
from postroom.directory.records import ALIAS_KINDS, Alias, AliasKind
from postroom.errors import BadSetting

COLUMNS = ("address", "targets", "enabled", "expires", "note", "kind")
LONGEST_LINE = 400_000  # characters; a thousand targets of the longest
_NEEDED = 2
_TRUTHS = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
# In quotes a local part may have spaces and semicolons.
_TARGET = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s;,"])+')
_QUOTES_FIT = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^"])*')


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: an alias, or what is wrong."""

    number: int  # the first of the file is 1
    alias: Alias | None
    problem: str = ""


def read_aliases(lines: Iterable[str]) -> Iterator[Line]:
    """Yield what each line says, as it comes. Raises BadSetting when the column names are wrong;
    what is wrong with any other line is said of that line alone.

    A field has no line ends: so a quote that nobody closes spoils one line, not the rest.
    """
    csv.field_size_limit(LONGEST_LINE)
    columns: tuple[str, ...] = ()
    delimiter = ","
    for number, text in enumerate(lines, 1):
        line = text.rstrip("\r\n")
        if not line.strip(" ,;"):
            continue
        if not columns:
            delimiter = ";" if ";" in line and "," not in line else ","
            columns = _columns(_fields(line.removeprefix("\ufeff"), delimiter))
            continue
        try:
            yield Line(number, _alias(columns, _fields(line, delimiter)))
        except BadSetting as error:
            yield Line(number, None, str(error))
    if not columns:
        raise BadSetting(f"the file is empty: its first line names columns, {', '.join(COLUMNS)}")


def write_aliases(aliases: Iterable[tuple[Alias, AliasKind]]) -> Iterator[str]:
    """The lines of a file, with line ends, for aliases and their kinds."""
    yield _line(COLUMNS)
    for alias, kind in aliases:
        yield _line(
            (
                alias.address,
                " ".join(alias.targets),
                "yes" if alias.enabled else "no",
                format_expiry(alias.expires),
                alias.note,
                kind,
            )
        )


def _line(fields: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(fields)
    return written.getvalue()


def _fields(line: str, delimiter: str) -> list[str]:
    if len(line) > LONGEST_LINE:
        raise BadSetting(f"it has more than {LONGEST_LINE} characters")
    if not line.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in line):
        raise BadSetting("it is not UTF-8: save the file as UTF-8")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise BadSetting(f"it is no line of CSV: {error}") from error


def _columns(names: Sequence[str]) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in names)
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or len(set(columns)) < len(columns) or not {*COLUMNS[:_NEEDED]} <= set(columns):
        raise BadSetting(
            f"the first line names columns: address and targets, and of {', '.join(COLUMNS[2:])} "
            f"what you need; it says {', '.join(columns)}"
        )
    return columns


def _alias(columns: Sequence[str], fields: Sequence[str]) -> Alias:
    if len(fields) > len(columns):
        raise BadSetting(f"it has {len(fields)} fields, there are {len(columns)} columns")
    found = {name: field.strip() for name, field in zip(columns, fields, strict=False)}
    enabled = _TRUTHS.get(found.get("enabled", "").lower())
    if enabled is None:
        raise BadSetting(f"enabled is {found['enabled']!r}: write yes or no")
    kind = found.get("kind", "").lower()
    if kind and kind not in ALIAS_KINDS:
        raise BadSetting(f"kind is {kind!r}: there are {', '.join(ALIAS_KINDS)}")
    return Alias(
        found.get("address", ""),
        tuple(_targets(found.get("targets", ""))),
        enabled,
        parse_expiry(found.get("expires", "")),
        found.get("note", ""),
    )


def _targets(text: str) -> list[str]:
    if not _QUOTES_FIT.fullmatch(text):
        raise BadSetting(f"the quotes in {text[:80]!r} do not fit")
    return _TARGET.findall(text)
