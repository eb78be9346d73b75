"""`postroom group`: users that mailboxes are shared with together."""

from typing import Annotated

import typer

from local.cli.arguments import OneDomain, domain_names, next_step
from local.cli.session import DEFAULT_DATA, Data, Json, done, opened, show
from postroom.app import App
from postroom.directory.groups import MARK
from postroom.directory.identifiers import user_identifier
from postroom.directory.records import Group
from postroom.errors import BadSetting

group = typer.Typer(no_args_is_help=True, help="Users that mailboxes are shared with together.")

Name = Annotated[
    str, typer.Argument(metavar="GROUP", help="For example team@example.org, or '$team@…'.")
]
Users = Annotated[list[str], typer.Argument(metavar="USER…", help="alice@example.org bob@…")]

_LIST = "postroom group list"


@group.command("add")
def add(name: Name, data: Data = DEFAULT_DATA) -> None:
    """Make a group. It takes no mail: an alias does."""
    with opened(data) as app, next_step(_LIST):
        made = app.directory.add_group(name)
    done(f"mailboxes can be shared with {MARK}{made.name}; postroom group join adds users")


@group.command("list")
def list_groups(
    domain_name: OneDomain = "", as_json: Json = False, data: Data = DEFAULT_DATA
) -> None:
    """All groups, and how many users are in them."""
    with opened(data) as app:
        rows = [
            {"group": found.name, "members": len(app.directory.members(found.id))}
            for name in domain_names(app, domain_name)
            for found in app.directory.groups(name)
        ]
    show(rows, as_json, "no groups yet: postroom group add team@example.org")


@group.command("members")
def members(name: Name, as_json: Json = False, data: Data = DEFAULT_DATA) -> None:
    """The users in a group."""
    with opened(data) as app:
        found = _existing(app, name)
        rows = [{"user": account.address} for account in app.directory.members(found.id)]
    show(rows, as_json, f"nobody yet: postroom group join {found.name} USER")


@group.command("join")
def join(name: Name, users: Users, data: Data = DEFAULT_DATA) -> None:
    """Add users to a group: they may at once what the group may."""
    with opened(data) as app, next_step(_LIST):
        found = _existing(app, name)
        for user in users:
            joined = app.directory.join(name, user)
            app.mailboxes.sharing.tell(user_identifier(joined))
            done(f"{joined.address} is in {MARK}{found.name}")
        app.mailboxes.sharing.tell(f"group/{found.id}")


@group.command("leave")
def leave(name: Name, users: Users, data: Data = DEFAULT_DATA) -> None:
    """Take users out of a group: what only the group may they may no longer, at once."""
    with opened(data) as app, next_step(_LIST):
        found = _existing(app, name)
        for user in users:
            left = app.directory.leave(name, user)
            app.mailboxes.sharing.tell(f"group/{found.id}")
            done(f"{left.address} is no longer in {MARK}{found.name}")


@group.command("remove")
def remove(name: Name, data: Data = DEFAULT_DATA) -> None:
    """Remove a group, and what was shared with it from its members."""
    with opened(data) as app, next_step(_LIST):
        removed = app.directory.remove_group(name)
        app.mailboxes.sharing.forget(f"group/{removed.id}")
    done(f"{MARK}{removed.name} is gone; its members stay")


def _existing(app: App, name: str) -> Group:
    found = app.directory.group(name)
    if found is None:
        raise BadSetting(f"there is no group {name}: {_LIST}")
    return found
