"""The scripts of accounts: named ones, of which at most one is active, and that of the form."""

from dataclasses import dataclass, replace
from functools import partial

from postroom.platform.table import Delete, Write
from postroom.scripts.catalogue import Catalogue, keys_of, personal, put_text, script_key
from postroom.scripts.errors import NoSuchScript, ScriptActive
from postroom.scripts.names import canonical
from postroom.scripts.shelves import Owner, Shelves
from postroom.sieve.errors import Problem

_Planned = tuple[Catalogue, list[Write]]


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    size: int  # octets
    active: bool


class PersonalScripts(Shelves):
    """Names come as their owner writes them; every method with one raises BadScriptName."""

    def names(self, account: str) -> list[Listed]:
        """In order of their names; the script of the form is not among them."""
        found = self._catalogue(personal(account))
        return [
            Listed(name, size, name == found.active) for name, size in sorted(found.sizes.items())
        ]

    def get(self, account: str, name: str) -> bytes:
        """The text exactly as it was put. Raises NoSuchScript."""
        return self._text(personal(account), canonical(name))

    def have_space(self, account: str, name: str, size: int) -> None:
        """Raises OverQuota when ``put`` would, for a text of that many octets."""
        self._catalogue(personal(account)).admit(canonical(name), size, self.limits)

    def put(self, account: str, name: str, text: bytes) -> tuple[Problem, ...]:
        """Keep a script, in place of one of that name, and return warnings about it.

        The active one runs as it is now with the next message. Raises ScriptError, EmptyScript,
        OverQuota; nothing is changed then.
        """
        name = canonical(name)
        warnings = self._check_to_keep(text)

        def plan(before: Catalogue) -> _Planned:
            before.admit(name, len(text), self.limits)
            running = before.running
            if name == before.active:
                running = before.with_running("active", text)
            after = replace(before, sizes={**before.sizes, name: len(text)}, running=running)
            return after, [put_text(personal(account), name, text)]

        self._change(self._owner(account), plan)
        return warnings

    def set_active(self, account: str, name: str) -> tuple[Problem, ...]:
        """Let the script run, and no other, from the next message on; "" for none.

        Returns warnings about it. Raises NoSuchScript; ScriptError for one that was right when it
        was put and no longer is.
        """
        if not name:
            self._change(self._owner(account), _without_active)
            return ()
        name = canonical(name)
        warnings: tuple[Problem, ...] = ()

        def plan(before: Catalogue) -> _Planned | None:
            nonlocal warnings
            text = self._listed_text(account, before, name)
            warnings = self.check(text)
            if name == before.active:
                return None
            return replace(before, active=name, running=before.with_running("active", text)), []

        self._change(self._owner(account), plan)
        return warnings

    def delete(self, account: str, name: str) -> None:
        """Raises NoSuchScript, ScriptActive."""
        name = canonical(name)

        def plan(before: Catalogue) -> _Planned:
            if name not in before.sizes:
                raise NoSuchScript(name)
            if name == before.active:
                raise ScriptActive(name)
            sizes = {other: size for other, size in before.sizes.items() if other != name}
            return replace(before, sizes=sizes), [Delete(script_key(personal(account), name))]

        self._change(self._owner(account), plan)

    def rename(self, account: str, old: str, new: str) -> None:
        """The active script stays active. Raises NoSuchScript, ScriptExists."""
        old, new = canonical(old), canonical(new)
        partition = personal(account)

        def plan(before: Catalogue) -> _Planned:
            text = self._listed_text(account, before, old)
            active = new if before.active == old else before.active
            after = replace(before, active=active, sizes=before.renamed(old, new))
            return after, [put_text(partition, new, text), Delete(script_key(partition, old))]

        self._change(self._owner(account), plan)

    def put_form(self, account: str, text: bytes) -> None:
        """Keep the script that a form becomes, b"" for none; it runs before the active one.

        Nobody sees it among the scripts, and it counts towards no quota but the size of one.
        Raises ScriptError, OverQuota.
        """
        if text:
            self._check_to_keep(text)

        def plan(before: Catalogue) -> _Planned | None:
            if before.running.get("form", b"") == text:
                return None
            return replace(before, running=before.with_running("form", text)), []

        self._change(self._owner(account), plan)

    def remove_all(self, account: str) -> None:
        """Forget all scripts of an account that is gone, or is about to be."""
        partition = personal(account)
        keys = keys_of(partition, self._catalogue(partition))
        self._table.write(*(Delete(key) for key in keys))

    def _owner(self, account: str) -> Owner:
        return Owner(
            personal(account),
            runs=lambda found: bool(found.running),
            tell=partial(self._directory.with_scripts, account),
        )

    def _listed_text(self, account: str, catalogue: Catalogue, name: str) -> bytes:
        """Raises NoSuchScript."""
        if name not in catalogue.sizes:
            raise NoSuchScript(name)
        return self._text(personal(account), name)


def _without_active(before: Catalogue) -> _Planned | None:
    if not before.active:
        return None
    return replace(before, active="", running=before.with_running("active", b"")), []
