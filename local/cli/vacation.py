"""`postroom vacation`: answers of somebody who is away."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from local.cli.arguments import Address, account_of
from local.cli.autoreply import often, read_text
from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, printable, show
from postroom.app import App
from postroom.autoreply.form import Away, Reply
from postroom.autoreply.forms import Forms
from postroom.autoreply.generating import script_of
from postroom.directory.records import Account
from postroom.errors import BadSetting
from postroom.pipeline.routing import domain_of
from postroom.relay.schedule import duration

vacation = typer.Typer(
    no_args_is_help=True, help="Answers while somebody is away, one for each correspondent."
)

Text = Annotated[str | None, typer.Option("--text", help="The answer.")]
TextFile = Annotated[
    Path | None, typer.Option("--text-file", help="A file with the answer.", exists=True)
]
Subject = Annotated[
    str | None, typer.Option("--subject", help="Its subject; empty: Auto: and the message's.")
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html-file", help="A file with the same in HTML.", exists=True)
]
NoOutside = Annotated[
    bool, typer.Option("--no-outside", help="Who writes from other domains gets no answer.")
]
InsideText = Annotated[
    str | None, typer.Option("--inside-text", help="Another answer for the user's own domain.")
]
InsideFile = Annotated[
    Path | None, typer.Option("--inside-file", help="A file with that answer.", exists=True)
]
InsideSubject = Annotated[str, typer.Option("--inside-subject", help="Its subject.")]
InsideHtmlFile = Annotated[
    Path | None, typer.Option("--inside-html-file", help="It in HTML.", exists=True)
]
NoInside = Annotated[
    bool, typer.Option("--no-inside", help="Who writes from the user's own domain gets none.")
]
Start = Annotated[
    str | None,
    typer.Option("--from", help='From this day on: 2026-07-01, or "2026-07-01 17:30".'),
]
Until = Annotated[
    str | None, typer.Option("--until", help="To the end of this day, or a time of it.")
]
Zone = Annotated[
    str | None, typer.Option("--zone", help="Whose clocks these are: Europe/Berlin. Else UTC.")
]
Every = Annotated[
    str | None,
    typer.Option("--every", help="The same correspondent again after 30m, 12h, 7d. Else 7d."),
]
OnlyKnown = Annotated[
    bool | None,
    typer.Option("--only-known/--everybody", help="Only whom the user has written to before."),
]
Also = Annotated[
    list[str] | None,
    typer.Option("--also", metavar="ADDRESS", help="More of the user's own; several times."),
]
Script = Annotated[bool, typer.Option("--script", help="Print the Sieve script that it becomes.")]


@vacation.command("set")
def set_vacation(
    address: Address,
    text: Text = None,
    text_file: TextFile = None,
    subject: Subject = None,
    html_file: HtmlFile = None,
    no_outside: NoOutside = False,
    inside_text: InsideText = None,
    inside_file: InsideFile = None,
    inside_subject: InsideSubject = "",
    inside_html_file: InsideHtmlFile = None,
    no_inside: NoInside = False,
    start: Start = None,
    until: Until = None,
    zone: Zone = None,
    every: Every = None,
    only_known: OnlyKnown = None,
    also: Also = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Answer for somebody from now on. What is not given stays as it was set before."""
    with opened(data) as app:
        account = account_of(app, address)
        form = _forms(app).get(account.id)
        away = form.away or Away(None)
        outside = _reply(away.outside, _text(text, text_file), subject, read_text(html_file))
        given = _text(inside_text, inside_file)
        if given is None and (inside_subject or inside_html_file):
            raise BadSetting("give --inside-text or --inside-file as well: HTML alone is no answer")
        own = _reply(None, given, inside_subject, read_text(inside_html_file))
        away = replace(
            away,
            enabled=True,
            outside=None if no_outside else outside,
            inside=None if no_inside else own or away.inside,
            **_given(start=start, until=until, zone=zone, only_known=only_known),
        )
        if every is not None:
            away = replace(away, interval=duration("--every", every))
        if also is not None:
            away = replace(away, addresses=tuple(also))
        _forms(app).put(account.id, replace(form, away=away), _domains(app, account))
    done(f"{account.address} answers{_when(away)}, each correspondent {often(away.interval)}")


@vacation.command("off")
def turn_off(address: Address, data: Data = DEFAULT_DATA) -> None:
    """Answer no more. What was set is kept, for the next time."""
    with opened(data) as app:
        account = account_of(app, address)
        form = _forms(app).get(account.id)
        if form.away is not None:
            form = replace(form, away=replace(form.away, enabled=False))
            _forms(app).put(account.id, form, _domains(app, account))
    done(f"{account.address} does not answer by itself")


@vacation.command("show")
def show_vacation(
    address: Address, script: Script = False, as_json: Json = False, data: Data = DEFAULT_DATA
) -> None:
    """What is answered, when, and to whom."""
    with opened(data) as app:
        account = account_of(app, address)
        form = _forms(app).get(account.id)
        domains = _domains(app, account)
    if script:
        typer.echo(script_of(form, domains).replace("\r\n", "\n"), nl=False)
    elif as_json:
        show([asdict(form)], as_json, "")
    elif form.away is None:
        console.print(f"{account.address} does not answer by itself", style="dim")
    else:
        _show(form.away)


def _show(away: Away) -> None:
    rows: dict[str, Any] = {
        "answers": away.enabled,
        "from": away.start or "at once",
        "until": away.until or "it is turned off",
        "zone": away.zone,
        "again": often(away.interval),
        "only known senders": away.only_known,
        "more addresses": away.addresses,
    }
    show([{"what": name, "": value} for name, value in rows.items() if value != ()], False, "")
    for where, reply in (("outside of the domain", away.outside), ("inside", away.inside)):
        if reply == "same":
            continue
        console.print(f"\n[bold]{where}[/]")
        if reply is None:
            console.print("no answer", style="dim")
            continue
        console.print(f"Subject: {printable(reply.subject or 'Auto: …')}", markup=False)
        for line in reply.text.splitlines():
            console.print(f"  {printable(line)}", markup=False, highlight=False)
        if reply.html:
            console.print(f"  and {len(reply.html)} characters of HTML", style="dim")


def _forms(app: App) -> Forms:
    return Forms(app.table, app.scripts)


def _domains(app: App, account: Account) -> list[str]:
    """The user's own domain and those that stand for it."""
    own = domain_of(account.address)
    return [own, *(each.name for each in app.directory.domains() if each.alias_of == own)]


def _reply(before: Reply | None, text: str | None, subject: str | None, html: str) -> Reply | None:
    """What was set before with what is given now. A new text has no HTML of the old one's."""
    if text is not None:
        before = Reply(text, before.subject if before else "")
    if before is None:
        return None
    if html:
        before = replace(before, html=html)
    return before if subject is None else replace(before, subject=subject)


def _text(text: str | None, file: Path | None) -> str | None:
    if text is not None and file is not None:
        raise BadSetting("give the text itself or a file with it, not both")
    return text if file is None else read_text(file)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _when(away: Away) -> str:
    begin = f" from {away.start}" if away.start else ""
    end = f" until {away.until}" if away.until else ""
    return f"{begin}{end} ({away.zone})" if begin or end else ""
