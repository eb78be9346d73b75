"""The directory over the Table port.

Records: ``domain/<name>``; ``address/<address>`` holds the account whose primary address it is,
or alias targets, or both; ``account/<id>``:``account``; ``credentials/<id>``. The partitions
``domains`` and ``addresses/<domain>`` list names for administration; mail never reads them.
"""

import base64
from collections.abc import Iterator, Sequence

from postroom.directory.addresses import Address, BadAddress, canonical, canonical_domain
from postroom.directory.passwords import (
    LONGEST_PASSWORD,
    hash_password,
    verify,
    verify_nobody,
)
from postroom.directory.records import Account, Alias, Domain, Route, Verdict
from postroom.directory.routes import (
    address_key,
    answer,
    domain_key,
    domain_of,
    look_up,
    routes,
    targets_of,
)
from postroom.errors import ConditionFailed, PostroomError
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import (
    Absent,
    Check,
    Condition,
    Delete,
    Holds,
    Key,
    Present,
    Put,
    Record,
    Table,
    Value,
    prefix_end,
)

MOST_ALIAS_TARGETS = 1_000


class NotThere(PostroomError):
    """No domain, account or alias of that name."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} {name}")


class AlreadyThere(PostroomError):
    """The name is taken."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is already a {what} {name}")


class InUse(PostroomError):
    """What is to be removed still holds something, or the change would break a rule."""


class Directory:
    def __init__(self, table: Table, clock: Clock, randomness: Randomness) -> None:
        self._table = table
        self._clock = clock
        self._randomness = randomness

    # Domains

    def add_domain(self, domain: Domain) -> None:
        """Raises AlreadyThere, BadAddress; NotThere or InUse for an impossible ``alias_of``."""
        name = canonical_domain(domain.name)
        original = canonical_domain(domain.alias_of) if domain.alias_of else ""
        checks = []
        if original:
            target = self.domain(original)
            if target is None or original == name:
                raise NotThere("domain", original)
            if target.alias_of:
                raise InUse(f"{original} is itself an alias of {target.alias_of}: use that one")
            checks.append(Check(domain_key(original), Present()))
        catch_all = str(canonical(domain.catch_all)) if domain.catch_all else ""
        body = {"alias_of": original, "catch_all": catch_all, "separator": domain.separator}
        try:
            self._table.write(
                Put(domain_key(name), body, condition=Absent()),
                Put(Key("domains", name), {}),
                *checks,
            )
        except ConditionFailed as error:
            raise AlreadyThere("domain", name) from error

    def domain(self, name: str) -> Domain | None:
        try:
            name = canonical_domain(name)
        except BadAddress:
            return None
        record = self._table.get(domain_key(name))
        return None if record is None else domain_of(record, name)

    def domains(self) -> list[Domain]:
        names = [record.key.sort for record in self._table.range("domains")]
        found = self._table.get_many([domain_key(name) for name in names])
        return [
            domain_of(found[domain_key(name)], name) for name in names if domain_key(name) in found
        ]

    def remove_domain(self, name: str) -> None:
        """Raises NotThere; InUse while addresses or alias domains remain."""
        name = canonical_domain(name)
        if next(self._table.range(f"addresses/{name}", limit=1), None) is not None:
            raise InUse(f"{name} still has accounts or aliases: remove them first")
        users = [domain.name for domain in self.domains() if domain.alias_of == name]
        if users:
            raise InUse(f"{name} is what {', '.join(users)} stands for: remove that first")
        try:
            self._table.write(Delete(domain_key(name), Present()), Delete(Key("domains", name)))
        except ConditionFailed as error:
            raise NotThere("domain", name) from error

    # Accounts

    def add_account(self, address: str, password: str, quota: int = 0) -> Account:
        """Make an account; its mailboxes are made by ``Mailboxes.create_account``.

        Raises AlreadyThere, NotThere (its domain), BadAddress, InUse (alias domain).
        """
        place = self._own_address(address)
        account = Account(self._new_id(), str(place), quota)
        hashed = self._hashed(password)
        try:
            self._table.write(
                Put(address_key(place), _address_body(account, ()), condition=Absent()),
                Put(_account_key(account.id), _account_body(account)),
                Put(_credentials_key(account.id), hashed),
                Put(_listing_key(place, "account"), {}),
                Check(domain_key(place.domain), Present()),
            )
        except ConditionFailed as error:
            raise AlreadyThere("account or alias", str(place)) from error
        return account

    def account(self, address: str) -> Account | None:
        """By primary address, by an address with detail, or by an alias of just one account.

        An account's own address names it also while its mail is forwarded or it is disabled.
        """
        try:
            place = canonical(address)
        except BadAddress:
            return None
        _, entry = answer(lambda known: look_up(place, known), self._table.get_many)
        if entry is None:
            return None
        owner = str(entry.record.body["account"])
        if owner:
            return self.account_by_id(owner)
        route = self.routes([str(place)])[0]
        if len(route.targets) != 1 or route.elsewhere:
            return None
        return self.account_by_id(route.targets[0].account)

    def account_by_id(self, account: str) -> Account | None:
        record = self._table.get(_account_key(account))
        return None if record is None else _account_of(record, account)

    def accounts(self, domain: str) -> list[Account]:
        found = self._listed(domain, "account")
        return [_account_in(record) for record in found if record.body["account"]]

    def set_account(self, account: Account) -> None:
        """Change quota or enabled. Raises NotThere, ConditionFailed when changed meanwhile."""
        place = canonical(account.address)
        record = self._primary(place)
        self._table.write(
            Put(
                address_key(place),
                _address_body(account, targets_of(record)),
                condition=Holds("account", account.id),
            ),
            Put(_account_key(account.id), _account_body(account), condition=Present()),
        )

    def remove_account(self, address: str) -> Account:
        """Forget the account and its password; the caller removes its mailboxes.

        Aliases on the same address go with it. Raises NotThere.
        """
        place = canonical(address)
        account = _account_in(self._primary(place))
        self._table.write(
            Delete(address_key(place), Holds("account", account.id)),
            Delete(_account_key(account.id)),
            Delete(_credentials_key(account.id)),
            Delete(_listing_key(place, "account")),
            Delete(_listing_key(place, "alias")),
        )
        return account

    # Credentials

    def set_password(self, address: str, password: str) -> None:
        """Raises NotThere."""
        account = _account_in(self._primary(canonical(address)))
        self._table.write(
            Put(_credentials_key(account.id), self._hashed(password)),
            Check(_account_key(account.id), Present()),
        )

    def authenticate(self, name: str, password: str) -> Account | None:
        """Check a password: argon2id, the same time for unknown names and disabled accounts.

        Slow (some 20 ms of a core): off the event loop. The name is an address of one account.
        """
        account = self.account(name)
        stored = None if account is None else self._table.get(_credentials_key(account.id))
        if stored is None or len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD:
            verify_nobody(password[:LONGEST_PASSWORD])
            return None
        right = verify(str(stored.body["hash"]), password)
        return account if right and account is not None and account.enabled else None

    def credential_version(self, account: str) -> str | None:
        """Changes with every change of the password; None when there is no such account.

        One cheap read: lets a cache of logins notice that it is out of date.
        """
        found = self._table.get_many([_credentials_key(account), _account_key(account)])
        stored, record = found.get(_credentials_key(account)), found.get(_account_key(account))
        if stored is None or record is None or not record.body["enabled"]:
            return None
        return str(stored.body["version"])

    # Aliases

    def add_alias(self, alias: Alias) -> None:
        """Send the mail of an address to others, replacing no alias that is there.

        Targets lie in domains of ours. Raises AlreadyThere, NotThere (a domain), BadAddress,
        InUse (too many targets, or none).
        """
        place = self._own_address(alias.address)
        targets = list(dict.fromkeys(str(canonical(target)) for target in alias.targets))
        if not 1 <= len(targets) <= MOST_ALIAS_TARGETS:
            raise InUse(f"an alias has 1 to {MOST_ALIAS_TARGETS} targets, this has {len(targets)}")
        domains = sorted({canonical(target).domain for target in targets})
        ours = self._table.get_many([domain_key(domain) for domain in domains])
        for domain in domains:
            if domain_key(domain) not in ours:
                raise NotThere("domain", domain)
        there = self._table.get(address_key(place))
        if there is not None and targets_of(there):
            raise AlreadyThere("alias", str(place))
        body: dict[str, Value] = {"account": "", "quota": 0, "enabled": True}
        condition: Condition = Absent()
        if there is not None:
            body = there.body
            condition = Holds("account", str(there.body["account"]))
        try:
            self._table.write(
                Put(address_key(place), {**body, "targets": [*targets]}, condition=condition),
                Put(_listing_key(place, "alias"), {}),
                Check(domain_key(place.domain), Present()),
            )
        except ConditionFailed as error:
            raise AlreadyThere("account or alias", str(place)) from error

    def alias(self, address: str) -> Alias | None:
        try:
            place = canonical(address)
        except BadAddress:
            return None
        record = self._table.get(address_key(place))
        targets = targets_of(record) if record is not None else ()
        return Alias(str(place), targets) if targets else None

    def aliases(self, domain: str) -> list[Alias]:
        found = self._listed(domain, "alias")
        return [
            Alias(record.key.partition.removeprefix("address/"), targets_of(record))
            for record in found
            if targets_of(record)
        ]

    def remove_alias(self, address: str) -> None:
        """An account on the same address stays. Raises NotThere."""
        place = canonical(address)
        record = self._table.get(address_key(place))
        if record is None or not targets_of(record):
            raise NotThere("alias", str(place))
        account = str(record.body["account"])
        write = (
            Put(
                address_key(place),
                {**record.body, "targets": []},
                condition=Holds("account", account),
            )
            if account
            else Delete(address_key(place), Holds("account", ""))
        )
        self._table.write(write, Delete(_listing_key(place, "alias")))

    # Mail

    def verdict(self, address: str) -> Verdict:
        """Answer one RCPT TO: exact address, detail, domain alias, catch-all, in one table read
        (two for a domain alias, a catch-all or a separator other than ``+``).

        ``postmaster`` without a domain is that of our first domain (RFC 5321 section 4.5.1).
        Never raises on a strange address: it is unknown.
        """
        if address.lower() == "postmaster":
            first = next(self._table.range("domains", limit=1), None)
            address = f"postmaster@{first.key.sort}" if first is not None else address
        try:
            place = canonical(address)
        except BadAddress:
            return Verdict("unknown")
        domain, entry = answer(lambda known: look_up(place, known), self._table.get_many)
        if domain is None:
            return Verdict("elsewhere", str(place))
        if entry is None:
            return Verdict("unknown", str(place))
        body = entry.record.body
        if targets_of(entry.record):
            return Verdict("local", str(place))
        if not body["enabled"]:
            return Verdict("disabled", str(place))
        quota = body["quota"]
        return Verdict(
            "local", str(place), str(body["account"]), quota if isinstance(quota, int) else 0
        )

    def routes(self, recipients: Sequence[str]) -> list[Route]:
        """Where the mail of each recipient goes; one table read for each level of aliases."""
        return answer(lambda known: routes(recipients, known), self._table.get_many)

    # Helpers

    def _own_address(self, address: str) -> Address:
        """The canonical address, in a domain of ours that keeps addresses of its own."""
        place = canonical(address)
        domain = self.domain(place.domain)
        if domain is None:
            raise NotThere("domain", place.domain)
        if domain.alias_of:
            raise InUse(f"{place.domain} stands for {domain.alias_of}: add it there")
        return place

    def _primary(self, place: Address) -> Record:
        record = self._table.get(address_key(place))
        if record is None or not record.body["account"]:
            raise NotThere("account", str(place))
        return record

    def _listed(self, domain: str, kind: str) -> Iterator[Record]:
        prefix = f"{kind}/"
        names = [
            record.key.sort.removeprefix(prefix)
            for record in self._table.range(
                f"addresses/{canonical_domain(domain)}", prefix, prefix_end(prefix)
            )
        ]
        keys = [Key(f"address/{name}", "0") for name in names]
        found = self._table.get_many(keys)
        return (found[key] for key in keys if key in found)

    def _hashed(self, password: str) -> dict[str, Value]:
        size = len(password.encode("utf-8", "replace"))
        if not 1 <= size <= LONGEST_PASSWORD:
            raise InUse(f"a password has 1 to {LONGEST_PASSWORD} octets")
        return {"hash": hash_password(password), "version": self._new_id()}

    def _new_id(self) -> str:
        return base64.b32encode(self._randomness.octets(10)).decode("ascii").lower()


def _account_key(account: str) -> Key:
    return Key(f"account/{account}", "account")


def _credentials_key(account: str) -> Key:
    return Key(f"credentials/{account}", "password")


def _listing_key(place: Address, kind: str) -> Key:
    return Key(f"addresses/{place.domain}", f"{kind}/{place}")


def _account_body(account: Account) -> dict[str, Value]:
    return {"address": account.address, "quota": account.quota, "enabled": account.enabled}


def _address_body(account: Account, targets: Sequence[str]) -> dict[str, Value]:
    return {
        "account": account.id,
        "quota": account.quota,
        "enabled": account.enabled,
        "targets": list(targets),
    }


def _account_of(record: Record, account: str) -> Account:
    body = record.body
    quota = body["quota"]
    return Account(
        account, str(body["address"]), quota if isinstance(quota, int) else 0, bool(body["enabled"])
    )


def _account_in(record: Record) -> Account:
    """The account whose primary address this address record is."""
    address = record.key.partition.removeprefix("address/")
    return _account_of(
        record._replace(body={**record.body, "address": address}), str(record.body["account"])
    )
