"""`postroom alias import` and `export`: aliases as CSV."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.text import Text

from local.cli.arguments import OneDomain, domain_names
from local.cli.session import DEFAULT_DATA, Data, console, done, opened, printable
from postroom.app import App
from postroom.directory.alias_csv import Line, read_aliases, write_aliases
from postroom.directory.records import Alias
from postroom.errors import BadSetting

_TOGETHER = 500  # lines that are held at once
_PROGRESS = 10_000  # lines between two words of how far it is
_SHOWN = 50  # changes of a dry run, and removals; all with --verbose

File = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.")]
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def import_aliases(
    file: File,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be added, changed, removed.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove all other aliases, patterns and forwards of the domains in the file.",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Name each change.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add and change aliases as a CSV file says. To do it again is harmless.

    Its first line names columns: address, targets (spaces between), and as needed
    enabled (yes, no), expires (2027-03-31) and note, as `alias export` writes them.
    A line that is wrong is told with its number and stops nothing else;
    then the exit code is 1, and nothing is removed.
    """
    with opened(data) as app, _reading(file) as lines:
        run = _Import(app, dry, verbose)
        for line in _batches(read_aliases(lines)):
            run.put(line)
        if prune:
            run.remove_others()
    done(run.summary)
    if run.problems:
        raise typer.Exit(1)


def export_aliases(
    domain_name: OneDomain = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else to standard output.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write aliases, patterns and forwards as CSV; masked addresses are their users' own."""
    with opened(data) as app:
        names = domain_names(app, domain_name)
        lines = write_aliases(
            found for name in names for found in app.directory.aliases_by_kind(name)
        )
        if output is None:
            for line in lines:
                typer.echo(line.replace("\r\n", "\n"), nl=False)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as written:
                count = sum(1 for line in lines if written.write(line)) - 1
        except OSError as error:
            raise BadSetting(f"{output}: {error.strerror}") from error
    done(f"{count:,} aliases are in {output}")


class _Import:
    """One run over a file; it holds the address of each line, and a batch of the rest."""

    def __init__(self, app: App, dry: bool, verbose: bool) -> None:
        self._app = app
        self._dry = dry
        self._verbose = verbose
        self._lines: dict[str, int] = {}  # by address as it is filed
        self._counts = {"added": 0, "changed": 0, "same": 0, "removed": 0}
        self._told = 0
        self._read = 0
        self.problems = 0

    @property
    def summary(self) -> str:
        would = "would be " if self._dry else ""
        counts = self._counts
        said = ", ".join(f"{counts[name]:,} {name}" for name in ("added", "changed", "removed"))
        wrong = f"; {self.problems:,} lines are wrong" if self.problems else ""
        return f"{would}{said}; {counts['same']:,} are as they were{wrong}"

    def put(self, lines: list[Line]) -> None:
        good = []
        for line in lines:
            if line.alias is None:
                self._refuse(line, line.problem)
            else:
                good.append((line, line.alias))
        batch = self._once([alias for _, alias in good], [line for line, _ in good])
        outcomes = self._app.directory.put_aliases([alias for _, alias in batch], dry=self._dry)
        for (line, alias), outcome in zip(batch, outcomes, strict=True):
            if outcome.change == "refused":
                self._refuse(line, outcome.reason)
                continue
            self._counts[outcome.change] += 1
            if outcome.change != "same":
                self._tell(f"{outcome.change:8} {alias.address} → {' '.join(alias.targets)}")
        before, self._read = self._read, self._read + len(lines)
        if self._read // _PROGRESS > before // _PROGRESS:
            errors.print(f"{self._read:,} lines", style="dim")

    def remove_others(self) -> None:
        """Of the domains that the file names."""
        directory = self._app.directory
        if self.problems:
            errors.print("nothing is removed, since lines are wrong: put them right first")
            return
        for name in sorted({filed.rpartition("@")[2] for filed in self._lines}):
            # All at first: the list is not read while it gets shorter.
            others = [one for one in directory.names(name, "alias") if one not in self._lines]
            for address in others:
                if not self._dry:
                    directory.remove_alias(address)
                self._counts["removed"] += 1
                self._tell(f"{'removed':8} {address}")

    def _once(self, aliases: list[Alias], lines: list[Line]) -> list[tuple[Line, Alias]]:
        """Those whose address no line above has."""
        batch = []
        filed = self._app.directory.filed([alias.address for alias in aliases])
        for line, alias, address in zip(lines, aliases, filed, strict=True):
            first = self._lines.setdefault(address, line.number)
            if first != line.number:
                self._refuse(line, f"{alias.address} is in line {first} already")
                continue
            batch.append((line, alias))
        return batch

    def _refuse(self, line: Line, problem: str) -> None:
        self.problems += 1
        errors.print(Text(printable(f"line {line.number}: {problem}")))

    def _tell(self, text: str) -> None:
        if not self._dry and not self._verbose:
            return
        self._told += 1
        if self._verbose or self._told <= _SHOWN:
            console.print(Text(printable(text)), soft_wrap=True)
        elif self._told == _SHOWN + 1:
            console.print("… and more: --verbose names all", style="dim")


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while batch := list(islice(rest, _TOGETHER)):
        yield batch


@contextmanager
def _reading(file: str) -> Iterator[TextIO]:
    """What is not UTF-8 is told of its line."""
    if file == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield sys.stdin
        return
    try:
        lines = Path(file).open(encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 (below)
    except OSError as error:
        raise BadSetting(f"{file}: {error.strerror}") from error
    with lines:
        yield lines
