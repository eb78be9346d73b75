"""Accounts: made, changed, found, removed; and what they may send as."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from postroom.directory.addresses import BadAddress, canonical, canonical_domain
from postroom.directory.credentials import Credentials, credentials_key
from postroom.directory.domains import Domains
from postroom.directory.errors import AlreadyThere, NotThere
from postroom.directory.filing import (
    account_body,
    account_in,
    account_key,
    account_of,
    address_key,
    listing_key,
    unchanged,
    with_account,
)
from postroom.directory.lookup import look_up
from postroom.directory.patterns import is_pattern
from postroom.directory.records import Account
from postroom.directory.register import Standing
from postroom.directory.routes import routes
from postroom.directory.scram import ScramVerifier
from postroom.directory.senders import identity_key, may_send_as
from postroom.platform.clock import Clock, Randomness
from postroom.platform.table import (
    Check,
    Delete,
    Key,
    Present,
    Put,
    Record,
    Table,
    Write,
    prefix_end,
)

_TOGETHER = 100  # records in one request


class Accounts(Domains):
    def __init__(self, table: Table, clock: Clock, randomness: Randomness) -> None:
        super().__init__(table, clock, randomness)
        self._credentials = Credentials(table, randomness)

    def add_account(self, address: str, password: str, quota: int = 0) -> Account:
        """Make an account; its mailboxes are made by ``Mailboxes.create_account``.

        Raises AlreadyThere, NotThere (its domain), BadAddress, BadPassword, InUse (alias domain).
        """
        identifier = self._token()
        credentials: list[Write] = []

        def plan() -> tuple[Account, list[Write]]:
            standing = self._stand(address)
            if is_pattern(standing.place):
                raise BadAddress(address, "with a * it is a pattern, which only an alias can be")
            if standing.record is not None:
                raise AlreadyThere("account or alias", str(standing.place))
            if not credentials:  # slow: once
                credentials.append(self._credentials.new(identifier, password))
            account = Account(identifier, str(standing.place), quota)
            return account, [
                self._put_address(standing, with_account({}, account)),
                Put(account_key(account.id), account_body(account)),
                Put(listing_key(standing.filed, "account"), {}),
                standing.domain_stays,
                *credentials,
            ]

        return self._changed(plan)

    def account(self, address: str) -> Account | None:
        """By primary address, by an address with detail, or by an alias of just one account.

        An account's own address names it also while its mail is forwarded or it is disabled.
        """
        try:
            place = canonical(address)
        except BadAddress:
            return None
        _, entry = self._reader.answer(lambda known: look_up(place, known))
        if entry is None:
            return None
        owner = str(entry.record.body["account"])
        if owner:
            return self.account_by_id(owner)
        now = self._clock.seconds()
        [route] = self._reader.answer(lambda known: routes([str(place)], known, now))
        if len(route.targets) != 1 or route.elsewhere:
            return None
        return self.account_by_id(route.targets[0].account)

    def account_by_id(self, account: str) -> Account | None:
        record = self._table.get(account_key(account))
        return None if record is None else account_of(record, account)

    def accounts(self, domain: str) -> Iterator[Account]:
        """In order of their addresses; read as they are asked for."""
        return filter(None, map(account_in, self._listed(domain, "account")))

    def change_account(self, address: str, change: Callable[[Account], Account]) -> Account:
        """Change all but id, address and scripts. *change* gets the account as it is, and may be
        called again when others change it as well. Raises NotThere, BadAddress."""

        def plan() -> tuple[Account, list[Write]]:
            standing, before = self._primary(address)
            wanted = change(before)
            after = replace(wanted, id=before.id, address=before.address, scripts=before.scripts)
            return after, self._put_account(standing, after)

        return self._changed(plan)

    def set_account(self, account: Account) -> None:
        """`change_account`, whatever the account was before. Raises NotThere."""

        def change(before: Account) -> Account:
            if before.id != account.id:
                raise NotThere("account", account.id)
            return account

        self.change_account(account.address, change)

    def with_scripts(self, account: str, version: str) -> tuple[Write, ...]:
        """The writes that give the account with this id another version of its scripts, for the
        transaction that changes them. That fails with ConditionFailed when the account is changed
        meanwhile: ask again. Raises NotThere.
        """
        found = self.account_by_id(account)
        if found is None:
            raise NotThere("account", account)
        standing, before = self._primary(found.address)
        if before.id != account:
            raise NotThere("account", account)
        return tuple(self._put_account(standing, replace(before, scripts=version)))

    def remove_account(self, address: str) -> Account:
        """Forget the account and its password; the caller removes its mailboxes.

        Aliases on the same address, its masked addresses and what it was granted go with it.
        Raises NotThere.
        """

        def plan() -> tuple[Account, list[Write]]:
            standing, account = self._primary(address)
            return account, [
                Delete(address_key(standing.filed), unchanged(standing.record)),
                Delete(account_key(account.id)),
                Delete(credentials_key(account.id)),
                Delete(listing_key(standing.filed, "account")),
                Delete(listing_key(standing.filed, "alias")),
            ]

        account = self._changed(plan)
        for identity in self.identities(account.id):  # nobody has this id any more
            self._table.write(Delete(identity_key(account.id, identity)))
        return account

    # Credentials

    def set_password(self, address: str, password: str) -> None:
        """Raises NotThere, BadPassword."""
        _, account = self._primary(address)
        self._table.write(
            self._credentials.new(account.id, password),
            Check(account_key(account.id), Present()),
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
        found = self._table.get_many([credentials_key(account), account_key(account)])
        stored, record = found.get(credentials_key(account)), found.get(account_key(account))
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
        now = self._clock.seconds()
        return self._reader.answer(lambda known: may_send_as(account, place, known, now))

    def grant(self, address: str, account: str) -> None:
        """Let the account send as an address of anybody, or as all of ``@domain``.

        Raises BadAddress, NotThere.
        """

        def plan() -> tuple[None, list[Write]]:
            if self.account_by_id(account) is None:
                raise NotThere("account", account)
            return None, [
                Put(identity_key(account, _identity(address)), {}),
                Check(account_key(account), Present()),
            ]

        self._changed(plan)

    def revoke(self, address: str, account: str) -> None:
        """Raises NotThere."""
        key = identity_key(account, _identity(address))
        if self._table.get(key) is None:
            raise NotThere("grant of", address)
        self._table.write(Delete(key))

    def identities(self, account: str) -> list[str]:
        """The addresses that were granted to the account with this id."""
        prefix = "identity/"
        found = self._table.range(f"account/{account}", prefix, prefix_end(prefix))
        return [record.key.sort.removeprefix(prefix) for record in found]

    def _primary(self, address: str) -> tuple[Standing, Account]:
        standing = self._stand(address)
        account = None if standing.record is None else account_in(standing.record)
        if account is None:
            raise NotThere("account", str(standing.place))
        return standing, account

    def _put_account(self, standing: Standing, account: Account) -> list[Write]:
        """Both its records; the one of its address guards the other."""
        return [
            self._put_address(standing, with_account(standing.body, account)),
            Put(account_key(account.id), account_body(account)),
        ]

    def _listed(self, domain: str, kind: str) -> Iterator[Record]:
        """The address records of a kind, some at a time: a domain may have a million."""
        together: list[Key] = []
        for name in self.names(domain, kind):
            together.append(Key(f"address/{name}", "0"))
            if len(together) == _TOGETHER:
                yield from self._those_there(together)
                together = []
        yield from self._those_there(together)

    def _those_there(self, keys: list[Key]) -> Iterator[Record]:
        found = self._table.get_many(keys) if keys else {}
        return (found[key] for key in keys if key in found)


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
