"""`postroom sieve`: check a script, try it on a message, keep those of users and domains."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, printable, show
from local.cli.sieve_world import Anywhere
from postroom.app import App
from postroom.directory.errors import NotThere
from postroom.directory.records import Account
from postroom.errors import BadSetting
from postroom.sieve.actions import Action
from postroom.sieve.engine import Outcome, compile_script, run
from postroom.sieve.errors import Problem, ScriptError
from postroom.sieve.letter import Letter
from postroom.sieve.world import Envelope

sieve = typer.Typer(no_args_is_help=True, help="Filters: Sieve scripts of users and domains.")

NOTHING: tuple[Problem, ...] = ()

ScriptFile = Annotated[Path, typer.Argument(metavar="SCRIPT", help="A file, or - for input.")]
Owner = Annotated[
    str, typer.Argument(metavar="USER|DOMAIN", help="alice@example.org, or example.org.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the script.")]


@sieve.command("check")
def check(script: ScriptFile, as_json: Json = False) -> None:
    """Whether a script is right; if not, where and why."""
    text = _read(script)
    try:
        warnings, problems = compile_script(text).warnings, NOTHING
    except ScriptError as error:
        warnings, problems = NOTHING, error.problems
    if as_json:
        rows = [
            {"line": line, "column": column, "message": message, "kind": kind}
            for kind, found in (("error", problems), ("warning", warnings))
            for (line, column), message in found
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        if problems:
            raise typer.Exit(1)
        return
    _point_at(warnings, text, "yellow")
    if problems:
        raise _cannot_be_used(script, text, problems)
    done(f"{script} can be used")


@sieve.command("test")
def try_out(
    script: ScriptFile,
    message: Annotated[Path, typer.Argument(metavar="MESSAGE", help="A file with a message.")],
    sender: Annotated[
        str, typer.Option("--from", help="Envelope sender, <> for none; else From:.")
    ] = "",
    recipient: Annotated[str, typer.Option("--to", help="Envelope recipient; else To:.")] = "",
    mailbox: Annotated[
        list[str] | None,
        typer.Option(help="A mailbox that exists; without this option all of them do."),
    ] = None,
    at: Annotated[datetime | None, typer.Option(help="When it arrives, as UTC; else now.")] = None,
    as_json: Json = False,
) -> None:
    """What a script does with a message, and why. Nothing is sent or filed.

    Scripts that it includes are files beside it: NAME.sieve.
    """
    text = _read(script)
    try:
        program = compile_script(text, traced=True)
    except ScriptError as error:
        raise _cannot_be_used(script, text, error.problems) from error
    letter = Letter(_with_crlf(_read(message)))
    envelope = Envelope(
        (sender or _address(letter, "from")).removeprefix("<").removesuffix(">"),
        recipient or _address(letter, "to"),
    )
    now = (at or datetime.now(UTC)).replace(tzinfo=UTC)
    outcome = run([program], letter, envelope, Anywhere(now, mailbox, script.parent))
    if as_json:
        typer.echo(json.dumps(_as_values(outcome), ensure_ascii=False, indent=2, default=str))
    else:
        _show(outcome)
    if outcome.error is not None:
        raise typer.Exit(1)


@sieve.command("list")
def list_scripts(owner: Owner, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """The scripts of a user, or of a domain."""
    with opened(data) as app:
        if _is_domain(owner):
            rows = [{"name": name} for name in app.scripts.domain_names(owner)]
        else:
            rows = [asdict(found) for found in app.scripts.names(_account(app, owner).id)]
    show(rows, as_json, f"no scripts. Next: postroom sieve put {owner} NAME FILE")


@sieve.command("show")
def show_script(owner: Owner, name: Name, data: Data = DEFAULT_DATA) -> None:
    """The text of a script."""
    with opened(data) as app:
        if _is_domain(owner):
            text = app.scripts.get_domain(owner, name)
        else:
            text = app.scripts.get(_account(app, owner).id, name)
    sys.stdout.buffer.write(text)


@sieve.command("put")
def put(
    owner: Owner,
    name: Name,
    script: ScriptFile,
    activate: Annotated[
        bool, typer.Option("--activate", help="Run it from the next message on.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Keep a script, in place of one of that name.

    Those of a domain that are called before and after run for all its users.
    """
    text = _read(script)
    with opened(data) as app:
        try:
            if _is_domain(owner):
                warnings = app.scripts.put_domain(owner, name, text)
            else:
                account = _account(app, owner)
                warnings = app.scripts.put(account.id, name, text)
                if activate:
                    app.scripts.set_active(account.id, name)
        except ScriptError as error:
            raise _cannot_be_used(script, text, error.problems) from error
    for warning in warnings:
        console.print(Text(printable(str(warning)), "yellow"), soft_wrap=True)
    done(f"{owner} has the script {name}")
    if not activate and not _is_domain(owner):
        console.print(f"  next: postroom sieve activate {owner} {name}", style="dim")


@sieve.command("activate")
def activate(owner: Owner, name: Name, data: Data = DEFAULT_DATA) -> None:
    """Let a script of a user run from the next message on, in place of the one that did."""
    with opened(data) as app:
        app.scripts.set_active(_account(app, owner).id, name)
    done(f"{name} runs for {owner}")


@sieve.command("deactivate")
def deactivate(owner: Owner, data: Data = DEFAULT_DATA) -> None:
    """Let none of a user's scripts run."""
    with opened(data) as app:
        app.scripts.set_active(_account(app, owner).id, "")
    done(f"no script of {owner} runs")


@sieve.command("remove")
def remove(owner: Owner, name: Name, data: Data = DEFAULT_DATA) -> None:
    """Remove a script that is not active."""
    with opened(data) as app:
        if _is_domain(owner):
            app.scripts.put_domain(owner, name, b"")
        else:
            app.scripts.delete(_account(app, owner).id, name)
    done(f"{owner} has no script {name} any more")


def _is_domain(owner: str) -> bool:
    return "@" not in owner


def _account(app: App, address: str) -> Account:
    account = app.directory.account(address)
    if account is None:
        raise NotThere("user", address)
    return account


def _show(outcome: Outcome) -> None:
    console.print("What is done", style="bold")
    for action in outcome.actions:
        console.print(Text(f"  {printable(_words(action))}"), soft_wrap=True)
    if outcome.why:
        console.print("Why", style="bold")
    for reason in outcome.why:
        console.print(
            Text(f"  line {reason.line:<4} {printable(f'{reason.what}  {reason.outcome}')}"),
            soft_wrap=True,
        )
    if outcome.error is not None:
        Console(stderr=True).print(
            Text(f"The script failed: {printable(str(outcome.error))}", "red"), soft_wrap=True
        )


def _words(action: Action) -> str:
    """An action and what was said with it: fileinto  mailbox "Lists"  flags \\Seen."""
    name = type(action).__name__.lower()
    said = [
        f"{key.replace('_', ' ')} {_value(value)}".rstrip()
        for key, value in asdict(action).items()
        if value not in ("", (), None, False) and key != "implicit"
    ]
    if getattr(action, "implicit", False):
        name = "keep (nothing else was decided)"
    return "  ".join([name, *said])


def _value(value: Any) -> str:
    if value is True:
        return ""
    if isinstance(value, bytes):
        return f"edited, {len(value)} octets"
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return f'"{value}"' if isinstance(value, str) else str(value)


def _as_values(outcome: Outcome) -> dict[str, Any]:
    return {
        "actions": [
            {"action": type(action).__name__.lower(), **asdict(action)}
            for action in outcome.actions
        ],
        "error": str(outcome.error) if outcome.error is not None else None,
        "why": [reason._asdict() for reason in outcome.why],
    }


def _cannot_be_used(script: Path, text: bytes, problems: Sequence[Problem]) -> BadSetting:
    """Show where, and give the error that ends the command."""
    _point_at(problems, text, "red")
    return BadSetting(f"{script} cannot be used")


def _point_at(problems: Sequence[Problem], text: bytes, color: str) -> None:
    lines = text.decode("utf-8", "replace").splitlines()
    for problem in problems:
        line, column = problem.position
        console.print(Text(str(problem), color), soft_wrap=True)
        if line <= len(lines):
            console.print(Text(f"    {printable(lines[line - 1])}"), soft_wrap=True)
            console.print(Text(f"    {' ' * (column - 1)}^", color), soft_wrap=True)


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from error


def _with_crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _address(letter: Letter, field: str) -> str:
    from email.utils import parseaddr

    return parseaddr(next(iter(letter.values(field)), ""))[1]
