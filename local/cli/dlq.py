"""`postroom dlq`: letters that no attempt could deal with, and why."""

from typing import Annotated

import typer
from rich.console import Console

from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show
from postroom.pipeline.dead_letters import DeadLetters

dlq = typer.Typer(no_args_is_help=True, help="Dead letters: what failed again and again, and why.")

QueueName = Annotated[str, typer.Option("--queue", help="Which queue's dead letters.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID…]", help="Letters by id, as `list` shows them.")
]
All = Annotated[bool, typer.Option("--all", help="Every dead letter of the queue.")]


@dlq.command("list")
def list_letters(
    queue: QueueName = "inbound", as_json: Json = False, data: Data = DEFAULT_DATA
) -> None:
    """Dead letters with the reason of their last failure."""
    with opened(data) as app:
        rows = [
            {
                "id": letter.id,
                "sent": letter.sent.isoformat(timespec="seconds"),
                "reason": letter.reason,
                "body": letter.body if as_json else letter.body[:120],
            }
            for letter in DeadLetters(app.platform, queue, app.clock).all()
        ]
    show(rows, as_json, f"no dead letters in {queue}")


@dlq.command("replay")
def replay(
    ids: Ids = None, every: All = False, queue: QueueName = "inbound", data: Data = DEFAULT_DATA
) -> None:
    """Put dead letters back into their queue, to be tried anew."""
    with opened(data) as app:
        count = DeadLetters(app.platform, queue, app.clock).replay(_chosen(ids, every))
    _report(count, ids, f"back in {queue}")


@dlq.command("drop")
def drop(
    ids: Ids = None, every: All = False, queue: QueueName = "inbound", data: Data = DEFAULT_DATA
) -> None:
    """Forget dead letters for ever. The message itself stays in the blob store."""
    with opened(data) as app:
        count = DeadLetters(app.platform, queue, app.clock).drop(_chosen(ids, every))
    _report(count, ids, "dropped")


def _chosen(ids: list[str] | None, every: bool) -> set[str] | None:
    """The ids, or None for all."""
    if bool(ids) == every:
        raise typer.BadParameter("name the letters by id, or say --all")
    return None if every else set(ids or ())


def _report(count: int, ids: list[str] | None, outcome: str) -> None:
    missing = len(ids or ()) - count
    if count or missing <= 0:
        done(f"{count} letter{'s' if count != 1 else ''} {outcome}")
    if missing > 0:
        Console(stderr=True).print(
            f"{missing} of the letters were not there: see `postroom dlq list`", style="yellow"
        )
        raise typer.Exit(1)
