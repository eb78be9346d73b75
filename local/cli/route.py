"""`postroom route`: which way mail to, or from, a domain leaves."""

import sys
from typing import Annotated, Any

import typer

from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show
from postroom.errors import BadSetting, BadSyntax
from postroom.relay.destinations.routes import Route
from postroom.relay.destinations.urls import parse_route_url
from postroom.relaying import routes_of

route = typer.Typer(
    no_args_is_help=True, help="Which way mail to, or from, a domain leaves. Else: to its MX."
)

Pattern = Annotated[
    str,
    typer.Argument(
        help="A recipient's domain, .suffix of it, or *; from:domain or from:.suffix for senders. "
        "Recipients come before senders, whole domains before suffixes, the longest first, * last."
    ),
]
Url = Annotated[
    str,
    typer.Argument(
        help="mx: (the domain's servers), smtp://host\\[:port], smtp://user@host (587), "
        "smtps://user@host (465) or ses:. With ?tls=none|may|encrypt|verify|dane servers prove "
        "themselves as you say, not as the domain does."
    ),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the user's password from standard input.")
]


@route.command("set")
def set_route(
    pattern: Pattern, url: Url, password_stdin: PasswordStdin = False, data: Data = DEFAULT_DATA
) -> None:
    """Add a route, or replace the one of that pattern."""
    try:
        user = parse_route_url(url).user
    except BadSyntax as error:
        raise BadSetting(str(error)) from error
    password = ""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif user:
        password = typer.prompt(f"Password of {user}", hide_input=True)
    with opened(data) as app:
        made = routes_of(app).set(pattern, url, password)
    done(f"mail for {made.pattern} leaves by {made.url}")


@route.command("list")
def list_routes(as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """All routes, without their passwords."""
    with opened(data) as app:
        rows = [_row(one) for one in routes_of(app).list()]
    show(rows, as_json, "no routes: all mail goes to the servers of its domain")


@route.command("remove")
def remove(pattern: Pattern, data: Data = DEFAULT_DATA) -> None:
    """Remove a route; mail takes the next one that matches."""
    with opened(data) as app:
        routes_of(app).remove(pattern)
    done(f"the route for {pattern} is removed")


def _row(route: Route) -> dict[str, Any]:
    return {"pattern": route.pattern, "url": route.url, "problem": route.broken}
