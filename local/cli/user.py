"""`postroom user`: people with a mailbox and a password."""

import re
import secrets
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from local.cli.arguments import Address, OneDomain, account_of, domain_names
from local.cli.session import DEFAULT_DATA, Data, Json, console, done, octets, opened, show
from postroom.app import App
from postroom.autoreply.forms import Forms
from postroom.directory.identifiers import user_identifier
from postroom.directory.records import Account
from postroom.errors import BadSetting

user = typer.Typer(no_args_is_help=True, help="People with a mailbox and a password.")

Identity = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="boss@example.org, or @example.org for all of it.")
]
UserAddress = Annotated[str, typer.Argument(metavar="USER", help="Who may send as it.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Quota = Annotated[str, typer.Option(help="Limit for all mail of the user: 500MB, 2GB; 0 for none.")]


@user.command("add")
def add_user(
    address: Address,
    password_stdin: FromStdin = False,
    quota: Quota = "0",
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a user. Without --password-stdin a password is made and shown once."""
    password, made = _password(password_stdin)
    with opened(data) as app:
        account = app.directory.add_account(address, password, _octets(quota))
        app.mailboxes.create_account(account.id)
    done(f"{account.address} can receive mail and log in")
    if made:
        console.print(f"  password (shown only now): [bold]{password}[/]", highlight=False)


@user.command("list")
def list_users(
    domain_name: OneDomain = "",
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """All users, with what their mail takes."""
    with opened(data) as app:
        names = domain_names(app, domain_name)
        rows = [
            _user_row(app, account, as_json)
            for name in names
            for account in app.directory.accounts(name)
        ]
    show(rows, as_json, "no users yet: postroom user add ADDRESS")


@user.command("show")
def show_user(address: Address, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """One user with mailboxes."""
    with opened(data) as app:
        account = account_of(app, address)
        row = {**_user_row(app, account, as_json), **_sending_row(app, account)}
        mailboxes = [
            {
                "mailbox": mailbox.name,
                "messages": mailbox.messages,
                "unseen": mailbox.unseen,
                "size": mailbox.size if as_json else octets(mailbox.size),
            }
            for mailbox in app.mailboxes.all_of(account.id)
        ]
    if as_json:
        show([{**row, "id": account.id, "mailboxes": mailboxes}], True, "")
        return
    show([row], False, "")
    console.print()
    show(mailboxes, False, "no mailboxes")


@user.command("remove")
def remove_user(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Remove a user and all mail of the user."""
    with opened(data) as app:
        account = account_of(app, address)
        if not yes:
            typer.confirm(f"Remove {account.address} with all mail?", abort=True)
        app.directory.remove_account(account.address)
        app.mailboxes.remove_account(account.id)
        app.mailboxes.sharing.forget(user_identifier(account))
        app.scripts.remove_all(account.id)
        Forms(app.table, app.scripts).remove(account.id)
    done(f"{account.address} and its mail are removed")


@user.command("password")
def change_password(
    address: Address, password_stdin: FromStdin = False, data: Data = DEFAULT_DATA
) -> None:
    """Give a user a new password. Without --password-stdin one is made and shown once."""
    password, made = _password(password_stdin)
    with opened(data) as app:
        account = account_of(app, address)
        app.directory.set_password(account.address, password)
    done(f"{account.address} has a new password")
    if made:
        console.print(f"  password (shown only now): [bold]{password}[/]", highlight=False)


@user.command("quota")
def change_quota(address: Address, quota: str, data: Data = DEFAULT_DATA) -> None:
    """Change how much mail a user may keep: 500MB, 2GB; 0 for no limit."""
    with opened(data) as app:
        account = account_of(app, address)
        limit = _octets(quota)
        changed = app.directory.change_account(
            account.address, lambda found: replace(found, quota=limit)
        )
    done(f"{changed.address} may keep {octets(limit) if limit else 'as much as fits'}")


@user.command("set")
def change_user(
    address: Address,
    language: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Of what Postroom writes to the user: de, pt-BR."),
    ] = None,
    messages: Annotated[
        int | None,
        typer.Option(min=0, help="The user may send in an hour; 0: as many as everybody."),
    ] = None,
    recipients: Annotated[
        int | None,
        typer.Option(min=0, help="The user may send to in a day; 0: as many as everybody."),
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change a user's language, and how much the user may send. What is not named stays."""
    if language and re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}", language) is None:
        raise BadSetting(f"{language!r} is no language tag (BCP 47): write de or pt-BR")
    with opened(data) as app:
        account = account_of(app, address)
        app.directory.change_account(
            account.address,
            lambda found: replace(
                found,
                language=found.language if language is None else language,
                messages_per_hour=found.messages_per_hour if messages is None else messages,
                recipients_per_day=found.recipients_per_day if recipients is None else recipients,
            ),
        )
    done(f"{account.address} is changed")


@user.command("grant")
def grant(identity: Identity, user_address: UserAddress, data: Data = DEFAULT_DATA) -> None:
    """Let a user send mail as another address, or as every address of a domain."""
    with opened(data) as app:
        account = account_of(app, user_address)
        app.directory.grant(identity, account.id)
    done(f"{account.address} may send as {identity}")


@user.command("revoke")
def revoke(identity: Identity, user_address: UserAddress, data: Data = DEFAULT_DATA) -> None:
    """Take back what `grant` gave. A user's own address and aliases need no grant."""
    with opened(data) as app:
        account = account_of(app, user_address)
        app.directory.revoke(identity, account.id)
    done(f"{account.address} may no longer send as {identity}")


def new_password() -> str:
    """Sixteen letters and digits without look-alikes, in groups: some 80 bits."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _password(from_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    if not from_stdin:
        return new_password(), True
    return sys.stdin.readline().rstrip("\r\n"), False


def _octets(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*(|B|kB|MB|GB|TB)", text.strip(), re.IGNORECASE)
    if match is None:
        raise BadSetting(f"{text!r} is no size: write 500MB, 2GB, or 0 for no limit")
    return int(
        float(match[1])
        * 1000 ** ("", "b", "kb", "mb", "gb", "tb").index(match[2].lower() or "b")
        / 1000
    )


def _user_row(app: App, account: Account, as_json: bool) -> dict[str, Any]:
    usage = app.mailboxes.usage(account.id)
    if as_json:
        return {
            "address": account.address,
            "enabled": account.enabled,
            "usage": usage,
            "quota": account.quota,
        }
    return {
        "address": account.address,
        "enabled": account.enabled,
        "mail": octets(usage),
        "limit": octets(account.quota) if account.quota else "none",
    }


def _sending_row(app: App, account: Account) -> dict[str, Any]:
    """What is not shown in lists, since most users have none of it."""
    return {
        "language": account.language,
        "messages_per_hour": account.messages_per_hour,
        "recipients_per_day": account.recipients_per_day,
        "may_send_as": app.directory.identities(account.id),
    }
