import pytest

from postroom.mailboxes.store import BadMailboxName, Mailboxes, MailboxExists, MailboxMissing
from postroom.platform.system import SystemRandomness
from postroom.platform.table import Table

from .conftest import ACCOUNT, Office
from .tables import CountingTable

MADE = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]


def another(office: Office, table: Table) -> Mailboxes:
    """The mailboxes as another process has them."""
    store = office.store
    return Mailboxes(table, store.blobs, store.topic, office.clock, SystemRandomness())


def names(office: Office) -> list[str]:
    return [mailbox.name for mailbox in office.mailboxes.all_of(ACCOUNT)]


def test_an_account_starts_with_the_special_mailboxes(office: Office) -> None:
    made = office.mailboxes.all_of(ACCOUNT)
    assert [mailbox.name for mailbox in made] == MADE
    assert [mailbox.special_use for mailbox in made] == [
        "",
        "\\Archive",
        "\\Drafts",
        "\\Junk",
        "\\Sent",
        "\\Trash",
    ]
    assert all(mailbox.subscribed for mailbox in made)
    assert all(mailbox.highest_mod_seq == 1 and mailbox.uid_next == 1 for mailbox in made)
    office.mailboxes.delete(ACCOUNT, "Junk")
    office.mailboxes.create_account(ACCOUNT)
    assert "Junk" not in names(office)


def test_create_makes_what_is_missing_above(office: Office) -> None:
    assert office.mailboxes.create(ACCOUNT, "a/b/c").name == "a/b/c"
    assert names(office) == [*MADE[:2], "Drafts", "Junk", "Sent", "Trash", "a", "a/b", "a/b/c"]
    for taken in ("a/b", "inbox"):
        with pytest.raises(MailboxExists):
            office.mailboxes.create(ACCOUNT, taken)


def test_uid_validity_is_never_given_twice(office: Office) -> None:
    seen = {mailbox.uid_validity for mailbox in office.mailboxes.all_of(ACCOUNT)}
    assert min(seen) == int(office.clock.time)
    for _ in range(5):  # within one second
        made = office.mailboxes.create(ACCOUNT, "again")
        assert made.uid_validity > max(seen)
        seen.add(made.uid_validity)
        office.mailboxes.delete(ACCOUNT, "again")


def test_delete_leaves_those_below_and_the_subscription(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "a/b")
    office.mailboxes.subscribe(ACCOUNT, "a", True)
    office.mailboxes.delete(ACCOUNT, "a")
    assert names(office) == [*MADE, "a/b"]
    assert "a" in office.mailboxes.subscriptions(ACCOUNT)
    assert office.mailboxes.create(ACCOUNT, "a").subscribed
    with pytest.raises(BadMailboxName):
        office.mailboxes.delete(ACCOUNT, "inbox")
    with pytest.raises(MailboxMissing):
        office.mailboxes.delete(ACCOUNT, "b")


def test_a_name_is_found_where_another_process_has_put_it(office: Office) -> None:
    other = another(office, office.store.table)
    first = office.mailboxes.create(ACCOUNT, "a").id
    assert office.id("a") == office.id("a") == first
    other.rename(ACCOUNT, "a", "b")
    second = other.create(ACCOUNT, "a").id
    assert (office.id("a"), office.id("b")) == (second, first)
    other.delete(ACCOUNT, "a")
    with pytest.raises(MailboxMissing):
        office.id("a")
    other.undelete(ACCOUNT, second, "c")
    assert office.id("c") == second


def test_a_name_that_was_found_before_costs_one_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingTable, "PAGE", 2)
    table = CountingTable(office.store.table)
    mailboxes = another(office, table)
    reads = []
    for name in ("Trash", "Sent", "Trash", "Sent"):
        table.start()
        mailboxes.find(ACCOUNT, name)
        reads.append(table.reads)
    assert max(reads[:2]) > 1
    assert reads[2:] == [1, 1]


def test_rename_takes_the_tree_along(office: Office) -> None:
    below = [office.mailboxes.create(ACCOUNT, f"a/{number}") for number in range(70)]
    kept = office.mailboxes.find(ACCOUNT, "a")
    office.mailboxes.create(ACCOUNT, "ab")
    office.mailboxes.rename(ACCOUNT, "a", "x/y")
    assert office.mailboxes.find(ACCOUNT, "x/y").id == kept.id
    assert office.mailboxes.find(ACCOUNT, "x/y").uid_validity == kept.uid_validity
    for mailbox in below:
        assert office.mailboxes.get(ACCOUNT, mailbox.id).name == "x/y" + mailbox.name[1:]
    assert {"ab", "x"} < set(names(office))
    assert not any(name == "a" or name.startswith("a/") for name in names(office))


def test_a_large_tree_goes_deep_down_in_one_that_is_shared(office: Office) -> None:
    top = office.mailboxes.create(ACCOUNT, "top")
    office.mailboxes.sharing.change(ACCOUNT, top.id, "user/bob", lambda _: frozenset("lr"))
    deep = "top/" + "/".join("x" * 25)
    for name in ("a", *(f"a/{number}" for number in range(40))):
        office.mailboxes.create(ACCOUNT, name)
        office.mailboxes.subscribe(ACCOUNT, name, True)
        office.mailboxes.subscribe(ACCOUNT, deep + name[1:], True)
    office.mailboxes.rename(ACCOUNT, "a", deep)
    assert f"{deep}/39" in names(office)
    assert len(office.mailboxes.sharing.all_of(ACCOUNT)) == 25  # those made above


@pytest.mark.parametrize(
    ("name", "new_name", "error"),
    [
        pytest.param("a", "a/b", BadMailboxName, id="below itself"),
        pytest.param("a", "Sent", MailboxExists, id="to a name that is taken"),
        pytest.param("a", "INBOX", MailboxExists, id="to INBOX"),
        pytest.param("a", "a", MailboxExists, id="to itself"),
        pytest.param("b", "c", MailboxMissing, id="of what is not there"),
        pytest.param("a", "c//d", BadMailboxName, id="to a name that cannot be"),
        pytest.param("INBOX", "a", MailboxExists, id="INBOX to a name that is taken"),
    ],
)
def test_rename_refuses(office: Office, name: str, new_name: str, error: type[Exception]) -> None:
    office.mailboxes.create(ACCOUNT, "a")
    before = office.mailboxes.all_of(ACCOUNT)
    with pytest.raises(error):
        office.mailboxes.rename(ACCOUNT, name, new_name)
    assert office.mailboxes.all_of(ACCOUNT) == before


def test_a_name_without_a_mailbox_can_be_renamed(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "a/b")
    office.mailboxes.delete(ACCOUNT, "a")
    office.mailboxes.rename(ACCOUNT, "a", "c")
    assert "c/b" in names(office)


def test_renaming_inbox_empties_it(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "INBOX/below")
    office.fill("INBOX", 40)
    office.mailboxes.rename(ACCOUNT, "inbox", "old/mail")
    inbox, old = (office.mailboxes.find(ACCOUNT, name) for name in ("INBOX", "old/mail"))
    assert (inbox.messages, inbox.size, inbox.uid_next) == (0, 0, 41)
    assert (old.messages, old.unseen) == (40, 40)
    assert "INBOX/below" in names(office)


def test_subscriptions(office: Office) -> None:
    change = office.mailboxes.subscribe
    change(ACCOUNT, "not/there", True)
    change(ACCOUNT, "not/there", True)
    change(ACCOUNT, "Sent", False)
    assert office.mailboxes.subscriptions(ACCOUNT) == {*MADE, "not/there"} - {"Sent"}
    assert office.mailboxes.create(ACCOUNT, "not/there").subscribed
    change(ACCOUNT, "not/there", False)
    assert office.mailboxes.subscriptions(ACCOUNT) == {*MADE} - {"Sent"}
    office.mailboxes.subscribe(ACCOUNT, "Drafts", True)
    office.mailboxes.rename(ACCOUNT, "Drafts", "D")
    assert {"Drafts", "D"} < office.mailboxes.subscriptions(ACCOUNT)


def test_a_deleted_mailbox_comes_back_with_its_messages(office: Office) -> None:
    office.mailboxes.create(ACCOUNT, "a")
    office.fill("a", 3)
    was = office.mailboxes.find(ACCOUNT, "a")
    office.mailboxes.delete(ACCOUNT, "a")
    with pytest.raises(MailboxMissing):
        office.mailboxes.append(ACCOUNT, was.id, [office.letter()])
    assert [mailbox.id for mailbox in office.mailboxes.deleted(ACCOUNT)] == [was.id]
    office.mailboxes.undelete(ACCOUNT, was.id, "b")
    back = office.mailboxes.find(ACCOUNT, "b")
    assert (back.id, back.messages, back.uid_next) == (was.id, 3, 4)
    assert [message.uid for message in office.mailboxes.messages(back.id)] == [1, 2, 3]


def test_an_account_can_be_removed(office: Office) -> None:
    for number in range(40):
        office.mailboxes.create(ACCOUNT, str(number))
    office.mailboxes.subscribe(ACCOUNT, "nowhere", True)
    office.mailboxes.remove_account(ACCOUNT)
    assert office.mailboxes.all_of(ACCOUNT) == []
    assert office.mailboxes.subscriptions(ACCOUNT) == set()
