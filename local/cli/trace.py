"""`postroom trace`: what became of a message."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from local.cli.session import DEFAULT_DATA, Data, Json, console, opened
from postroom.journeys.store import Journey


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
        journeys = app.journeys.trace(name)
    if not journeys:
        Console(stderr=True).print(
            f"nothing is known of {name}: it was never accepted here, its journey is older than "
            f"30 days, or it still waits (see `postroom dlq list`)",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
        raise typer.Exit(1)
    if as_json:
        typer.echo(
            json.dumps([asdict(journey) for journey in journeys], ensure_ascii=False, indent=2)
        )
        return
    for journey in journeys:
        _show(journey)


def _show(journey: Journey) -> None:
    console.print(f"[bold]{journey.queue_id}[/]  {journey.message_id}", highlight=False)
    console.print(
        f"  from <{journey.reverse_path}> to {', '.join(journey.recipients)}", highlight=False
    )
    for event in journey.events:
        when = datetime.fromtimestamp(event.at / 1000, UTC).astimezone()
        clock = when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        console.print(f"  {clock}  {event.step:10} {event.detail}", highlight=False, soft_wrap=True)
