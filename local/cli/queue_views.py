"""How `postroom queue` shows what waits: lines for terminals of any width, rows for scripts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from local.cli.session import octets, printable
from postroom.relay.entries import Entry
from postroom.relay.operations import Queued

_LEAST_SENDER = 20  # columns


def as_lines(some: Sequence[Queued], now: float, width: int | None) -> Text:
    """Two lines for each entry, of at most *width* columns."""
    text = Text(no_wrap=True)
    text.append(_cut(f"{'queue id':22}  {'age':>7}  {'size':>6}  {'next':>9}  to", width), "bold")
    for queued in some:
        entry = queued.entry
        age, size = span(now - entry.received / 1000), octets(entry.size)
        facts = f"{entry.queue_id:22}  {age:>7}  {size:>6}  {next_of(queued, now):>9}  "
        others = f" +{len(entry.goals) - 1}" if len(entry.goals) > 1 else ""
        room = width - len(facts) - len(others) if width else None
        text.append(f"\n{facts}{short(entry.goals[0].address, room)}{others}")
        sender = short(_sender(entry), max(_LEAST_SENDER, width // 2) if width else None)
        reason = f", {_reason(entry)}" if _reason(entry) else ""
        text.append("\n" + _cut(f"    from {sender}, {_tries(entry)}{reason}", width), "dim")
    return text


def as_card(queued: Queued, now: float) -> Table:
    """One entry, names and values one below the other."""
    entry = queued.entry
    when = next_of(queued, now)
    if queued.busy:
        when = f"a worker has it now, until {local_time(entry.busy_until)} at most"
    elif when.startswith("in "):
        when = f"{when}, at {local_time(entry.next_try)}"
    values = {
        "queue id": entry.queue_id,
        "from": _sender(entry),
        "to": ", ".join(goal.address for goal in entry.goals),
        "size": octets(entry.size),
        "accepted": f"{local_time(entry.received)}, {span(now - entry.received / 1000)} ago",
        "next try": when,
        "on hold": entry.held,
        "route": entry.via,
    }
    return card({name: value for name, value in values.items() if value})


def card(values: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, Text(printable(value)))
    return table


def attempts(entry: Entry) -> list[dict[str, str]]:
    return [
        {"when": local_time(at), "what": step, "why": detail} for at, step, detail in entry.events
    ]


def row_of(queued: Queued) -> dict[str, Any]:
    """For scripts: sizes in octets, times in ISO 8601."""
    entry = queued.entry
    state = "held" if entry.held else "busy" if queued.busy else "waiting"
    return {
        "queue_id": entry.queue_id,
        "destination": entry.name,
        "from": entry.sender,
        "to": [goal.address for goal in entry.goals],
        "size": entry.size,
        "accepted": iso_time(entry.received),
        "state": state,
        "next_try": iso_time(entry.next_try) if state == "waiting" and entry.next_try else None,
        "tries": entry.attempts,
        "reason": _reason(entry),
        "route": entry.via,
    }


def details_of(queued: Queued) -> dict[str, Any]:
    events = queued.entry.events
    return row_of(queued) | {
        "attempts": [
            {"at": iso_time(at), "step": step, "detail": detail} for at, step, detail in events
        ]
    }


def next_of(queued: Queued, now: float) -> str:
    if queued.entry.held:
        return "on hold"
    if queued.busy:
        return "now"
    left = queued.entry.next_try / 1000 - now
    return f"in {span(left)}" if left > 0 else "soon"


def _sender(entry: Entry) -> str:
    return entry.sender or "<>"


def _tries(entry: Entry) -> str:
    count = entry.attempts
    return f"{count} {'try' if count == 1 else 'tries'}" if count else "not tried yet"


def _reason(entry: Entry) -> str:
    """Why it is still here."""
    if entry.held:
        return entry.held
    tries = [detail for _, step, detail in entry.events if step == "deferred"]
    return tries[-1] if tries else ""


def short(address: str, width: int | None) -> str:
    """The address in *width* columns: of a long one the domain is kept, if it fits."""
    address = printable(address)
    if width is None or len(address) <= width:
        return address
    local, at, domain = address.rpartition("@")
    left = width - len(domain) - 2  # the at sign and the ellipsis
    return f"{local[:left]}…{at}{domain}" if left > 0 else _cut(address, width)


def _cut(text: str, width: int | None) -> str:
    text = printable(text)
    return text if width is None or len(text) <= width else text[: max(1, width - 1)] + "…"


def iso_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()


def local_time(milliseconds: int) -> str:
    when = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()
    return when.strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """3d 4h, 2h 5m, 5m, 12s."""
    whole = timedelta(seconds=max(0, round(seconds)))
    hours, rest = divmod(whole.seconds, 3600)
    minutes = rest // 60
    if whole.days:
        return f"{whole.days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{rest}s"
