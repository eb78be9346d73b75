"""Does a command name messages by their numbers? (RFC 9586, RFC 7162 section 3.2.10.2)"""

from gateway.imap.commands import Command, Select
from gateway.imap.search_keys import And, InSet, Not, Or, SearchKey


def names_numbers(command: Command) -> bool:
    """As what is to be done, or as what it is to be done to: all commands that have a UID form
    without it, and keys of searches."""
    if getattr(command, "uid", True) is False:
        return True
    if isinstance(command, Select):
        return command.resync is not None and bool(command.resync.numbers.ends)
    key = getattr(command, "key", None)
    return key is not None and _is_of_numbers(key)


def _is_of_numbers(key: SearchKey) -> bool:
    # The parser bounds how deep keys lie in each other.
    if isinstance(key, InSet):  # what was saved is remembered by UID
        return not (key.uid or key.messages.saved)
    if isinstance(key, And):
        return any(_is_of_numbers(each) for each in key.keys)
    if isinstance(key, Or):
        return _is_of_numbers(key.left) or _is_of_numbers(key.right)
    return isinstance(key, Not) and _is_of_numbers(key.key)
