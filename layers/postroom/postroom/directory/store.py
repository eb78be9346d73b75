"""The directory over the Table port.

Records: ``domain/<name>``; ``address/<address>`` holds the account whose primary address it is,
or alias targets, or both; ``account/<id>``:``account``, and ``identity/<address>`` for each
address that it was granted to send as; ``credentials/<id>``. The partitions ``domains`` and
``addresses/<domain>`` list names for administration; mail never reads them.
"""

import base64
from collections.abc import Iterator, Sequence

from postroom.directory.addresses import (
    Address,
    BadAddress,
    canonical,
    canonical_domain,
    outside,
)
from postroom.directory.credentials import Credentials, credentials_key
from postroom.directory.records import Account, Alias, Domain, Route, Verdict
from postroom.directory.routes import (
    address_key,
    answer,
    domain_key,
    domain_of,
    find,
    look_up,
    routes,
    targets_of,
)
from postroom.directory.scram import ScramVerifier
from postroom.directory.senders import identity_key, may_send_as
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
        self._credentials = Credentials(table, randomness)

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

        Raises AlreadyThere, NotThere (its domain), BadAddress, BadPassword, InUse (alias domain).
        """
        place = self._own_address(address)
        account = Account(self._new_id(), str(place), quota)
        credentials = self._credentials.new(account.id, password)
        try:
            self._table.write(
                Put(address_key(place), _address_body(account, ()), condition=Absent()),
                Put(_account_key(account.id), _account_body(account)),
                credentials,
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
        """Change all but id and address. Raises NotThere, ConditionFailed (changed meanwhile)."""
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

        Aliases on the same address and what it was granted go with it. Raises NotThere.
        """
        place = canonical(address)
        account = _account_in(self._primary(place))
        self._table.write(
            Delete(address_key(place), Holds("account", account.id)),
            Delete(_account_key(account.id)),
            Delete(credentials_key(account.id)),
            Delete(_listing_key(place, "account")),
            Delete(_listing_key(place, "alias")),
        )
        for identity in self.identities(account.id):  # nobody has this id any more
            self._table.write(Delete(identity_key(account.id, identity)))
        return account

    # Credentials

    def set_password(self, address: str, password: str) -> None:
        """Raises NotThere, BadPassword."""
        account = _account_in(self._primary(canonical(address)))
        self._table.write(
            self._credentials.new(account.id, password),
            Check(_account_key(account.id), Present()),
        )

    def authenticate(self, name: str, password: str) -> Account | None:
        """Check a password: argon2id, the same time for unknown names and disabled accounts.

        Slow (some 20 ms of a core): off the event loop. The name is an address of one account.
        """
        account = self.account(name)
        right = self._credentials.check(account, password)
        return account if right and account is not None and account.enabled else None

    def scram_verifier(self, name: str) -> ScramVerifier:
        """What SCRAM-SHA-256 needs to know of the password; for every name there is one."""
        return self._credentials.verifier(self.account(name), _folded(name))

    def credential_version(self, account: str) -> str | None:
        """Changes with every change of the password; None when there is no such account.

        One cheap read: lets a cache of logins notice that it is out of date.
        """
        found = self._table.get_many([credentials_key(account), _account_key(account)])
        stored, record = found.get(credentials_key(account)), found.get(_account_key(account))
        if stored is None or record is None or not record.body["enabled"]:
            return None
        return str(stored.body["version"])

    # Sending

    def may_send_as(self, account: str, address: str) -> bool:
        """Whether the account with this id may send as the address: see `directory.senders`.

        One table read for its own address or a granted one, one more for each level of aliases.
        """
        try:
            place = canonical(address)
        except BadAddress:
            return False
        return answer(lambda known: may_send_as(account, place, known), self._table.get_many)

    def grant(self, address: str, account: str) -> None:
        """Let the account send as an address of anybody, or as all of ``@domain``.

        Raises BadAddress, NotThere.
        """
        self._table.write(
            Put(identity_key(account, _identity(address)), {}),
            Check(_account_key(account), Present()),
        )

    def revoke(self, address: str, account: str) -> None:
        """Raises NotThere."""
        try:
            self._table.write(Delete(identity_key(account, _identity(address)), Present()))
        except ConditionFailed as error:
            raise NotThere("grant of", address) from error

    def identities(self, account: str) -> list[str]:
        """The addresses that were granted to the account with this id."""
        prefix = "identity/"
        found = self._table.range(f"account/{account}", prefix, prefix_end(prefix))
        return [record.key.sort.removeprefix(prefix) for record in found]

    # Aliases

    def add_alias(self, alias: Alias) -> None:
        """Send the mail of an address to others, replacing no alias that is there.

        Targets may lie in other domains. Raises AlreadyThere, NotThere (the alias' own domain),
        BadAddress, InUse (too many targets, or none).
        """
        place = self._own_address(alias.address)
        targets = self._targets(alias.targets)
        if not 1 <= len(targets) <= MOST_ALIAS_TARGETS:
            raise InUse(f"an alias has 1 to {MOST_ALIAS_TARGETS} targets, this has {len(targets)}")
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
            domain, entry = answer(lambda known: find(address, known), self._table.get_many)
            if domain is None:
                return Verdict("elsewhere", outside(address))
            place = canonical(address)
        except BadAddress:
            return Verdict("unknown")
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

    def _targets(self, addresses: Sequence[str]) -> list[str]:
        """Each once, canonical where its domain is ours. Raises BadAddress."""
        names = [canonical_domain(address.rpartition("@")[2]) for address in addresses]
        ours = self._table.get_many([domain_key(name) for name in dict.fromkeys(names)])
        return list(
            dict.fromkeys(
                str(canonical(address)) if domain_key(name) in ours else outside(address)
                for address, name in zip(addresses, names, strict=True)
            )
        )

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

    def _new_id(self) -> str:
        return base64.b32encode(self._randomness.octets(10)).decode("ascii").lower()


def _account_key(account: str) -> Key:
    return Key(f"account/{account}", "account")


def _listing_key(place: Address, kind: str) -> Key:
    return Key(f"addresses/{place.domain}", f"{kind}/{place}")


def _identity(address: str) -> str:
    """As an identity is filed. Raises BadAddress."""
    if address.startswith("@"):
        return f"@{canonical_domain(address[1:])}"
    return str(canonical(address))


def _folded(name: str) -> str:
    """The spelling that other spellings of the same name share."""
    try:
        return str(canonical(name))
    except BadAddress:
        return name.lower()


def _account_body(account: Account) -> dict[str, Value]:
    return {"address": account.address, **_settings(account)}


def _address_body(account: Account, targets: Sequence[str]) -> dict[str, Value]:
    return {"account": account.id, "targets": list(targets), **_settings(account)}


def _settings(account: Account) -> dict[str, Value]:
    body: dict[str, Value] = {"quota": account.quota, "enabled": account.enabled}
    if account.language:
        body["language"] = account.language
    if account.messages_per_hour:
        body["messages_per_hour"] = account.messages_per_hour
    if account.recipients_per_day:
        body["recipients_per_day"] = account.recipients_per_day
    return body


def _account_of(record: Record, account: str) -> Account:
    body = record.body
    return Account(
        account,
        str(body["address"]),
        _number(body["quota"]),
        bool(body["enabled"]),
        str(body.get("language", "")),
        _number(body.get("messages_per_hour")),
        _number(body.get("recipients_per_day")),
    )


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _account_in(record: Record) -> Account:
    """The account whose primary address this address record is."""
    address = record.key.partition.removeprefix("address/")
    return _account_of(
        record._replace(body={**record.body, "address": address}), str(record.body["account"])
    )
