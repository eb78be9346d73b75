"""How the values of the directory are filed as records.

``domain/<name>``; ``address/<address>``; ``account/<id>``:``account``, beside it
``identity/<address>`` for each address that it was granted to send as and ``masked/<address>``
for each that its owner has made; ``credentials/<id>``. The partitions ``domains`` and
``addresses/<domain>`` list names for administration; mail never reads them.

An address record holds up to three things that come and go by themselves: the account whose
primary address it is, an alias, and what belongs to the address (that it answers). Its
``revision`` changes with every change of it, so that nobody overwrites what they have not read.
"""

from collections.abc import Mapping

from postroom.directory.addresses import Address
from postroom.directory.records import Account, Alias, Domain, Masked
from postroom.platform.table import Absent, Condition, Holds, Key, Present, Record, Value

Body = dict[str, Value]

_OF_ACCOUNT = {
    "account",
    "quota",
    "enabled",
    "language",
    "messages_per_hour",
    "recipients_per_day",
    "scripts",
}
_OF_ALIAS = {"targets", "closed", "until", "note", "owner"}  # an owner: it is a masked address


def domain_key(name: str) -> Key:
    return Key(f"domain/{name}", "0")


def address_key(address: Address) -> Key:
    return Key(f"address/{address}", "0")


def account_key(account: str) -> Key:
    return Key(f"account/{account}", "account")


def listing_key(filed: Address, kind: str) -> Key:
    """*kind* is account, alias or masked."""
    return Key(f"addresses/{filed.domain}", f"{kind}/{filed}")


def filed_address(key: Key) -> Address:
    """The address under which an address record is filed: without dots where they are ignored."""
    local, _, domain = key.partition.removeprefix("address/").rpartition("@")
    return Address(local, domain)


def unchanged(record: Record | None) -> Condition:
    """Holds as long as nobody has changed the domain or address record since it was read."""
    if record is None:
        return Absent()
    revision = record.body.get("revision")
    if isinstance(revision, str):
        return Holds("revision", revision)
    # Written before there were revisions; it gets one with its next change.
    account = record.body.get("account")
    return Holds("account", account) if isinstance(account, str) else Present()


# Domains


def domain_of(record: Record) -> Domain:
    body = record.body
    patterns = body.get("patterns")
    return Domain(
        record.key.partition.removeprefix("domain/"),
        str(body["alias_of"]),
        str(body["catch_all"]),
        str(body["separator"]),
        bool(body.get("dots_ignored", False)),
        tuple(map(str, patterns)) if isinstance(patterns, list) else (),
        str(body.get("scripts", "")),
    )


def domain_body(domain: Domain) -> Body:
    body: Body = {
        "alias_of": domain.alias_of,
        "catch_all": domain.catch_all,
        "separator": domain.separator,
    }
    if domain.dots_ignored:
        body["dots_ignored"] = True
    if domain.patterns:
        body["patterns"] = list(domain.patterns)
    if domain.scripts:
        body["scripts"] = domain.scripts
    return body


# Accounts


def account_body(account: Account) -> Body:
    return {"address": account.address, **_settings(account)}


def account_of(record: Record, account: str) -> Account:
    """From the account's own record."""
    return _account(record.body, account, str(record.body["address"]))


def account_in(record: Record) -> Account | None:
    """The account whose primary address this address record is."""
    account = str(record.body["account"])
    return _account(record.body, account, spelling(record)) if account else None


def with_account(body: Mapping[str, Value], account: Account) -> Body:
    """An address record's body, in which the account stands in place of what stood there."""
    rest = {name: value for name, value in body.items() if name not in _OF_ACCOUNT}
    return {"targets": [], **rest, "account": account.id, **_settings(account)}


def spelling(record: Record) -> str:
    """An address as its owner spells it: with the dots that are ignored."""
    return str(record.body.get("address", "")) or str(filed_address(record.key))


def _settings(account: Account) -> Body:
    body: Body = {"quota": account.quota, "enabled": account.enabled}
    if account.language:
        body["language"] = account.language
    if account.messages_per_hour:
        body["messages_per_hour"] = account.messages_per_hour
    if account.recipients_per_day:
        body["recipients_per_day"] = account.recipients_per_day
    if account.scripts:
        body["scripts"] = account.scripts
    return body


def _account(body: Mapping[str, Value], account: str, address: str) -> Account:
    return Account(
        account,
        address,
        number(body.get("quota")),
        bool(body["enabled"]),
        str(body.get("language", "")),
        number(body.get("messages_per_hour")),
        number(body.get("recipients_per_day")),
        str(body.get("scripts", "")),
    )


def number(value: Value) -> int:
    return value if isinstance(value, int) else 0


# Aliases


def with_alias(body: Mapping[str, Value], alias: Alias) -> Body:
    """An address record's body, in which the alias stands in place of what stood there."""
    rest = without_alias(body)
    rest["targets"] = list(alias.targets)
    if not alias.enabled:
        rest["closed"] = True
    if alias.expires:
        rest["until"] = alias.expires
    if alias.note:
        rest["note"] = alias.note
    return rest


def without_alias(body: Mapping[str, Value]) -> Body:
    rest = {name: value for name, value in body.items() if name not in _OF_ALIAS}
    return {"account": "", "quota": 0, "enabled": True, **rest, "targets": []}


def alias_in(record: Record) -> Alias | None:
    """The alias in an address record, open or closed. Masked addresses are none."""
    targets = targets_in(record)
    if not targets or record.body.get("owner"):
        return None
    body = record.body
    return Alias(
        spelling(record),
        targets,
        not body.get("closed", False),
        number(body.get("until")),
        str(body.get("note", "")),
    )


def targets_in(record: Record) -> tuple[str, ...]:
    """The alias targets in an address record, whether or not the alias is open."""
    targets = record.body["targets"]
    return tuple(str(target) for target in targets) if isinstance(targets, list) else ()


def open_targets(record: Record, now: float) -> tuple[str, ...]:
    """The alias targets that mail goes to at this time (seconds since 1970)."""
    body = record.body
    if body.get("closed") or 0 < number(body.get("until")) <= now:
        return ()
    return targets_in(record)


# Masked addresses


def masked_key(account: str, address: str) -> Key:
    """Filed with the account, as it is spelled: the list of an account is one range."""
    return Key(f"account/{account}", f"masked/{address}")


def with_masked(body: Mapping[str, Value], masked: Masked, owner: str) -> Body:
    """An address record's body. *owner* is the address of the account."""
    alias = Alias(masked.address, (owner,), masked.enabled, masked.expires)
    return {**with_alias(body, alias), "owner": masked.account}


def masked_body(masked: Masked) -> Body:
    return {
        "site": masked.site,
        "note": masked.note,
        "created": masked.created,
        "enabled": masked.enabled,
        "expires": masked.expires,
    }


def masked_of(record: Record, account: str) -> Masked:
    """From the record that is filed with the account."""
    body = record.body
    return Masked(
        record.key.sort.removeprefix("masked/"),
        account,
        str(body["site"]),
        str(body["note"]),
        number(body["created"]),
        bool(body["enabled"]),
        number(body["expires"]),
    )
