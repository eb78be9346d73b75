"""Whom an account has written to: ``known/<account>`` : ``<address>``.

Noted for everybody, not only for those whose answers are for known senders: whoever chooses that
on the day before a journey knows the same people as on any other. It costs one write unit for each
recipient of a submitted message, in a request that is made anyway (the index of journeys).
"""

from collections.abc import Iterable

from postroom.autoreply.correspondents import correspondent
from postroom.platform.clock import Clock
from postroom.platform.table import Key, Put, Table

LIST = ":addrbook:default"  # its name in scripts (RFC 6134 section 2.6)
KEPT = 2 * 365 * 86_400  # seconds since the last message
_LONGEST = 900  # octets of an address that is noted


class Known:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def met(self, account: str, addresses: Iterable[str]) -> list[Put]:
        """The records of a message that the account has sent, for `Table.put_many`."""
        expires = int(self._clock.seconds()) + KEPT
        names = dict.fromkeys(map(correspondent, addresses))
        return [Put(_key(account, name), {}, expires=expires) for name in names if _fits(name)]

    def knows(self, account: str, address: str) -> bool:
        """Whether the account has written to whoever has this reverse-path. One table read."""
        name = correspondent(address)
        return _fits(name) and self._table.get(_key(account, name)) is not None


def _key(account: str, name: str) -> Key:
    return Key(f"known/{account}", name)


def _fits(name: str) -> bool:
    return 0 < len(name.encode("utf-8", "replace")) <= _LONGEST
