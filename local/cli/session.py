"""What every command shares: the stores it works on, and how it prints."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from postroom.app import App, build

console = Console()
DEFAULT_DATA = Path("var")

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="POSTROOM_DATA",
        help="Folder of the embedded store. With POSTROOM_STORE=aws the stores in AWS are used.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@contextmanager
def opened(data: Path) -> Iterator[App]:
    """The application over the stores that the settings name, closed at the end."""
    app = build({**os.environ, "POSTROOM_DATA": str(data)})
    try:
        yield app
    finally:
        app.platform.close()


def show(rows: Sequence[dict[str, Any]], as_json: bool, empty: str) -> None:
    """Print *rows* as a table, or as a JSON list; *empty* is for a person when there are none."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        console.print(empty, style="dim")
        return
    console.print(as_table(rows))


def as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows, of which there is one at least, under the names of the first one's values."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(_text(value))) for value in row.values()))
    return table


def done(sentence: str) -> None:
    """Say that it is done."""
    console.print(f"[green]✓[/] {escape(printable(sentence))}")


def printable(text: str) -> str:
    """Strangers choose Message-IDs and names: nothing of theirs may steer the terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def octets(count: int) -> str:
    """A size for people: 1.5 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
