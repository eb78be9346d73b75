"""`postroom autoreply`: addresses that acknowledge what comes in."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from local.cli.arguments import Address
from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, printable, show
from postroom.app import App
from postroom.autoreply.composing import message
from postroom.autoreply.original import header_of, original_of
from postroom.autoreply.replies import DAY, USUAL_SUBJECT, Replies, Reply, reply_of, write
from postroom.autoreply.silence import why_silent
from postroom.autoreply.templates import VARIABLES
from postroom.autoreply.tickets import known_ticket, message_id_of, ticket_of
from postroom.directory.errors import NotThere
from postroom.errors import BadSetting
from postroom.message.addresses import parse_addresses
from postroom.relay.schedule import duration

autoreply = typer.Typer(
    no_args_is_help=True, help="Addresses that answer by themselves: we got your mail, ticket …"
)

_VARIABLES = f"A template may use {', '.join('{{ ' + name + ' }}' for name in VARIABLES)}."

TextFile = Annotated[
    Path, typer.Option("--text-file", help=f"A file with the text. {_VARIABLES}", exists=True)
]
Subject = Annotated[str, typer.Option("--subject", help="A template, too.")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html-file", help="The same in HTML, a template, too.", exists=True)
]
Every = Annotated[
    str, typer.Option("--every", help="The same correspondent again after 10m, 12h, 7d.")
]
MessageFile = Annotated[
    Path, typer.Argument(metavar="MESSAGE", help="A file with a message.", exists=True)
]
Sender = Annotated[
    str | None,
    typer.Option("--sender", help="Its reverse-path; else that of its Return-Path or From."),
]


@autoreply.command("set")
def set_reply(
    address: Address,
    text_file: TextFile,
    subject: Subject = USUAL_SUBJECT,
    html_file: HtmlFile = None,
    every: Every = "1d",
    data: Data = DEFAULT_DATA,
) -> None:
    """Let an address answer, in place of what it answered before."""
    reply = Reply(read_text(text_file), subject, read_text(html_file), duration("--every", every))
    with opened(data) as app:
        name = Replies(app.table, app.directory).put(address, reply)
    done(f"{name} answers each correspondent {often(reply.interval)}")


@autoreply.command("show")
def show_reply(address: Address, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """What is answered to mail for an address, by itself or by those it leads to."""
    with opened(data) as app:
        found = _replies(app, address)
    if as_json:
        show([{"address": name, **asdict(reply)} for name, reply in found.items()], as_json, "")
        return
    for name, reply in found.items():
        console.print(f"[bold]{name}[/] {often(reply.interval)}")
        _print(f"  Subject: {reply.subject}")
        for line in reply.text.splitlines():
            _print(f"  {line}")
        if reply.html:
            console.print(f"  and {len(reply.html)} characters of HTML", style="dim")


@autoreply.command("remove")
def remove_reply(address: Address, data: Data = DEFAULT_DATA) -> None:
    """Let an address answer no more."""
    with opened(data) as app:
        Replies(app.table, app.directory).remove(address)
    done(f"{address} does not answer by itself")


@autoreply.command("test")
def try_reply(
    address: Address, file: MessageFile, sender: Sender = None, data: Data = DEFAULT_DATA
) -> None:
    """What would be answered to a message, or why nothing would be. Nothing is sent."""
    text = file.read_bytes()
    header = header_of(text)
    reverse_path = sender if sender is not None else _sender(header)
    with opened(data) as app:
        found = _replies(app, address)
        received = int(app.clock.seconds() * 1000)
        hostname = app.hostname
    for name, reply in found.items():
        silent = why_silent(header, reverse_path, (name, address))
        if silent:
            console.print(f"[bold]{name}[/] answers nothing: {printable(silent)}", highlight=False)
            continue
        queue_id = "1m86t8k38g20812qy91d1q"  # no message has it
        original = original_of(
            header, queue_id=queue_id, received=received, reverse_path=reverse_path
        )
        ticket = known_ticket(name, header, original.subject) or ticket_of(
            name, original.message_id or queue_id
        )
        subject, entity = write(reply, original, name, ticket)
        message_id = message_id_of(name, ticket, queue_id, hostname)
        console.print(
            f"[bold]{name}[/] answers {often(reply.interval)} to {printable(reverse_path)}:\n",
            highlight=False,
        )
        answer = message(original, name, subject, message_id, entity)
        for line in answer.decode("utf-8", "replace").splitlines():
            _print(f"  {line}")


def read_text(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"{file} cannot be read: {error}") from error


def often(seconds: int) -> str:
    """An interval in words: once a day, once in 12 hours."""
    units = ((DAY, "a", "day"), (3600, "an", "hour"), (60, "a", "minute"), (1, "a", "second"))
    unit, article, name = next(each for each in units if seconds % each[0] == 0)
    count = seconds // unit
    return f"once {article} {name}" if count == 1 else f"once in {count} {name}s"


def _replies(app: App, address: str) -> dict[str, Reply]:
    """What the addresses on the way of mail for *address* answer. Raises NotThere."""
    [route] = app.directory.routes([address])
    found = {name: reply_of(app.table, name) for name in route.answering}
    replies = {name: reply for name, reply in found.items() if reply is not None}
    if not replies:
        raise NotThere("answer of", address)
    return replies


def _sender(header: dict[bytes, list[bytes]]) -> str:
    for name in (b"return-path", b"from"):
        for value in header.get(name, [])[:1]:
            for address in parse_addresses(value):
                return address.spec
            return ""  # Return-Path: <>
    raise BadSetting("the message names no sender: say who it is from with --sender")


def _print(line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
