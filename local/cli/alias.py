"""`postroom alias`: addresses whose mail goes to other addresses."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from local.cli import alias_files
from local.cli.arguments import (
    Address,
    Expires,
    Note,
    OneDomain,
    Targets,
    domain_names,
    expiry,
    next_step,
)
from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, printable, show
from postroom.app import App
from postroom.directory.errors import AlreadyThere
from postroom.directory.expiry import format_expiry
from postroom.directory.records import Alias, AliasKind
from postroom.errors import BadSetting

alias = typer.Typer(no_args_is_help=True, help="Addresses whose mail goes to other addresses.")
alias.command("import")(alias_files.import_aliases)
alias.command("export")(alias_files.export_aliases)

_SHOWN = 200  # of a list, unless all are wanted


@alias.command("add")
def add_alias(
    address: Address,
    targets: Targets,
    expires: Expires = None,
    note: Note = None,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="It takes no mail until it is enabled.")
    ] = False,
    replacing: Annotated[
        bool, typer.Option("--replace", help="In place of the alias that is there.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send the mail of an address, or of a pattern, to other addresses here or elsewhere.

    A * stands for one or more letters: sales-*@, *-info@; *@ takes the rest.
    An address that exists comes first, then the pattern that says most.
    """
    with opened(data) as app:
        put = app.directory.set_alias if replacing else app.directory.add_alias
        wanted = Alias(address, tuple(targets), not disabled, expiry(app, expires), note or "")
        try:
            made = put(wanted)
        except AlreadyThere as error:
            raise BadSetting(f"{error}: {_in_its_place(app, address)}") from error
        done(f"{made.address} → {_some(made.targets)}")
        warn_of_losses(app, made)


@alias.command("list")
def list_aliases(
    domain_name: OneDomain = "",
    match: Annotated[
        str, typer.Option(metavar="TEXT", help="Only those with TEXT in address, target or note.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help=f"Not only the first {_SHOWN}.")] = False,
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Aliases, patterns and forwards, open or closed."""
    with opened(data) as app:
        now = app.clock.seconds()
        found = _matching(app, domain_name, match.lower())
        limit = None if every or as_json else _SHOWN + 1
        rows = [_row(one, kind, now, as_json) for one, kind in islice(found, limit)]
    more = not as_json and not every and len(rows) > _SHOWN
    empty = f"no alias has {match} in it" if match else "no aliases yet"
    show(
        rows[:_SHOWN] if more else rows,
        as_json,
        f"{empty}: postroom alias add ADDRESS TARGET…",
    )
    if more:
        console.print("there are more: --match TEXT, --all, or postroom alias export", style="dim")


@alias.command("show")
def show_alias(address: Address, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """One alias, and where its mail ends: users, and addresses in other domains."""
    with opened(data) as app:
        found, kind = _existing(app, address)
        reached: list[str] = []
        lost: list[str] = []
        if kind != "pattern":
            [route] = app.directory.routes([found.address])
            reached = [*(target.address for target in route.targets), *route.elsewhere]
            lost = list(route.reasons)
        row = _row(found, kind, app.clock.seconds(), as_json)
    if as_json:
        show([{**row, "reaches": reached, "lost": lost}], True, "")
        return
    show([row], False, "")
    for word, ends in (("reaches", reached), ("lost", lost)):
        for end in ends:
            console.print(Text(printable(f"  {word:8} {end}")), soft_wrap=True)


@alias.command("remove")
def remove_alias(address: Address, data: Data = DEFAULT_DATA) -> None:
    """Remove an alias. A user of the same address stays."""
    with opened(data) as app, next_step("postroom alias list"):
        app.directory.remove_alias(address)
    done(f"{address} is no alias any more")


@alias.command("enable")
def enable(address: Address, expires: Expires = None, data: Data = DEFAULT_DATA) -> None:
    """Let a closed alias take mail again. One that had expired has no end any more."""
    with opened(data) as app, next_step("postroom alias list"):
        now = app.clock.seconds()

        def change(found: Alias) -> Alias:
            left = 0 if found.expires <= now else found.expires
            return replace(found, enabled=True, expires=expiry(app, expires, left))

        made = app.directory.change_alias(address, change)
        done(f"{made.address} → {_some(made.targets)}{_until(made)}")
        warn_of_losses(app, made)


@alias.command("disable")
def disable(address: Address, data: Data = DEFAULT_DATA) -> None:
    """Close an alias, but keep it. Mail for it is refused, or stays with its user."""
    with opened(data) as app, next_step("postroom alias list"):
        made = app.directory.change_alias(address, lambda found: replace(found, enabled=False))
    done(f"{made.address} is closed; postroom alias enable {made.address} opens it again")


def warn_of_losses(app: App, made: Alias) -> None:
    """Say which branches lead nowhere: the alias is there, but may not do what was meant."""
    if "*" in made.address or not made.is_open(app.clock.seconds()):
        return
    for reason in islice(app.directory.routes([made.address])[0].reasons, 5):
        console.print(f"  [yellow]but[/] {printable(reason)}", markup=True, highlight=False)


def _existing(app: App, address: str) -> tuple[Alias, AliasKind]:
    found = app.directory.alias_with_kind(address)
    if found is None:
        raise BadSetting(f"there is no alias {address}: postroom alias list")
    return found


def _in_its_place(app: App, address: str) -> str:
    """How to get past what is there already."""
    if app.directory.masked_at(address) is not None:
        return f"postroom masked remove {address} ends it"
    return "with --replace this one takes its place"


def _matching(app: App, domain_name: str, text: str) -> Iterator[tuple[Alias, AliasKind]]:
    for name in domain_names(app, domain_name):
        for found, kind in app.directory.aliases_by_kind(name):
            if any(text in value.lower() for value in (found.address, *found.targets, found.note)):
                yield found, kind


def _row(found: Alias, kind: AliasKind, now: float, as_json: bool) -> dict[str, Any]:
    row = {
        "alias": found.address,
        "targets": list(found.targets) if as_json else _some(found.targets),
        "kind": kind,
    }
    if as_json:
        return {
            **row,
            "enabled": found.enabled,
            "expires": format_expiry(found.expires),
            "open": found.is_open(now),
            "note": found.note,
        }
    return {**row, "state": state(found.enabled, found.expires, now), "note": found.note}


def state(enabled: bool, expires: int, now: float) -> str:
    """For a list: open, disabled, until when, or since when it is expired."""
    if not enabled:
        return "disabled"
    if not expires:
        return "open"
    return f"{'until' if expires > now else 'expired'} {_moment(expires)}"


def _until(made: Alias) -> str:
    return f" until {_moment(made.expires)}" if made.expires else ""


def _moment(expires: int) -> str:
    day, _, clock = format_expiry(expires).partition("T")
    return f"{day} {clock[:5]} UTC" if clock else day


def _some(targets: tuple[str, ...]) -> str:
    """A list may have a thousand."""
    most = 10
    more = f" and {len(targets) - most} more" if len(targets) > most else ""
    return ", ".join(targets[:most]) + more
