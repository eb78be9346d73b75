"""Groups: accounts that mailboxes can be shared with together (RFC 4314 section 2).

``addresses/<domain>``:``group/<name>`` holds the id; ``group/<id>`` the name, under ``group``, and
``member/<account>`` for each member; ``membership/<account>`` the ids of the account's groups. A
group takes no mail: a list or an alias does.
"""

from collections.abc import Iterable, Iterator

from postroom.directory.accounts import Accounts
from postroom.directory.addresses import canonical, canonical_domain
from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.filing import account_key, domain_key, domain_of, listing_key, unchanged
from postroom.directory.records import Account, Group
from postroom.platform.table import (
    Absent,
    Check,
    Delete,
    Holds,
    Key,
    Present,
    Put,
    Write,
    prefix_end,
)

MARK = "$"  # before a name where accounts could be named as well
_MEMBER = "member/"


def _group_key(group: str) -> Key:
    return Key(f"group/{group}", "group")


def _member_key(group: str, account: str) -> Key:
    return Key(f"group/{group}", _MEMBER + account)


def _membership_key(group: str, account: str) -> Key:
    return Key(f"membership/{account}", group)


class Groups(Accounts):
    def add_group(self, name: str) -> Group:
        """Raises BadAddress, AlreadyThere, NotThere (its domain), InUse (alias domain)."""
        place = canonical(name.removeprefix(MARK))
        group = Group(self._token(), str(place))

        def plan() -> tuple[Group, list[Write]]:
            domain = self._domain_record(domain_key(place.domain))
            if domain_of(domain).alias_of:
                raise InUse(f"{place.domain} stands for {domain_of(domain).alias_of}: use that one")
            if self.group(group.name) is not None:
                raise AlreadyThere("group", group.name)
            return group, [
                Put(listing_key(place, "group"), {"id": group.id}, condition=Absent()),
                Put(_group_key(group.id), {"name": group.name}),
                Check(domain.key, unchanged(domain)),
            ]

        return self._changed(plan)

    def group(self, name: str) -> Group | None:
        """Its ``$`` may be left out. Raises BadAddress."""
        place = canonical(name.removeprefix(MARK))
        record = self._table.get(listing_key(place, "group"))
        return None if record is None else Group(str(record.body["id"]), str(place))

    def group_by_id(self, group: str) -> Group | None:
        record = self._table.get(_group_key(group))
        return None if record is None else Group(group, str(record.body["name"]))

    def groups(self, domain: str) -> Iterator[Group]:
        """In order of their names."""
        partition = f"addresses/{canonical_domain(domain)}"
        for record in self._table.range(partition, "group/", prefix_end("group/")):
            yield Group(str(record.body["id"]), record.key.sort.removeprefix("group/"))

    def remove_group(self, name: str) -> Group:
        """The caller takes it out of the mailboxes' ACLs. Raises NotThere, BadAddress."""
        group = self._group(name)
        self._table.write(
            Delete(listing_key(canonical(group.name), "group")), Delete(_group_key(group.id))
        )
        for account in self._member_ids(group.id):  # nobody can join any more
            self._leave(group.id, account)
        return group

    # Members.

    def members(self, group: str) -> list[Account]:
        """Of the group with this id."""
        found = (self.account_by_id(each) for each in self._member_ids(group))
        return sorted(filter(None, found), key=lambda account: account.address)

    def join(self, name: str, address: str) -> Account:
        """Make the account a member; that it is one already is no error. Raises NotThere."""

        def plan() -> tuple[Account, list[Write]]:
            group, (_, account) = self._group(name), self._primary(address)
            return account, [
                Put(_member_key(group.id, account.id), {}),
                Put(_membership_key(group.id, account.id), {}),
                Check(listing_key(canonical(group.name), "group"), Holds("id", group.id)),
                Check(account_key(account.id), Present()),
            ]

        return self._changed(plan)

    def leave(self, name: str, address: str) -> Account:
        """Raises NotThere, also when the account is no member."""
        group, (_, account) = self._group(name), self._primary(address)
        if not self.groups_among(account.id, [group.id]):
            raise NotThere("member", f"{account.address} of {MARK}{group.name}")
        self._leave(group.id, account.id)
        return account

    def groups_of(self, account: str) -> list[str]:
        """The ids of its groups; one query."""
        return [record.key.sort for record in self._table.range(f"membership/{account}")]

    def groups_among(self, account: str, groups: Iterable[str]) -> set[str]:
        """Those of the groups (ids) that the account is in; one read of many."""
        keys = {_member_key(group, account): group for group in groups}
        return {keys[key] for key in self._table.get_many(list(keys))} if keys else set()

    def remove_account(self, address: str) -> Account:
        removed = super().remove_account(address)
        for group in self.groups_of(removed.id):  # nobody can let it join any more
            self._leave(group, removed.id)
        return removed

    def _leave(self, group: str, account: str) -> None:
        self._table.write(
            Delete(_member_key(group, account)), Delete(_membership_key(group, account))
        )

    def _member_ids(self, group: str) -> list[str]:
        found = self._table.range(f"group/{group}", _MEMBER, prefix_end(_MEMBER))
        return [record.key.sort.removeprefix(_MEMBER) for record in found]

    def _group(self, name: str) -> Group:
        found = self.group(name)
        if found is None:
            raise NotThere("group", name)
        return found
