"""`postroom suppression`: addresses that a domain of ours no longer writes to."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show
from postroom.relay.suppression import NotSuppressed, Suppressed, Suppression

suppression = typer.Typer(
    no_args_is_help=True,
    help="Addresses that a domain of ours no longer writes to: hard bounces and complaints.",
)

SendingDomain = Annotated[str, typer.Argument(help="The domain of ours that sends.")]
Address = Annotated[str, typer.Argument(help="The recipient's address.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever looks at it later.")]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=3650, help="For so many days; else for good.")
]


@suppression.command("list")
def list_addresses(domain: SendingDomain, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Addresses that this domain does not write to now."""
    with opened(data) as app:
        rows = [
            _row(entry, as_json)
            for entry in Suppression(app.platform.table, app.clock).list(domain)
        ]
    show(rows, as_json, f"no address is suppressed for {domain}")


@suppression.command("show")
def show_address(
    domain: SendingDomain, address: Address, as_json: Json = False, data: Data = DEFAULT_DATA
) -> None:
    """Why and until when an address is suppressed, or was: its past counts."""
    with opened(data) as app:
        entry = Suppression(app.platform.table, app.clock).get(domain, address)
        now = int(app.clock.seconds() * 1000)
    if entry is None:
        raise NotSuppressed(domain, address)
    row = {**_row(entry, as_json), "holds": entry.holds(now), "queue_id": entry.queue_id}
    if as_json:
        show([row], as_json, "")
        return
    rows = [
        {"what": name.replace("_", " "), "": value} for name, value in row.items() if value != ""
    ]
    show(rows, as_json, "")


@suppression.command("add")
def add(
    domain: SendingDomain,
    address: Address,
    reason: Reason = "",
    days: Days = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write no more to an address, by hand."""
    with opened(data) as app:
        until = int((app.clock.seconds() + days * 86_400) * 1000) if days else 0
        entry = Suppression(app.platform.table, app.clock).add(domain, address, reason, until)
    done(f"{entry.domain} no longer writes to {entry.address}{_until(entry)}")


@suppression.command("remove")
def remove(domain: SendingDomain, address: Address, data: Data = DEFAULT_DATA) -> None:
    """Write to an address again, and forget its past."""
    with opened(data) as app:
        Suppression(app.platform.table, app.clock).remove(domain, address)
    done(f"{domain} writes to {address} again")


def _row(entry: Suppressed, as_json: bool) -> dict[str, Any]:
    if as_json:
        return asdict(entry)
    return {
        "address": entry.address,
        "kind": entry.kind,
        "status": entry.status,
        "since": _day(entry.since),
        "until": _day(entry.until) if entry.until else "it is removed",
        "failures": entry.count,
        "reason": entry.reason,
    }


def _until(entry: Suppressed) -> str:
    return f" until {_day(entry.until)}" if entry.until else ""


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
