"""What deliveries run: the programs of a domain and an account, compiled once for each version."""

import hashlib
from collections.abc import Mapping
from typing import Literal

from postroom.directory.store import Directory
from postroom.platform.clock import Randomness
from postroom.platform.table import Table
from postroom.scripts.catalogue import personal, script_key, shared, text_of
from postroom.scripts.errors import BadScriptName
from postroom.scripts.limits import LIMITS, Limits
from postroom.scripts.names import canonical
from postroom.scripts.recent import Recent
from postroom.scripts.shelves import Shelves
from postroom.sieve.engine import Program, compile_script
from postroom.sieve.errors import Problem, ScriptError

# Octets of script text whose programs are kept ready; a program is some ten times its text.
_MOST_READY = 2 * 1024 * 1024

_Compiled = Program | ScriptError  # a script may have become wrong since it was put


class RunningScripts(Shelves):
    """*Versions* are those of the account and its domain that routing has found; "" for none.

    What is cached under a version is never older than it: both are written together.
    """

    def __init__(
        self,
        table: Table,
        directory: Directory,
        randomness: Randomness,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(table, directory, randomness, limits)
        self._by_text = Recent[_Compiled](_MOST_READY)
        self._by_role = Recent[Mapping[str, _Compiled]](_MOST_READY)
        self._by_name = Recent[_Compiled | Literal["none"]](_MOST_READY)

    def chain(
        self, account: str, account_version: str, domain: str, domain_version: str
    ) -> list[Program]:
        """The programs of one delivery in the order in which they run.

        One read for each version that this process has not met. Raises ScriptError, which tells
        the script, when one of them can no longer be used.
        """
        own = self._running(personal(account), account_version)
        common = self._running(shared(domain), domain_version)
        order = (
            (common, "before", f"the script of {domain} that runs before"),
            (own, "form", "the script made from the form"),
            (own, "active", "the active script"),
            (common, "after", f"the script of {domain} that runs after"),
        )
        return [_usable(found[role], what) for found, role, what in order if role in found]

    def included(
        self,
        account: str,
        account_version: str,
        domain: str,
        domain_version: str,
        location: Literal["personal", "global"],
        name: str,
    ) -> Program | None:
        """The script that another one includes (RFC 6609), None when there is none of that name.

        Raises ScriptError when it can no longer be used.
        """
        try:
            name = canonical(name)
        except BadScriptName:
            return None
        own = location == "personal"
        partition = personal(account) if own else shared(domain)
        version = account_version if own else domain_version
        key = (partition, version, name)
        found = self._by_name.get(key) if version else None
        if found is None:
            record = self._table.get(script_key(partition, name))
            text = b"" if record is None else text_of(record)
            found = "none" if record is None else self._compiled(text)
            if version:  # without one, nothing would tell us of a change
                self._by_name.keep(key, found, len(text))
        return None if found == "none" else _usable(found, f'the script "{name}"')

    def _running(self, partition: str, version: str) -> Mapping[str, _Compiled]:
        if not version:
            return {}
        found = self._by_role.get((partition, version))
        if found is None:
            texts = self._catalogue(partition).running
            found = {role: self._compiled(text) for role, text in texts.items()}
            self._by_role.keep((partition, version), found, sum(map(len, texts.values())))
        return found

    def _compiled(self, text: bytes) -> _Compiled:
        """Many accounts have the same script, and most changes leave most scripts as they are."""
        key = hashlib.blake2b(text, digest_size=16).digest()
        found = self._by_text.get(key)
        if found is None:
            try:
                found = compile_script(text)
            except ScriptError as error:
                found = error
            self._by_text.keep(key, found, len(text))
        return found


def _usable(compiled: _Compiled, what: str) -> Program:
    """Raises ScriptError."""
    if isinstance(compiled, ScriptError):
        # A new one: an exception that is raised again and again collects its tracebacks.
        raise ScriptError(
            [Problem(position, f"{message} (in {what})") for position, message in compiled.problems]
        )
    return compiled
