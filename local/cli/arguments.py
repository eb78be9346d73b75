"""Arguments and options that several commands take, and what they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from postroom.app import App
from postroom.directory.addresses import canonical
from postroom.directory.errors import NotThere
from postroom.directory.expiry import parse_expiry_or_span
from postroom.directory.records import Account
from postroom.errors import BadSetting

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="For example alice@example.org.")]
OneDomain = Annotated[str, typer.Argument(metavar="[DOMAIN]", help="Only this domain.")]
Targets = Annotated[list[str], typer.Argument(metavar="TARGET…", help="Where its mail goes.")]
Expires = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN", help="Its last day, as 2027-03-31 (UTC), or 12h, 30d, 2w from now; never."
    ),
]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")]


@contextmanager
def next_step(step: str) -> Iterator[None]:
    """What the directory refuses ends with what to do instead."""
    try:
        yield
    except NotThere as error:
        step = "postroom domain list" if error.what == "domain" else step
        raise BadSetting(f"{error}: {step}") from error


def account_of(app: App, address: str) -> Account:
    """The user of exactly that address: an alias or a catch-all leads to somebody else's mail."""
    account = app.directory.account(address)
    if account is None or not _names(app, account, address):
        raise BadSetting(f"there is no user {address}: postroom user list")
    return account


def _names(app: App, account: Account, address: str) -> bool:
    """Whether the address is the account's own, dots aside where they do not count."""
    place, own = canonical(address), canonical(account.address)
    if place == own or place.domain != own.domain:
        return place == own
    domain = app.directory.domain(own.domain)
    ignored = domain is not None and domain.dots_ignored
    return ignored and place.local.replace(".", "") == own.local.replace(".", "")


def domain_names(app: App, only: str) -> list[str]:
    """The one that is named, or all."""
    if not only:
        return [found.name for found in app.directory.domains()]
    found = app.directory.domain(only)
    if found is None:
        raise NotThere("domain", only)
    return [found.name]


def expiry(app: App, text: str | None, otherwise: int = 0) -> int:
    """What ``--expires`` says, in seconds since 1970; *otherwise* when it is not there."""
    return otherwise if text is None else parse_expiry_or_span(text, app.clock.seconds())
