"""The `postroom` command: its sub-commands, and how it fails.

Exit codes: 0 done; 1 the request could not be met, the reason is on standard error; 2 the
command line itself is wrong; 130 interrupted.
"""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from local.cli import (
    alias,
    autoreply,
    dkim,
    dlq,
    dns,
    domain,
    forward,
    group,
    masked,
    queue,
    route,
    share,
    sieve,
    suppression,
    trace,
    up,
    user,
    vacation,
)
from local.cli.session import printable
from postroom.errors import PostroomError

app = typer.Typer(
    name="postroom",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Postroom, a mail backend: run it on this machine, and administer it anywhere.",
    epilog="First steps: [bold]postroom up[/], then follow what it prints.",
)
app.command("up")(up.up)
app.add_typer(domain.domain, name="domain")
app.add_typer(user.user, name="user")
app.add_typer(alias.alias, name="alias")
app.add_typer(forward.forward, name="forward")
app.add_typer(masked.masked, name="masked")
app.add_typer(group.group, name="group")
app.add_typer(share.share, name="share")
app.add_typer(sieve.sieve, name="sieve")
app.add_typer(vacation.vacation, name="vacation")
app.add_typer(autoreply.autoreply, name="autoreply")
app.command("trace")(trace.trace)
app.add_typer(queue.queue, name="queue")
app.add_typer(route.route, name="route")
app.add_typer(dkim.dkim, name="dkim")
app.add_typer(dns.dns, name="dns")
app.add_typer(suppression.suppression, name="suppression")
app.add_typer(dlq.dlq, name="dlq")


def run() -> None:
    try:
        app()
    except PostroomError as error:
        reason = escape(printable(str(error)))
        Console(stderr=True).print(f"[red]postroom:[/] {reason}", highlight=False, soft_wrap=True)
        sys.exit(1)
