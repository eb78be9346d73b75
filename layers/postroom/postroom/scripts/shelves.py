"""How an owner's scripts are changed: read the catalogue, plan, write if nobody else did."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from postroom.directory.store import Directory
from postroom.errors import ConditionFailed, StoreUnavailable
from postroom.platform.clock import Randomness
from postroom.platform.table import Table, Write
from postroom.scripts.catalogue import (
    Catalogue,
    catalogue_key,
    catalogue_of,
    put_catalogue,
    script_key,
    text_of,
)
from postroom.scripts.errors import EmptyScript, NoSuchScript
from postroom.scripts.limits import LIMITS, Limits
from postroom.sieve.engine import compile_script
from postroom.sieve.errors import Problem

_TRIES = 50
_REVISION_OCTETS = 10

# What a change makes of a catalogue, and the writes beside it. None: there is nothing to change.
Plan = Callable[[Catalogue], tuple[Catalogue, Sequence[Write]] | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose scripts they are."""

    partition: str
    runs: Callable[[Catalogue], bool]  # whether deliveries have to know of the scripts
    tell: Callable[[str], Sequence[Write]]  # the writes that tell them the version


class Shelves:
    """What keeping the scripts of accounts and of domains has in common."""

    def __init__(
        self,
        table: Table,
        directory: Directory,
        randomness: Randomness,
        limits: Limits = LIMITS,
    ) -> None:
        self._table = table
        self._directory = directory
        self._randomness = randomness
        self.limits = limits

    def check(self, text: bytes) -> tuple[Problem, ...]:
        """Return what may not be meant as it is written. Slow. Raises ScriptError, EmptyScript."""
        if not text:
            raise EmptyScript
        return compile_script(text).warnings

    def _check_to_keep(self, text: bytes) -> tuple[Problem, ...]:
        """Raises ScriptError, EmptyScript, OverQuota."""
        if len(text) > self.limits.script:  # not worth compiling
            Catalogue().admit("", len(text), self.limits)
        return self.check(text)

    def _catalogue(self, partition: str) -> Catalogue:
        return catalogue_of(self._table.get(catalogue_key(partition)))

    def _text(self, partition: str, name: str) -> bytes:
        """Raises NoSuchScript."""
        record = self._table.get(script_key(partition, name))
        if record is None:
            raise NoSuchScript(name)
        return text_of(record)

    def _change(self, owner: Owner, plan: Plan) -> None:
        """Durable on return, and the next message meets it.

        *plan* may be called again when others change the same; it must only read and compute.
        """
        for _ in range(_TRIES):
            before = self._catalogue(owner.partition)
            planned = plan(before)
            if planned is None:
                return
            after, writes = replace(planned[0], revision=self._revision()), planned[1]
            told: Sequence[Write] = ()
            if owner.runs(before) or owner.runs(after):
                told = owner.tell(after.revision if owner.runs(after) else "")
            try:
                self._table.write(put_catalogue(owner.partition, after, before), *writes, *told)
            except ConditionFailed:
                continue
            return
        raise StoreUnavailable("the scripts: too many change the same at once")

    def _revision(self) -> str:
        return base64.b32encode(self._randomness.octets(_REVISION_OCTETS)).decode().lower()
