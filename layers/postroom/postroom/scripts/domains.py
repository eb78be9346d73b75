"""The scripts of domains: what runs before and after everybody's, and what all may include."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from postroom.directory.addresses import canonical_domain
from postroom.directory.errors import InUse, NotThere
from postroom.platform.table import Delete, Write
from postroom.scripts.catalogue import Catalogue, keys_of, put_text, script_key, shared
from postroom.scripts.errors import NoSuchScript
from postroom.scripts.names import canonical
from postroom.scripts.shelves import Owner, Shelves
from postroom.sieve.errors import Problem

PLACES = ("before", "after")  # the names of the two that run by themselves


class DomainScripts(Shelves):
    """A script called ``before`` or ``after`` runs for every account of the domain; one of any
    other name only where a script says ``include :global`` (RFC 6609 section 3.2).

    Every method raises BadAddress for what is no domain, and BadScriptName.
    """

    def domain_names(self, domain: str) -> list[str]:
        return sorted(self._catalogue(shared(canonical_domain(domain))).sizes)

    def get_domain(self, domain: str, name: str) -> bytes:
        """Raises NoSuchScript."""
        return self._text(shared(canonical_domain(domain)), canonical(name))

    def put_domain(self, domain: str, name: str, text: bytes) -> tuple[Problem, ...]:
        """Keep a script of the domain and return warnings about it; b"" removes it.

        Raises NotThere, InUse (a domain alias), ScriptError, OverQuota, NoSuchScript (to remove).
        """
        domain, name = self._own_domain(domain), canonical(name)
        warnings = self._check_to_keep(text) if text else ()

        def plan(before: Catalogue) -> tuple[Catalogue, Sequence[Write]]:
            partition = shared(domain)
            running = before.with_running(name, text) if name in PLACES else before.running
            sizes = {other: size for other, size in before.sizes.items() if other != name}
            if text:
                before.admit(name, len(text), self.limits)
                after = replace(before, sizes={**sizes, name: len(text)}, running=running)
                return after, [put_text(partition, name, text)]
            if name not in before.sizes:
                raise NoSuchScript(name)
            return (
                replace(before, sizes=sizes, running=running),
                [Delete(script_key(partition, name))],
            )

        owner = Owner(
            shared(domain),
            # Also what is only included: scripts of accounts have to notice when it changes.
            runs=lambda found: bool(found.sizes),
            tell=partial(self._directory.with_domain_scripts, domain),
        )
        self._change(owner, plan)
        return warnings

    def remove_all_of_domain(self, domain: str) -> None:
        """Forget all scripts of a domain that is gone, or is about to be."""
        partition = shared(canonical_domain(domain))
        keys = keys_of(partition, self._catalogue(partition))
        self._table.write(*(Delete(key) for key in keys))

    def _own_domain(self, name: str) -> str:
        found = self._directory.domain(name)
        if found is None:
            raise NotThere("domain", name)
        if found.alias_of:
            raise InUse(f"{found.name} stands for {found.alias_of}: its scripts are kept there")
        return found.name
