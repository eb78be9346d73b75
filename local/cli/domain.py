"""`postroom domain`: domains that mail is taken for."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import typer

from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, show
from postroom.directory.errors import NotThere
from postroom.directory.records import Domain

domain = typer.Typer(no_args_is_help=True, help="Domains that mail is taken for.")

_SHOWN = 20  # users, and aliases, of a domain

DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="For example example.org.")]


@domain.command("add")
def add_domain(
    name: DomainName,
    alias_of: Annotated[
        str, typer.Option(metavar="DOMAIN", help="Share the addresses of this domain of ours.")
    ] = "",
    catch_all: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Gets the mail of unknown addresses.")
    ] = "",
    separator: Annotated[
        str,
        typer.Option(
            help="Between name and detail, as in alice+lists@: one or more of +-_= and the like, "
            "each of which will do; empty: none."
        ),
    ] = "+",
    dots: Annotated[
        bool, typer.Option("--dots/--no-dots", help="Whether j.doe@ is another than jdoe@.")
    ] = True,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take mail for a domain."""
    with opened(data) as app:
        app.directory.add_domain(
            Domain(name, alias_of, catch_all, separator, dots_ignored=not dots)
        )
        done(f"mail for {name} is taken from now on")
        if not alias_of:
            console.print(f"  next: postroom user add somebody@{name}", style="dim")


@domain.command("list")
def list_domains(as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """All domains."""
    with opened(data) as app:
        rows = [_domain_row(found) for found in app.directory.domains()]
    show(rows, as_json, "no domains yet: postroom domain add DOMAIN")


@domain.command("show")
def show_domain(name: DomainName, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """One domain with its users and aliases."""
    with opened(data) as app:
        found = app.directory.domain(name)
        if found is None:
            raise NotThere("domain", name)
        users = _some((one.address for one in app.directory.accounts(found.name)), as_json)
        aliases = _some((one.address for one in app.directory.aliases(found.name)), as_json)
    show([{**_domain_row(found), "users": users, "aliases": aliases}], as_json, "")


@domain.command("set")
def change_domain(
    name: DomainName,
    catch_all: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help='Gets the mail of unknown ones; "": none.')
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help='Between name and detail: one or more of +-_= …; "": none.')
    ] = None,
    dots: Annotated[
        bool | None, typer.Option("--dots/--no-dots", help="Whether j.doe@ is another than jdoe@.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change a domain. What is not named stays."""
    with opened(data) as app:
        found = app.directory.change_domain(
            name,
            lambda found: replace(
                found,
                catch_all=found.catch_all if catch_all is None else catch_all,
                separator=found.separator if separator is None else separator,
            ),
        )
        if dots is not None:
            app.directory.ignore_dots(name, ignored=not dots)
    done(f"{found.name} is changed")


@domain.command("remove")
def remove_domain(name: DomainName, data: Data = DEFAULT_DATA) -> None:
    """Take no more mail for a domain. Its users and aliases must be gone first."""
    with opened(data) as app:
        app.directory.remove_domain(name)
        app.scripts.remove_all_of_domain(name)
    done(f"{name} is no longer ours")


def _some(names: Iterator[str], every: bool) -> list[str]:
    """A domain may have a million."""
    if every:
        return list(names)
    found = list(islice(names, _SHOWN + 1))
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], "…"]


def _domain_row(found: Domain) -> dict[str, Any]:
    return {
        "domain": found.name,
        "alias_of": found.alias_of,
        "catch_all": found.catch_all,
        "separator": found.separator,
        "dots": not found.dots_ignored,
    }
