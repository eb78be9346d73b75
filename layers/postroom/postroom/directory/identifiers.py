"""Whom an access control list names, and who that is (RFC 4314 sections 2 and 3).

As it is kept, an identifier holds an id that is never reused: ``user/<account>``,
``group/<group>``, ``anyone/<domain>``. So nobody inherits rights with a name.
"""

from collections.abc import Iterable

from postroom.directory.addresses import BadAddress, canonical
from postroom.directory.groups import MARK
from postroom.directory.records import Account
from postroom.directory.saslprep import saslprep
from postroom.directory.store import Directory
from postroom.errors import BadSyntax, PostroomError

ANYONE = "anyone"


class UnknownIdentifier(PostroomError):
    """Nobody here is called so."""


def identifier_of(directory: Directory, text: str, owner: Account) -> str:
    """What stands for the user, ``$group`` or ``anyone`` that a client names, about a mailbox of
    the owner. A name without a domain is one of the owner's. Raises UnknownIdentifier; BadSyntax
    for what can be no name.

    ``anyone`` is who logs in with an address of the owner's domain: other domains here are other
    people's, who do not know each other.
    """
    name = saslprep(text)
    if not name:
        raise BadSyntax("identifier", text.encode(), "RFC 4314 section 3")
    domain = canonical(owner.address).domain
    if name == ANYONE:
        return f"anyone/{domain}"
    if name == "anonymous":
        raise UnknownIdentifier("nobody logs in as anonymous here")
    address = name if "@" in name else f"{name}@{domain}"
    try:
        if name.startswith(MARK):
            group = directory.group(address)
            if group is not None:
                return f"group/{group.id}"
        account = directory.account(address)
    except BadAddress:
        account = None
    if account is None:
        raise UnknownIdentifier(f"{name[:320]} is no user, no $group and not anyone")
    return user_identifier(account)


def user_identifier(account: Account) -> str:
    return f"user/{account.id}"


def spelled(directory: Directory, identifier: str) -> str | None:
    """As clients know it; None when there is nobody of that id any more."""
    kind, _, name = identifier.partition("/")
    if kind == ANYONE:
        return ANYONE
    if kind == "group":
        group = directory.group_by_id(name)
        return None if group is None else MARK + group.name
    account = directory.account_by_id(name)
    return None if account is None else account.address


def applying_to(directory: Directory, account: Account) -> frozenset[str]:
    """All identifiers that stand for the account; one query."""
    groups = (f"group/{group}" for group in directory.groups_of(account.id))
    return frozenset([*_own(account), *groups])


def applying_among(
    directory: Directory, account: Account, identifiers: Iterable[str]
) -> frozenset[str]:
    """Those of the identifiers that stand for the account; reads only if there are groups, or
    anyone: who is removed is nobody, and may still be logged in."""
    named = set(identifiers)
    if any(each.startswith(f"{ANYONE}/") for each in named) and not is_here(directory, account):
        return frozenset()
    groups = [each.removeprefix("group/") for each in named if each.startswith("group/")]
    among = directory.groups_among(account.id, groups)
    return frozenset([*(named & _own(account)), *(f"group/{group}" for group in among)])


def is_here(directory: Directory, account: Account) -> bool:
    """It has not been removed; one read."""
    return directory.account_by_id(account.id) is not None


def _own(account: Account) -> set[str]:
    return {user_identifier(account), f"anyone/{canonical(account.address).domain}"}
