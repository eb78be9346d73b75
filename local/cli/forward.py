"""`postroom forward`: all mail of a user goes on to other addresses."""

from dataclasses import asdict
from typing import Annotated

import typer

from local.cli.alias import warn_of_losses
from local.cli.arguments import Address, Targets, next_step
from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show

forward = typer.Typer(no_args_is_help=True, help="Mail of users that goes on to other addresses.")


@forward.command("set")
def set_forward(
    address: Address,
    targets: Targets,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Whether a copy stays in the mailbox.")
    ] = True,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send all mail of a user on to other addresses, in place of what was set before.

    For one that ends by itself: postroom alias add ADDRESS TARGET… --expires 14d
    """
    with opened(data) as app, next_step("postroom user list"):
        made = app.directory.set_forward(address, targets, keep=keep)
        copy = "and stays as well" if keep else "and does not stay here"
        done(f"mail for {made.address} goes on to {', '.join(made.targets)}, {copy}")
        found = app.directory.alias(made.address)
        if found is not None:
            warn_of_losses(app, found)


@forward.command("show")
def show_forward(address: Address, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Where the mail of a user goes on to."""
    with opened(data) as app, next_step("postroom user list"):
        found = app.directory.forward(address)
    rows = [] if found is None else [{**asdict(found), "targets": list(found.targets)}]
    show(rows, as_json, f"{address} forwards nothing: postroom forward set {address} TARGET…")


@forward.command("clear")
def clear_forward(address: Address, data: Data = DEFAULT_DATA) -> None:
    """Let the mail of a user stay."""
    with opened(data) as app, next_step(f"postroom forward show {address}"):
        app.directory.clear_forward(address)
    done(f"mail for {address} stays in its mailbox")
