"""The directory over a real store."""

from collections.abc import Callable

import pytest

from postroom.directory.addresses import BadAddress
from postroom.directory.lookup import Reader
from postroom.directory.records import Account, Alias, Domain, Verdict
from postroom.directory.routes import DEEPEST
from postroom.directory.store import AlreadyThere, Directory, InUse, NotThere


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret", quota=1000)


def reached(directory: Directory, recipient: str) -> list[str]:
    return [target.address for target in directory.routes([recipient])[0].targets]


def test_a_verdict_names_the_account_and_its_quota(directory: Directory, alice: Account) -> None:
    verdict = directory.verdict("Alice+lists@EXAMPLE.test")
    assert (verdict.kind, verdict.account, verdict.quota) == ("local", alice.id, 1000)
    assert verdict.canonical == "alice+lists@example.test"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param("nobody@example.test", "unknown", id="no such user"),
        pytest.param("alice@elsewhere.test", "elsewhere", id="not our domain"),
        pytest.param("nonsense", "unknown", id="no address at all"),
        pytest.param("a b@example.test", "unknown", id="a strange local part"),
        pytest.param("+lists@example.test", "unknown", id="detail without a user"),
        pytest.param("postmaster", "unknown", id="postmaster without an account"),
    ],
)
@pytest.mark.usefixtures("alice")
def test_verdicts(directory: Directory, address: str, kind: str) -> None:
    assert directory.verdict(address).kind == kind


def test_postmaster_needs_no_domain(directory: Directory) -> None:
    directory.add_account("postmaster@example.test", "secret")
    assert directory.verdict("Postmaster").kind == "local"
    assert directory.verdict("Postmaster").canonical == "postmaster@example.test"


def test_a_disabled_account_takes_no_mail_and_no_login(
    directory: Directory, alice: Account
) -> None:
    directory.set_account(Account(alice.id, alice.address, 0, enabled=False))
    assert directory.verdict("alice@example.test").kind == "disabled"
    assert directory.authenticate("alice@example.test", "secret") is None
    assert directory.credential_version(alice.id) is None
    assert not directory.routes(["alice@example.test"])[0].targets


def test_a_password_opens_the_account_by_every_name_of_it(
    directory: Directory, alice: Account
) -> None:
    directory.add_alias(Alias("al@example.test", ("alice@example.test",)))
    assert directory.authenticate("ALICE@example.test", "secret") == alice
    assert directory.authenticate("al@example.test", "secret") == alice
    assert directory.authenticate("alice@example.test", "Secret") is None
    assert directory.authenticate("nobody@example.test", "secret") is None
    assert directory.authenticate("alice@example.test", "x" * 100_000) is None


def test_a_new_password_ends_the_old_one(directory: Directory, alice: Account) -> None:
    before = directory.credential_version(alice.id)
    directory.set_password("alice@example.test", "other")
    assert directory.authenticate("alice@example.test", "secret") is None
    assert directory.authenticate("alice@example.test", "other") == alice
    assert directory.credential_version(alice.id) != before


@pytest.mark.usefixtures("alice")
def test_aliases_lead_to_accounts_once_each(directory: Directory) -> None:
    directory.add_account("bob@example.test", "secret")
    directory.add_alias(Alias("team@example.test", ("alice@example.test", "bob@example.test")))
    directory.add_alias(Alias("all@example.test", ("team@example.test", "alice@example.test")))
    assert reached(directory, "all@example.test") == ["alice@example.test", "bob@example.test"]
    assert directory.account("team@example.test") is None


@pytest.mark.usefixtures("alice")
def test_an_alias_on_an_account_forwards_and_keeps_only_when_it_says_so(
    directory: Directory,
) -> None:
    directory.add_account("bob@example.test", "secret")
    directory.add_alias(Alias("alice@example.test", ("bob@example.test",)))
    assert reached(directory, "alice@example.test") == ["bob@example.test"]
    directory.remove_alias("alice@example.test")
    assert reached(directory, "alice@example.test") == ["alice@example.test"]
    directory.add_alias(Alias("alice@example.test", ("alice@example.test", "bob@example.test")))
    assert reached(directory, "alice@example.test") == ["alice@example.test", "bob@example.test"]


def test_loops_end_with_a_reason(directory: Directory) -> None:
    directory.add_alias(Alias("a@example.test", ("b@example.test",)))
    directory.add_alias(Alias("b@example.test", ("a@example.test",)))
    route = directory.routes(["a@example.test"])[0]
    assert not route.targets
    assert "loop" in route.reasons[0]


@pytest.mark.usefixtures("alice")
def test_aliases_may_be_deep_but_not_endless(directory: Directory) -> None:
    last = "alice@example.test"
    for number in range(DEEPEST + 1):
        directory.add_alias(Alias(f"a{number}@example.test", (last,)))
        last = f"a{number}@example.test"
    assert reached(directory, f"a{DEEPEST - 1}@example.test") == ["alice@example.test"]
    assert not reached(directory, f"a{DEEPEST}@example.test")


@pytest.mark.usefixtures("alice")
def test_a_domain_alias_has_the_addresses_of_its_original(directory: Directory) -> None:
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    assert reached(directory, "alice+x@example.org") == ["alice@example.test"]
    assert directory.verdict("bob@example.org").kind == "unknown"
    with pytest.raises(InUse):
        directory.add_account("carol@example.org", "secret")
    with pytest.raises(InUse):
        directory.add_domain(Domain("example.net", alias_of="example.org"))
    with pytest.raises(InUse):
        directory.remove_domain("example.test")


def test_a_catch_all_takes_what_nobody_else_does(directory: Directory) -> None:
    directory.add_domain(Domain("catch.test", catch_all="all@catch.test"))
    directory.add_account("all@catch.test", "secret")
    directory.add_account("carol@catch.test", "secret")
    assert reached(directory, "whoever@catch.test") == ["all@catch.test"]
    assert reached(directory, "carol@catch.test") == ["carol@catch.test"]
    assert directory.verdict("whoever@catch.test").kind == "local"


def test_each_domain_has_its_own_separator(directory: Directory) -> None:
    directory.add_domain(Domain("dash.test", separator="-"))
    directory.add_account("dora@dash.test", "secret")
    route = directory.routes(["dora-lists@dash.test"])[0]
    assert [(target.address, target.detail) for target in route.targets] == [
        ("dora@dash.test", "lists")
    ]
    assert not reached(directory, "dora+lists@dash.test")


@pytest.mark.usefixtures("alice")
def test_names_are_taken_once(directory: Directory) -> None:
    with pytest.raises(AlreadyThere):
        directory.add_domain(Domain("EXAMPLE.test"))
    with pytest.raises(AlreadyThere):
        directory.add_account("Alice@example.test", "secret")
    directory.add_alias(Alias("al@example.test", ("alice@example.test",)))
    with pytest.raises(AlreadyThere):
        directory.add_alias(Alias("al@example.test", ("alice@example.test",)))
    with pytest.raises(AlreadyThere):
        directory.add_account("al@example.test", "secret")


def test_addresses_need_a_domain_of_ours(directory: Directory) -> None:
    with pytest.raises(NotThere):
        directory.add_account("alice@elsewhere.test", "secret")
    with pytest.raises(NotThere):
        directory.add_alias(Alias("al@elsewhere.test", ("alice@example.test",)))


@pytest.mark.usefixtures("alice")
def test_aliases_forward_to_other_domains(directory: Directory) -> None:
    """The local part stays as it was written: only the other domain knows what it means."""
    long = "x" * 100 + "@ELSEWHERE.test"
    targets = ("Alice@example.test", "Bob.B@Elsewhere.TEST", '"B b"@elsewhere.test', long)
    directory.add_alias(Alias("al@example.test", targets))
    [route] = directory.routes(["al@example.test"])
    assert [target.address for target in route.targets] == ["alice@example.test"]
    assert route.elsewhere == (
        "Bob.B@elsewhere.test",
        '"B b"@elsewhere.test',
        "x" * 100 + "@elsewhere.test",
    )
    assert directory.verdict("al@example.test").kind == "local"
    assert directory.account("al@example.test") is None
    with pytest.raises(BadAddress):
        directory.add_alias(Alias("b@example.test", ("b b@elsewhere.test",)))
    with pytest.raises(BadAddress):
        directory.add_alias(Alias("b@example.test", ("x" * 100 + "@example.test",)))


def test_an_address_elsewhere_keeps_its_local_part(directory: Directory) -> None:
    verdict = directory.verdict("SRS0=Ab+c=" + "X" * 80 + "@Elsewhere.Test")
    assert verdict == Verdict("elsewhere", "SRS0=Ab+c=" + "X" * 80 + "@elsewhere.test")
    [route] = directory.routes(["Bob@Elsewhere.test"])
    assert route.elsewhere == ("Bob@elsewhere.test",)


@pytest.mark.usefixtures("alice")
def test_listing_and_removal(directory: Directory) -> None:
    directory.add_alias(Alias("al@example.test", ("alice@example.test",)))
    assert [account.address for account in directory.accounts("example.test")] == [
        "alice@example.test"
    ]
    assert list(directory.aliases("example.test")) == [
        Alias("al@example.test", ("alice@example.test",))
    ]
    with pytest.raises(InUse):
        directory.remove_domain("example.test")
    directory.remove_alias("al@example.test")
    directory.remove_account("alice@example.test")
    directory.remove_domain("example.test")
    assert directory.domains() == []
    with pytest.raises(NotThere):
        directory.remove_account("alice@example.test")


def test_an_account_without_its_address_is_not_found(directory: Directory, alice: Account) -> None:
    directory.remove_account(alice.address)
    assert directory.account_by_id(alice.id) is None
    assert directory.authenticate(alice.address, "secret") is None
    assert directory.verdict(alice.address).kind == "unknown"


class CountedReads:
    """A table that counts requests: what a RCPT TO may cost is a promise."""

    def __init__(self, directory: Directory) -> None:
        self._table = directory._table
        self.reads = 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._table, name)

        def counted(*args: object) -> object:
            self.reads += 1
            return method(*args)

        return counted


def count_reads(directory: Directory) -> CountedReads:
    counted = CountedReads(directory)
    directory._table = counted  # type: ignore[assignment]
    directory._reader = Reader(counted)  # type: ignore[arg-type]
    return counted


def test_a_recipient_costs_one_read_and_a_batch_no_more(
    directory: Directory, alice: Account
) -> None:
    counted = count_reads(directory)
    directory.verdict("alice+x@example.test")
    assert counted.reads == 1
    counted.reads = 0
    directory.routes([alice.address, "alice+x@example.test", "nobody@example.test"])
    assert counted.reads == 1


def test_an_account_is_found_by_its_own_address_whatever_happens_to_its_mail(
    directory: Directory, alice: Account
) -> None:
    bob = directory.add_account("bob@example.test", "bobs secret")
    for targets in (("bob@example.test",), ("alice@example.test", "bob@example.test")):
        directory.add_alias(Alias("alice@example.test", targets))
        assert directory.account("alice@example.test") == alice
        assert directory.account("alice+x@example.test") == alice
        assert directory.authenticate("alice@example.test", "bobs secret") is None
        directory.remove_alias("alice@example.test")
    directory.add_alias(Alias("robert@example.test", ("bob@example.test",)))
    assert directory.account("robert@example.test") == bob
    disabled = Account(alice.id, alice.address, 0, enabled=False)
    directory.set_account(disabled)
    assert directory.account("alice@example.test") == disabled
