"""`postroom trace`: what became of a message."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from local.cli.session import DEFAULT_DATA, Data, Json, console, opened, printable
from postroom.journeys.store import Journey
from postroom.relaying import operations_of


def trace(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MESSAGE-ID|QUEUE-ID|ADDRESS",
            help="A Message-ID (with or without <>), the id in the 250 reply, or an address.",
        ),
    ],
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """The journey of a message: accepted, delivered, and when."""
    with opened(data) as app:
        journeys = operations_of(app).with_attempts(app.journeys.trace(name))
    if not journeys:
        Console(stderr=True).print(
            f"nothing is known of {printable(name)}: it was never accepted here, its journey is "
            f"older than 30 days, or it still waits (see `postroom dlq list`)",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
        raise typer.Exit(1)
    if as_json:
        told = [asdict(journey) for journey in journeys]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=bytes.hex))
        return
    for journey in journeys:
        _show(journey)


def _show(journey: Journey) -> None:
    _line(f"{journey.queue_id}  {journey.message_id}", style="bold")
    _line(f"  from <{journey.reverse_path}> to {', '.join(journey.recipients)}")
    for event in journey.events:
        when = datetime.fromtimestamp(event.at / 1000, UTC).astimezone()
        clock = when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        _line(f"  {clock}  {event.step:10} {event.detail}")


def _line(text: str, style: str = "") -> None:
    console.print(Text(printable(text), style), soft_wrap=True)
