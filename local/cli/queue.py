"""`postroom queue`: what waits to leave, and why it has not left yet."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from local.cli.queue_views import (
    as_card,
    as_lines,
    attempts,
    card,
    details_of,
    iso_time,
    row_of,
)
from local.cli.session import (
    DEFAULT_DATA,
    Data,
    Json,
    console,
    done,
    opened,
    show,
)
from postroom.app import App
from postroom.directory.addresses import canonical_domain
from postroom.relay.operations import Busy, Filter, NotInQueue, Operations, Queued
from postroom.relay.pace import Paces
from postroom.relaying import operations_of, paces_of


def _domain(text: str) -> str:
    """As entries have it. Raises BadAddress."""
    return canonical_domain(text) if text and not text.startswith("[") else text


queue = typer.Typer(no_args_is_help=True, help="Outbound mail: what waits to leave, and why.")

QueueId = Annotated[str, typer.Argument(metavar="QUEUE-ID", help="As `queue list` shows it.")]
QueueIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[QUEUE-ID…]", help="Messages, as `queue list` shows them."),
]
Domain = Annotated[
    str, typer.Option("--domain", callback=_domain, help="Only mail to this domain.")
]
DomainName = Annotated[str, typer.Argument(callback=_domain, help="Where mail goes.")]
Sender = Annotated[str, typer.Option("--sender", help="Only mail from addresses with this text.")]
Recipient = Annotated[str, typer.Option("--to", help="Only mail to addresses with this text.")]
Held = Annotated[bool, typer.Option("--held", help="Only what is on hold.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything that waits.")]
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
    """Messages that wait, the one that is due first on top, those on hold last."""
    if live and as_json:
        raise typer.BadParameter("--live is for people, --json for scripts")
    chosen = Filter(domain, sender, recipient, True if held else None)
    with opened(data) as app:
        found = operations_of(app)
        if live:
            return _watch(app, found, chosen, limit)
        some, more = _some(found, chosen, limit)
        now = app.clock.seconds()
    if as_json:
        show([row_of(queued) for queued in some], True, "")
        return None
    console.print(as_lines(some, now, _width()) if some else _nothing(chosen), soft_wrap=True)
    if more:
        console.print("…and more: --limit shows them, filters choose.", style="dim")
    return None


@queue.command("show")
def show_entry(queue_id: QueueId, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """One message: its recipients, and every attempt so far."""
    with opened(data) as app:
        entries = operations_of(app).of_message(queue_id)
        now = app.clock.seconds()
    if as_json:
        show([details_of(queued) for queued in entries], True, "")
        return
    for queued in entries:
        if queued is not entries[0]:
            console.print()
        console.print(as_card(queued, now))
        show(attempts(queued.entry), False, "no attempt yet")


@queue.command("retry")
def retry(
    queue_ids: QueueIds = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Everything = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Attempt now instead of at the due time; what is on hold only if it is named."""
    with opened(data) as app:
        chosen = Filter(domain, sender, recipient)
        found = operations_of(app)
        count = _each(found, queue_ids, chosen, every, Operations.retry, held=False)
    done(f"{_messages(count)} attempted now")


@queue.command("hold")
def hold(
    queue_ids: QueueIds = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Everything = False,
    reason: Annotated[str, typer.Option("--reason", help="Shown by `queue list`.")] = "on hold",
    data: Data = DEFAULT_DATA,
) -> None:
    """Attempt messages no more until `queue release`. The time after which they are given up goes
    on, but nothing is given up before that."""

    def held(found: Operations, queue_id: str, chosen: Filter) -> int:
        return found.hold(queue_id, reason or "on hold", chosen)

    with opened(data) as app:
        chosen = Filter(domain, sender, recipient)
        count = _each(operations_of(app), queue_ids, chosen, every, held)
    done(f"{_messages(count)} on hold until `postroom queue release`")


@queue.command("release")
def release(
    queue_ids: QueueIds = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Everything = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Let messages on hold go."""
    with opened(data) as app:
        chosen = Filter(domain, sender, recipient)
        found = operations_of(app)
        count = _each(found, queue_ids, chosen, every, Operations.release, held=True)
    done(f"{_messages(count)} attempted now")


@queue.command("delete")
def delete(
    queue_ids: QueueIds = None,
    domain: Domain = "",
    sender: Sender = "",
    recipient: Recipient = "",
    every: Everything = False,
    bounce: Annotated[
        bool, typer.Option("--bounce", help="Tell the senders. Otherwise nobody hears of it.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give messages up for ever."""

    def given_up(found: Operations, queue_id: str, chosen: Filter) -> int:
        return found.delete(queue_id, tell=bounce, chosen=chosen)

    with opened(data) as app:
        chosen = Filter(domain, sender, recipient)
        count = _each(operations_of(app), queue_ids, chosen, every, given_up)
    done(f"{_messages(count)} gone, {'their senders are told' if bounce else 'nobody is told'}")


@queue.command("route")
def lead(
    queue_id: QueueId,
    url: Annotated[
        str,
        typer.Argument(
            help="smtp://host\\[:port], smtps://host, mx: or ses:. '' takes the usual way again."
        ),
    ],
    domain: Domain = "",
    recipient: Recipient = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Send one message another way than `postroom route` says, now."""
    with opened(data) as app:
        count = operations_of(app).lead(queue_id, url, Filter(domain=domain, recipient=recipient))
    done(f"{_messages(count)} sent by {url}" if url else f"{_messages(count)} sent the usual way")


@queue.command("pause")
def pause(
    domain: DomainName,
    reason: Annotated[str, typer.Option("--reason")] = "by an operator",
    data: Data = DEFAULT_DATA,
) -> None:
    """Send nothing to a domain until `queue resume`."""
    with opened(data) as app:
        paces_of(app).pause(domain, reason)
    done(f"nothing is sent to {domain} until `postroom queue resume {domain}`")


@queue.command("resume")
def resume(domain: DomainName, data: Data = DEFAULT_DATA) -> None:
    """Send to a domain again, at full pace: what has waited is attempted now."""
    with opened(data) as app:
        paces_of(app).resume(domain)
        count = operations_of(app).release_domain(domain)
    done(f"mail goes to {domain} again; {_messages(count)} attempted now")


@queue.command("pace")
def pace(
    domain: DomainName,
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
    with opened(data) as app:
        paces = paces_of(app)
        if connections is not None or interval is not None:
            now = paces.of([domain])[domain]
            paces.limit(
                domain,
                now.most_connections if connections is None else connections,
                now.least_interval if interval is None else interval,
            )
        row = _pace(paces, domain)
    if as_json:
        show([row], True, "")
    else:
        console.print(card({name.replace("_", " "): str(value) for name, value in row.items()}))


def _pace(paces: Paces, domain: str) -> dict[str, Any]:
    found = paces.of([domain])[domain]
    return {
        "domain": domain,
        "paused": found.paused,
        "connections": found.connections,
        "interval_ms": found.interval,
        "rests_until": iso_time(found.not_before) if found.not_before else "",
        "failures": found.failures,
        "last_failure": found.reason,
    }


def _width() -> int | None:
    """Of the terminal; what goes into a file or another program is not cut."""
    return console.width if console.is_terminal else None


def _nothing(chosen: Filter) -> Text:
    return Text("nothing waits to leave" if chosen.is_empty else "nothing like that waits", "dim")


def _watch(app: App, found: Operations, chosen: Filter, limit: int) -> None:
    """Until Ctrl-C."""
    with Live(console=console, auto_refresh=False, screen=True) as view:
        try:
            while True:
                room = max(1, (console.height - 2) // 2)
                some, more = _some(found, chosen, min(limit, room))
                now = app.clock.seconds()
                text = as_lines(some, now, console.width) if some else _nothing(chosen)
                if more:
                    text.append("\n…and more", "dim")
                view.update(text, refresh=True)
                time.sleep(_REFRESH)
        except KeyboardInterrupt:
            return


def _each(
    found: Operations,
    queue_ids: list[str] | None,
    chosen: Filter,
    every: bool,
    act: Callable[[Operations, str, Filter], int],
    *,
    held: bool | None = None,
) -> int:
    """Do it to the messages that are named, or to all that the filters choose: of these only to
    what is on hold or is not, if *held* says so.

    What a worker has at this moment is left alone, and told. Returns how many were there.
    """
    if not (queue_ids or every or not chosen.is_empty):
        raise typer.BadParameter("name messages by their queue ids, or by filters, or say --all")
    if every and (queue_ids or not chosen.is_empty):
        raise typer.BadParameter("--all is everything: queue ids and filters choose from it")
    if queue_ids:
        return sum(act(found, name, chosen) for name in dict.fromkeys(queue_ids))
    chosen = replace(chosen, held=held)
    names = dict.fromkeys(queued.entry.queue_id for queued in found.entries(chosen))
    count = busy = 0
    for name in names:
        try:
            count += act(found, name, chosen)
        except NotInQueue:  # it has just left
            continue
        except Busy:
            busy += 1
    if busy:
        console.print(
            f"{busy} left alone: a worker has {'it' if busy == 1 else 'them'} at this moment",
            style="dim",
        )
    return count


def _messages(count: int) -> str:
    """An entry is a message to one domain."""
    return f"{count} entry is" if count == 1 else f"{count} entries are"


def _some(found: Operations, chosen: Filter, limit: int) -> tuple[list[Queued], bool]:
    some = list(islice(found.entries(chosen), limit + 1))
    return some[:limit], len(some) > limit
