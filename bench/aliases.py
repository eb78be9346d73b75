"""A domain with few aliases or a million, and what the answer to RCPT TO costs there."""

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.sides import DOMAIN
from postroom.app import build
from postroom.directory.addresses import Address
from postroom.directory.filing import address_key, listing_key, with_alias
from postroom.directory.records import Alias, Domain
from postroom.platform.table import Put

_PUT_TOGETHER = 10_000
_ASKED = 2_000  # addresses of a round, all of them others as far as there are as many
_ROUNDS = 9


class Aliases:
    """A store of its own, with *count* aliases of one domain, and a pattern."""

    def __init__(self, folder: Path, count: int) -> None:
        self.name = f"{count:,} aliases"
        self._app = build({"POSTROOM_DATA": str(folder / f"aliases-{count}")})
        self._app.directory.add_domain(Domain(DOMAIN))
        self._app.directory.add_alias(Alias(f"sales-*@{DOMAIN}", (f"info@{DOMAIN}",)))
        for start in range(0, count, _PUT_TOGETHER):
            numbers = range(start, min(start + _PUT_TOGETHER, count))
            self._app.table.put_many([put for number in numbers for put in _records(number)])
        chance = random.Random(7)
        exact = [_local(chance.randrange(count)) for _ in range(_ASKED)]
        self._asked = {
            "rcpt alias": [f"{local}@{DOMAIN}" for local in exact],
            "rcpt detail": [f"{local}+lists@{DOMAIN}" for local in exact],
            "rcpt unknown": [f"{local}.x@{DOMAIN}" for local in exact],
        }

    def figures(self) -> dict[str, float]:
        """Microseconds of one answer, the median of rounds that ask for all addresses once."""
        return {name: self._answer(addresses) for name, addresses in self._asked.items()}

    def _answer(self, addresses: list[str]) -> float:
        verdict = self._app.directory.verdict
        expected = "unknown" if ".x@" in addresses[0] else "local"
        rounds = []
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            for address in addresses:
                found = verdict(address)
            rounds.append((time.perf_counter() - started) / len(addresses))
            assert found.kind == expected
        return statistics.median(rounds) * 1e6

    def close(self) -> None:
        self._app.platform.close()


def _records(number: int) -> Iterator[Put]:
    """As `Directory.add_alias` writes them, without its transaction."""
    filed = Address(_local(number), DOMAIN)
    alias = Alias(str(filed), (f"user{number % 997}@{DOMAIN}",))
    yield Put(address_key(filed), {**with_alias({}, alias), "revision": f"{number:016}"})
    yield Put(listing_key(filed, "alias"), {})


def _local(number: int) -> str:
    """Spread over the alphabet, as names are: neighbours in time are none in the tree."""
    return f"a{number * 2_654_435_761 % 2**32:08x}"
