"""`postroom share`: who besides its owner may use a mailbox (RFC 4314)."""

from typing import Annotated

import typer

from local.cli.arguments import account_of
from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show
from postroom.app import App
from postroom.directory.identifiers import identifier_of, spelled, user_identifier
from postroom.directory.records import Account
from postroom.errors import BadSetting
from postroom.mailboxes.errors import MailboxMissing
from postroom.mailboxes.rights import NONE, Rights, parse_rights, shown

share = typer.Typer(no_args_is_help=True, help="Who besides its owner may use a mailbox.")

Owner = Annotated[str, typer.Argument(metavar="OWNER", help="For example alice@example.org.")]
MailboxName = Annotated[str, typer.Argument(metavar="MAILBOX", help="INBOX, or projects/plans.")]
With = Annotated[
    str,
    typer.Argument(
        metavar="WITH",
        help="bob@example.org, '$team@example.org', or anyone of the domain. After --, "
        "-bob@example.org takes rights away.",
    ),
]
Letters = Annotated[
    str,
    typer.Argument(
        metavar="RIGHTS",
        help="lr to read, s for seen, w for flags, i to add, te to delete, "
        "kx for mailboxes, a to share.",
    ),
]


@share.command("list")
def list_shares(owner: Owner, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """Which mailboxes of a user are shared, with whom, with which rights."""
    with opened(data) as app:
        account = account_of(app, owner)
        acls = app.mailboxes.sharing.all_of(account.id)
        rows = [
            {"mailbox": mailbox.name, "with": sign + name, "rights": shown(rights)}
            for mailbox in app.mailboxes.all_of(account.id)
            for identifier, rights in acls.get(mailbox.id, {}).items()
            for sign in ["-" if identifier.startswith("-") else ""]
            if (name := spelled(app.directory, identifier.removeprefix("-"))) is not None
        ]
    show(rows, as_json, f"nothing is shared: postroom share set {account.address} INBOX USER lr")


@share.command("set")
def set_share(
    owner: Owner, mailbox: MailboxName, with_: With, rights: Letters, data: Data = DEFAULT_DATA
) -> None:
    """Share a mailbox, in place of the rights that were there."""
    wanted = parse_rights(rights)
    with opened(data) as app:
        account = account_of(app, owner)
        _change(app, account, mailbox, with_, wanted)
    who, has = (with_[1:], "never has") if with_.startswith("-") else (with_, "has")
    done(f"{who} {has} {shown(wanted) or 'no rights'} on {mailbox} of {account.address}")


@share.command("remove")
def remove_share(
    owner: Owner, mailbox: MailboxName, with_: With, data: Data = DEFAULT_DATA
) -> None:
    """Share a mailbox with somebody no longer: at once, whatever is open."""
    with opened(data) as app:
        account = account_of(app, owner)
        _change(app, account, mailbox, with_, NONE)
    done(f"{mailbox} of {account.address} is not shared with {with_}")


def _change(app: App, account: Account, mailbox: str, with_: str, rights: Rights) -> None:
    sign = "-" if with_.startswith("-") else ""
    identifier = identifier_of(app.directory, with_.removeprefix("-"), account)
    if identifier == user_identifier(account):
        raise BadSetting("the owner has all rights, always")
    try:
        found = app.mailboxes.find(account.id, mailbox)
    except MailboxMissing as error:
        raise BadSetting(f"{account.address} has no mailbox {mailbox}") from error
    app.mailboxes.sharing.change(account.id, found.id, sign + identifier, lambda _: rights)
