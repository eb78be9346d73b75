"""`postroom queue`: what waits to leave, and why it has not left yet."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer
from rich.live import Live

from local.cli.session import (
    DEFAULT_DATA,
    Data,
    Json,
    as_table,
    console,
    done,
    octets,
    opened,
    show,
)
from postroom.app import App
from postroom.relay.operations import Filter, Operations, Queued
from postroom.relay.pace import Paces
from postroom.relaying import operations_of, paces_of

queue = typer.Typer(no_args_is_help=True, help="Outbound mail: what waits to leave, and why.")

QueueId = Annotated[str, typer.Argument(metavar="QUEUE-ID", help="As `queue list` shows it.")]
Domain = Annotated[str, typer.Option("--domain", help="Only mail to this domain.")]
Sender = Annotated[str, typer.Option("--sender", help="Only mail from addresses with this text.")]
Recipient = Annotated[str, typer.Option("--to", help="Only mail to addresses with this text.")]
Held = Annotated[bool, typer.Option("--held", help="Only what is on hold.")]
_REFRESH = 1.0  # seconds


@queue.command("list")
def list_entries(
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    held: Held = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")] = 50,
    live: Annotated[bool, typer.Option("--live", help="Show it anew each second.")] = False,
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Messages that wait, the one that is due first on top."""
    chosen = Filter(domain, sender, recipient, True if held else None)
    with opened(data) as app:
        found = operations_of(app)
        if live and not as_json:
            return _watch(app, found, chosen, limit)
        rows, more = _rows(app, found, chosen, limit)
    show(rows, as_json, "nothing waits to leave" if chosen.is_empty else "nothing like that waits")
    if more and not as_json:
        console.print("…and more: --limit shows them, filters choose.", style="dim")
    return None


@queue.command("show")
def show_entry(queue_id: QueueId, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """One message: its recipients, and every attempt so far."""
    with opened(data) as app:
        entries = operations_of(app).of_message(queue_id)
        now = app.clock.seconds()
        rows = [_details(queued, now) for queued in entries]
    if as_json:
        show(rows, True, "")
        return
    for row, queued in zip(rows, entries, strict=True):
        events = row.pop("attempts")
        for name, value in row.items():
            console.print(f"[bold]{name.replace('_', ' '):>12}[/]  ", end="")
            console.print(str(value), markup=False, highlight=False)
        show(events, False, "no attempt yet")
        if queued is not entries[-1]:
            console.print()


@queue.command("retry")
def retry(
    queue_ids: Annotated[list[str] | None, typer.Argument(metavar="[QUEUE-ID…]")] = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Attempt now instead of at the due time."""
    with opened(data) as app:
        found = operations_of(app)
        chosen = Filter(domain, sender, recipient)
        names = _chosen(found, queue_ids, chosen, every)
        count = sum(found.retry(name) for name in names)
    done(f"{count} {'entries are' if count != 1 else 'entry is'} attempted now")


@queue.command("hold")
def hold(
    queue_id: QueueId,
    reason: Annotated[str, typer.Option("--reason", help="Shown by `queue list`.")] = "on hold",
    data: Data = DEFAULT_DATA,
) -> None:
    """Attempt a message no more until `queue release`. Its five days do not end meanwhile."""
    with opened(data) as app:
        operations_of(app).hold(queue_id, reason)
    done(f"{queue_id} is on hold")


@queue.command("release")
def release(queue_id: QueueId, data: Data = DEFAULT_DATA) -> None:
    """Let a message on hold go."""
    with opened(data) as app:
        operations_of(app).release(queue_id)
    done(f"{queue_id} is attempted now")


@queue.command("delete")
def delete(
    queue_ids: Annotated[list[str] | None, typer.Argument(metavar="[QUEUE-ID…]")] = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    bounce: Annotated[
        bool, typer.Option("--bounce", help="Tell the senders. Otherwise nobody hears of it.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give messages up for ever."""
    with opened(data) as app:
        found = operations_of(app)
        chosen = Filter(domain, sender, recipient)
        names = _chosen(found, queue_ids, chosen, every)
        count = sum(found.delete(name, tell=bounce) for name in names)
    told = "their senders are told" if bounce else "nobody is told"
    done(f"{count} {'entries are' if count != 1 else 'entry is'} gone, {told}")


@queue.command("pause")
def pause(
    domain: str,
    reason: Annotated[str, typer.Option("--reason")] = "by an operator",
    data: Data = DEFAULT_DATA,
) -> None:
    """Send nothing to a domain until `queue resume`."""
    with opened(data) as app:
        paces_of(app).pause(domain.lower(), reason)
    done(f"nothing is sent to {domain} until `postroom queue resume {domain}`")


@queue.command("resume")
def resume(domain: str, data: Data = DEFAULT_DATA) -> None:
    """Send to a domain again, at full pace: what has waited is attempted now."""
    with opened(data) as app:
        paces_of(app).resume(domain.lower())
        count = operations_of(app).release_domain(domain.lower())
    done(f"mail goes to {domain} again; {count} that were on hold are attempted now")


@queue.command("pace")
def pace(
    domain: str,
    connections: Annotated[
        int | None, typer.Option("--connections", min=0, help="At once; 0: no limit of its own.")
    ] = None,
    interval: Annotated[
        int | None, typer.Option("--interval", min=0, help="Milliseconds between messages.")
    ] = None,
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Show how fast mail goes to a domain, or limit it."""
    domain = domain.lower()
    with opened(data) as app:
        paces = paces_of(app)
        if connections is not None or interval is not None:
            paces.limit(domain, connections or 0, interval or 0)
        row = _pace(paces, domain)
    show([row], as_json, "")


def _pace(paces: Paces, domain: str) -> dict[str, Any]:
    found = paces.of([domain])[domain]
    return {
        "domain": domain,
        "paused": found.paused or False,
        "connections": found.connections,
        "interval_ms": found.interval,
        "rests_until": _time(found.not_before) if found.not_before else "",
        "failures": found.failures,
        "last_failure": found.reason,
    }


def _watch(app: App, found: Operations, chosen: Filter, limit: int) -> None:
    """Until Ctrl-C."""
    with Live(console=console, auto_refresh=False, screen=True) as view:
        try:
            while True:
                rows, _ = _rows(app, found, chosen, limit)
                view.update(as_table(rows) if rows else "nothing waits to leave", refresh=True)
                time.sleep(_REFRESH)
        except KeyboardInterrupt:
            return


def _chosen(
    found: Operations, queue_ids: list[str] | None, chosen: Filter, every: bool
) -> Iterator[str]:
    ways = bool(queue_ids) + (not chosen.is_empty) + every
    if ways != 1:
        raise typer.BadParameter("name messages by their queue ids, or by filters, or say --all")
    if queue_ids:
        return iter(queue_ids)
    return iter(list(dict.fromkeys(queued.entry.queue_id for queued in found.entries(chosen))))


def _rows(
    app: App, found: Operations, chosen: Filter, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    some = list(islice(found.entries(chosen), limit + 1))
    now = app.clock.seconds()
    return [_row(queued, now) for queued in some[:limit]], len(some) > limit


def _row(queued: Queued, now: float) -> dict[str, Any]:
    entry = queued.entry
    others = len(entry.goals) - 1
    return {
        "queue_id": entry.queue_id,
        "age": _span(now - entry.received / 1000),
        "size": octets(entry.size),
        "from": entry.sender or "<>",
        "to": entry.goals[0].address + (f" +{others}" if others else ""),
        "tries": entry.attempts,
        "next": _next(queued, now),
        "last": entry.held or _last(queued),
    }


def _details(queued: Queued, now: float) -> dict[str, Any]:
    entry = queued.entry
    return {
        "queue_id": entry.queue_id,
        "destination": entry.name,
        "from": entry.sender or "<>",
        "to": ", ".join(goal.address for goal in entry.goals),
        "size": octets(entry.size),
        "accepted": _time(entry.received),
        "next": _next(queued, now),
        "on_hold": entry.held or "no",
        "attempts": [
            {"at": _time(at), "step": step, "detail": detail} for at, step, detail in entry.events
        ],
    }


def _next(queued: Queued, now: float) -> str:
    if queued.entry.held:
        return "on hold"
    if queued.busy:
        return "now"
    left = queued.entry.next_try / 1000 - now
    return f"in {_span(left)}" if left > 0 else "soon"


def _last(queued: Queued) -> str:
    tries = [detail for _, step, detail in queued.entry.events if step == "deferred"]
    return tries[-1] if tries else ""


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds")


def _span(seconds: float) -> str:
    """3d 4h, 2h 5m, 5m, 12s."""
    whole = timedelta(seconds=max(0, round(seconds)))
    hours, rest = divmod(whole.seconds, 3600)
    minutes = rest // 60
    if whole.days:
        return f"{whole.days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{rest}s"
