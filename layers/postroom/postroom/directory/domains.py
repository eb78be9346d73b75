"""Domains: added, changed, removed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from postroom.directory.addresses import BadAddress, canonical, canonical_domain
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.filing import domain_body, domain_key, domain_of, unchanged
from postroom.directory.records import Domain
from postroom.directory.register import Register
from postroom.errors import BadSetting
from postroom.platform.table import Check, Delete, Key, Present, Put, Record, Write, prefix_end

_SEPARATORS = "+-_=#~%!$&'/?^`{|}"  # what may stand in a local part, save letters, . and *


class Domains(Register):
    def add_domain(self, domain: Domain) -> None:
        """Raises AlreadyThere, BadAddress, BadSetting (separator); NotThere or InUse for an
        impossible ``alias_of``."""
        name = canonical_domain(domain.name)
        original = canonical_domain(domain.alias_of) if domain.alias_of else ""
        made = _checked(replace(domain, name=name, alias_of=original, patterns=(), scripts=""))

        def plan() -> tuple[None, list[Write]]:
            if self._table.get(domain_key(name)) is not None:
                raise AlreadyThere("domain", name)
            checks = [self._may_be_shared(original, name)] if original else []
            return None, [self._put_domain(made, None), Put(Key("domains", name), {}), *checks]

        self._changed(plan)

    def domain(self, name: str) -> Domain | None:
        try:
            record = self._table.get(domain_key(canonical_domain(name)))
        except BadAddress:
            return None
        return None if record is None else domain_of(record)

    def domains(self) -> list[Domain]:
        keys = [domain_key(record.key.sort) for record in self._table.range("domains")]
        found = self._table.get_many(keys)
        return [domain_of(found[key]) for key in keys if key in found]

    def change_domain(self, name: str, change: Callable[[Domain], Domain]) -> Domain:
        """Change the catch-all or the separator. *change* gets the domain as it is, and may be
        called again when others change it as well.

        Raises NotThere, BadAddress, BadSetting (separator), InUse (a domain alias).
        """
        key = domain_key(canonical_domain(name))

        def plan() -> tuple[Domain, list[Write]]:
            record = self._domain_record(key)
            before = domain_of(record)
            if before.alias_of:
                raise InUse(f"{before.name} stands for {before.alias_of}: change that one")
            wanted = change(before)
            after = replace(before, catch_all=wanted.catch_all, separator=wanted.separator)
            after = _checked(after)
            return after, [self._put_domain(after, record)]

        return self._changed(plan)

    def with_domain_scripts(self, name: str, version: str) -> tuple[Write, ...]:
        """The writes that give the domain another version of its scripts, for the transaction
        that changes them. That fails with ConditionFailed when the domain is changed meanwhile:
        ask again. Raises NotThere.
        """
        record = self._domain_record(domain_key(canonical_domain(name)))
        return (self._put_domain(replace(domain_of(record), scripts=version), record),)

    def remove_domain(self, name: str) -> None:
        """Raises NotThere; InUse while addresses or alias domains remain."""
        name = canonical_domain(name)
        self._domain_record(domain_key(name))
        users = [domain.name for domain in self.domains() if domain.alias_of == name]
        if users:
            raise InUse(f"{name} is what {', '.join(users)} stands for: remove that first")

        def plan() -> tuple[Record, list[Write]]:
            record = self._domain_record(domain_key(name))
            self._check_empty(name)
            removal = Delete(record.key, unchanged(record))
            return record, [removal, Delete(Key("domains", name))]

        removed = self._changed(plan)
        try:
            # Whoever has added an address since we looked was faster than the removal; nobody
            # can from now on.
            self._check_empty(name)
        except InUse:
            self._table.write(Put(removed.key, removed.body), Put(Key("domains", name), {}))
            raise

    def names(self, domain: str, *kinds: str) -> Iterator[str]:
        """The addresses of a domain as they are filed, of these kinds: account, alias, masked."""
        partition = f"addresses/{canonical_domain(domain)}"
        for kind in kinds:
            prefix = f"{kind}/"
            for record in self._table.range(partition, prefix, prefix_end(prefix)):
                yield record.key.sort.removeprefix(prefix)

    def _check_empty(self, name: str) -> None:
        if next(self._table.range(f"addresses/{name}", limit=1), None) is not None:
            raise InUse(
                f"{name} still has accounts, aliases, masked addresses or groups: remove them first"
            )

    def _domain_record(self, key: Key) -> Record:
        record = self._table.get(key)
        if record is None:
            raise NotThere("domain", key.partition.removeprefix("domain/"))
        return record

    def _put_domain(self, domain: Domain, record: Record | None) -> Put:
        body = {**domain_body(domain), "revision": self._token()}
        return Put(domain_key(domain.name), body, condition=unchanged(record))

    def _may_be_shared(self, original: str, by: str) -> Check:
        target = self.domain(original)
        if target is None or original == by:
            raise NotThere("domain", original)
        if target.alias_of:
            raise InUse(f"{original} is itself an alias of {target.alias_of}: use that one")
        return Check(domain_key(original), Present())


def _checked(domain: Domain) -> Domain:
    marks: Sequence[str] = domain.separator
    if len(set(marks)) < len(marks) or not set(marks) <= set(_SEPARATORS):
        raise BadSetting(
            f"{domain.separator!r} cannot separate a detail: write one or more of {_SEPARATORS} "
            'once each, or "" for none'
        )
    catch_all = str(canonical(domain.catch_all)) if domain.catch_all else ""
    return replace(domain, catch_all=catch_all)
