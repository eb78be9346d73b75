"""`postroom masked`: addresses that users make, one for each correspondent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from local.cli.alias import state
from local.cli.arguments import Expires, Note, account_of, expiry
from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, show
from postroom.app import App
from postroom.directory.correspondents import Correspondent, correspondents
from postroom.directory.expiry import format_expiry
from postroom.directory.records import Masked
from postroom.errors import BadSetting
from postroom.journeys.ids import time_of

masked = typer.Typer(
    no_args_is_help=True, help="Addresses that hide a user's own, one for each correspondent."
)

_MESSAGES = 500  # the newest that are looked at for each address

User = Annotated[str, typer.Argument(metavar="USER", help="For example alice@example.org.")]
MaskedAddress = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="For example lusab.babad.4821@example.org.")
]
Site = Annotated[
    str | None, typer.Option(metavar="DOMAIN", help="Whom it is given to: shop.example.")
]


@masked.command("add")
def add_masked(
    user: User,
    site: Site = None,
    note: Note = None,
    expires: Expires = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an address for a user, to be given to one site only."""
    with opened(data) as app:
        account = account_of(app, user)
        made = app.directory.add_masked(account.id, site or "", note or "", expiry(app, expires))
    done(f"{made.address} leads to {account.address}{f', for {made.site}' if made.site else ''}")


@masked.command("list")
def list_masked(user: User, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """The masked addresses of a user, the newest first."""
    with opened(data) as app:
        account = account_of(app, user)
        now = app.clock.seconds()
        rows = [_row(one, now, as_json) for one in app.directory.masked(account.id)]
    show(rows, as_json, f"none yet: postroom masked add {account.address} --site shop.example")


@masked.command("change")
def change(
    address: MaskedAddress,
    site: Site = None,
    note: Note = None,
    expires: Expires = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change whom an address is for, its note or its end. What is not named stays."""
    with opened(data) as app:
        found = _existing(app, address)
        app.directory.change_masked(
            found.account,
            address,
            lambda one: replace(
                one,
                site=one.site if site is None else site,
                note=one.note if note is None else note,
                expires=expiry(app, expires, one.expires),
            ),
        )
    done(f"{found.address} is changed")


@masked.command("disable")
def disable(address: MaskedAddress, data: Data = DEFAULT_DATA) -> None:
    """Refuse mail for an address from now on, as if it had never been."""
    with opened(data) as app:
        found = _existing(app, address)
        app.directory.change_masked(found.account, address, lambda one: replace(one, enabled=False))
    done(f"mail for {found.address} is refused; postroom masked enable takes it again")


@masked.command("enable")
def enable(address: MaskedAddress, expires: Expires = None, data: Data = DEFAULT_DATA) -> None:
    """Take mail for an address again. One that had expired has no end any more."""
    with opened(data) as app:
        found = _existing(app, address)
        now = app.clock.seconds()

        def change(one: Masked) -> Masked:
            left = 0 if one.expires <= now else one.expires
            return replace(one, enabled=True, expires=expiry(app, expires, left))

        app.directory.change_masked(found.account, address, change)
    done(f"{found.address} takes mail again")


@masked.command("remove")
def remove(address: MaskedAddress, data: Data = DEFAULT_DATA) -> None:
    """Remove an address for good: it is never given again."""
    with opened(data) as app:
        found = _existing(app, address)
        app.directory.remove_masked(found.account, address)
    done(f"{found.address} is gone")


@masked.command("senders")
def senders(
    name: Annotated[
        str, typer.Argument(metavar="USER|ADDRESS", help="All of a user, or one masked address.")
    ],
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Who wrote to masked addresses in the last 30 days: who sold my address?

    Told by the domain of the reverse-path, where bounces go.
    Strangers are not of the site that the address was given to:
    a mail service of that site, or somebody who got the address from it.
    """
    with opened(data) as app:
        one = app.directory.masked_at(name)
        found = [one] if one is not None else app.directory.masked(account_of(app, name).id)
        rows = [
            _sender_row(masked_address, sender, as_json)
            for masked_address in found
            for sender in correspondents(masked_address.site, _messages(app, masked_address))
        ]
    show(rows, as_json, f"nobody has written to {'it' if one else 'them'} in the last 30 days")
    if not as_json and any(row["judged"] == "stranger" for row in rows):
        console.print("  next: postroom masked disable ADDRESS refuses their mail", style="dim")


def _messages(app: App, found: Masked) -> Iterator[tuple[int, str]]:
    """The messages to an address: when they came, and their reverse-paths."""
    seen = set()
    for journey in app.journeys.trace(found.address, _MESSAGES):
        to_it = any(address.lower() == found.address for address in journey.recipients)
        if to_it and journey.queue_id not in seen:  # not what its owner sent from it
            seen.add(journey.queue_id)
            yield time_of(journey.queue_id), journey.reverse_path


def _existing(app: App, address: str) -> Masked:
    found = app.directory.masked_at(address)
    if found is None:
        raise BadSetting(f"there is no masked address {address}: postroom masked list USER")
    return found


def _row(found: Masked, now: float, as_json: bool) -> dict[str, Any]:
    created = datetime.fromtimestamp(found.created, UTC)
    row: dict[str, Any] = {"address": found.address, "site": found.site}
    if as_json:
        return {
            **row,
            "enabled": found.enabled,
            "expires": format_expiry(found.expires),
            "open": found.is_open(now),
            "created": created.isoformat().replace("+00:00", "Z"),
            "note": found.note,
        }
    return {
        **row,
        "state": state(found.enabled, found.expires, now),
        "made": created.astimezone().strftime("%Y-%m-%d"),
        "note": found.note,
    }


def _sender_row(found: Masked, sender: Correspondent, as_json: bool) -> dict[str, Any]:
    judged = {True: "stranger", False: "expected", None: ""}[sender.is_stranger]
    first, last = (datetime.fromtimestamp(at / 1000, UTC) for at in (sender.first, sender.last))
    row: dict[str, Any] = {
        "address": found.address,
        "site": found.site,
        "sender": sender.domain if as_json else sender.domain or "(reports)",
        "judged": judged,
        "messages": sender.messages,
    }
    if as_json:
        return {**row, "first": first.isoformat(), "last": last.isoformat()}
    return {
        **row,
        "first": first.astimezone().strftime("%Y-%m-%d"),
        "last": last.astimezone().strftime("%Y-%m-%d"),
    }
