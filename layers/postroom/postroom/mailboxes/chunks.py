"""Work on many messages goes in transactions of bounded size."""

from collections.abc import Callable, Iterable, Sequence

from postroom.mailboxes.records import Message


def in_chunks(uids: Iterable[int], most: int, do: Callable[[Sequence[int]], Sequence[int]]) -> None:
    """Call *do* with *most* of the UIDs at a time, in order, until none is left.

    *do* returns those for which its transaction had no room: they come first the next time.
    """
    left = sorted(set(uids), reverse=True)  # the end of a list is its cheap side
    while left:
        chunk = left[: -most - 1 : -1]
        del left[-most:]
        left += reversed(do(chunk))


def split(
    messages: Sequence[Message], room: int, besides: Callable[[Message], int] = lambda _: 0
) -> tuple[Sequence[Message], list[int]]:
    """Return the messages for which there is room (octets), and the UIDs of the others.

    *besides* tells what is written for a message beside its own record, in octets.
    """
    for number, message in enumerate(messages):
        room -= _octets(message) + besides(message)
        if room < 0 and number:
            return messages[:number], [message.uid for message in messages[number:]]
    return messages, []


def _octets(message: Message) -> int:
    return 500 + len(message.prefix) + sum(len(flag) + 2 for flag in message.flags)
