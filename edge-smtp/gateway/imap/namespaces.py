"""Names of what others share: ``Other Users/<address of the owner>/<the owner's name for it>`` (RFC
2342 section 5)."""

from postroom.directory import addresses
from postroom.mailboxes.errors import BadMailboxName
from postroom.mailboxes.names import OTHER_USERS, SEPARATOR, canonical

NAMESPACE = OTHER_USERS + SEPARATOR


def split_name(name: str) -> tuple[str, str] | None:
    """Address and the owner's name for it, of a name in the namespace of other users.

    An address may hold a "/", but before its "@" only.
    """
    if not name.startswith(NAMESPACE):
        return None
    local, at, rest = name.removeprefix(NAMESPACE).partition("@")
    domain, slash, below = rest.partition(SEPARATOR)
    return (local + at + domain, below) if at and slash else None


def normal_name(name: str) -> str:
    """The name as LIST would show it: an own one, or one of others. Raises BadMailboxName."""
    named = split_name(name)
    if named is None:
        return canonical(name)
    try:
        address = str(addresses.canonical(named[0]))
    except addresses.BadAddress as error:
        raise BadMailboxName(name, "nobody has that address") from error
    return prefix_of(address) + canonical(named[1])


def prefix_of(address: str) -> str:
    return NAMESPACE + address + SEPARATOR
