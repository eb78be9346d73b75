"""Domains in which dots do not count."""

from dataclasses import replace

import pytest

from postroom.directory.errors import AlreadyThere, InUse, NotThere
from postroom.directory.records import Account, Alias, Domain
from postroom.directory.store import Directory
from tests.unit.directory.test_changes import Meanwhile
from tests.unit.directory.test_directory import count_reads, reached


@pytest.fixture
def people(directory: Directory) -> list[Account]:
    """In the domain dots.test, where dots do not count yet."""
    directory.add_domain(Domain("dots.test"))
    made = [directory.add_account(f"{name}@dots.test", "secret") for name in ("j.doe", "anna")]
    directory.add_alias(Alias("sales.team@dots.test", ("j.doe@dots.test", "anna@dots.test")))
    directory.add_alias(Alias("a.b-*@dots.test", ("anna@dots.test",)))
    directory.set_forward("anna@dots.test", ["x@elsewhere.test"], keep=True)
    directory.add_masked(made[0].id, "shop.test")
    return made


def seen(directory: Directory) -> tuple[object, ...]:
    """All that is to be seen of the addresses of the domain, but for their verdicts."""
    return (
        list(directory.accounts("dots.test")),
        list(directory.aliases("dots.test")),
        [directory.masked(account.id) for account in directory.accounts("dots.test")],
        directory.forward("anna@dots.test"),
    )


def test_dots_that_do_not_count_lead_to_the_same(
    directory: Directory, people: list[Account]
) -> None:
    before = seen(directory)
    [masked] = directory.masked(people[0].id)
    bare = masked.address.replace(".", "", 2)
    others = ("jdoe", "j.d.o.e", "J.Doe+x.y", "jdoe+x")
    assert not any(reached(directory, f"{name}@dots.test") for name in (*others[:2], "salesteam"))
    directory.ignore_dots("Dots.test", ignored=True)
    for name in ("j.doe", *others):
        assert reached(directory, f"{name}@dots.test") == ["j.doe@dots.test"], name
        assert directory.may_send_as(people[0].id, f"{name}@dots.test"), name
    assert reached(directory, "salesteam@dots.test") == ["j.doe@dots.test", "anna@dots.test"]
    assert reached(directory, "ab-x.y@dots.test") == ["anna@dots.test"]
    assert reached(directory, bare) == ["j.doe@dots.test"]
    assert [target.detail for target in directory.routes(["J.Doe+x.y@dots.test"])[0].targets] == [
        "x.y"
    ]
    assert sorted(map(repr, seen(directory)[:2])) == sorted(map(repr, before[:2]))
    assert seen(directory)[2:] == before[2:]
    directory.ignore_dots("dots.test", ignored=False)
    assert seen(directory) == before
    assert not any(reached(directory, f"{name}@dots.test") for name in ("jdoe", "salesteam"))
    assert reached(directory, "a.b-x@dots.test") == ["anna@dots.test"]
    assert directory.domain("dots.test") == Domain("dots.test", patterns=("a.b-*",))


def test_what_is_changed_is_found_by_any_spelling(
    directory: Directory, people: list[Account]
) -> None:
    directory.ignore_dots("dots.test", ignored=True)
    assert directory.account("jd.oe@dots.test") == people[0]
    assert directory.authenticate("JDOE@dots.test", "secret") == people[0]
    changed = directory.change_account("jdoe@dots.test", lambda one: replace(one, quota=3))
    assert changed.address == "j.doe@dots.test"
    directory.change_alias("salesteam@dots.test", lambda one: replace(one, enabled=False))
    found = directory.alias("s.ales.team@dots.test")
    assert found is not None
    assert (found.address, found.enabled) == ("sales.team@dots.test", False)
    directory.set_forward("j.d.oe@dots.test", ["jd.oe@dots.test", "x@elsewhere.test"], keep=True)
    forward = directory.forward("j.doe@dots.test")
    assert forward is not None
    assert (forward.targets, forward.keep) == (("x@elsewhere.test",), True)
    for name in ("jdoe", "j.do.e", "salesteam", "sales.team"):
        with pytest.raises(AlreadyThere):
            directory.add_account(f"{name}@dots.test", "secret")
    directory.remove_alias("salesteam@dots.test")
    assert directory.remove_account("jdoe@dots.test") == changed
    assert [account.address for account in directory.accounts("dots.test")] == ["anna@dots.test"]


def test_addresses_that_would_become_one_are_named(
    directory: Directory, people: list[Account]
) -> None:
    directory.add_alias(Alias("jdoe@dots.test", ("anna@dots.test",)))
    before = seen(directory)
    with pytest.raises(InUse, match=r"j\.doe@dots\.test and jdoe@dots\.test"):
        directory.ignore_dots("dots.test", ignored=True)
    assert seen(directory) == before
    domain = directory.domain("dots.test")
    assert domain is not None
    assert not domain.dots_ignored
    directory.remove_alias("jdoe@dots.test")
    directory.ignore_dots("dots.test", ignored=True)


@pytest.mark.usefixtures("people")
def test_no_mail_is_refused_while_addresses_move(directory: Directory) -> None:
    """Whatever has been moved so far, each address is found as it is spelled."""

    def check() -> None:
        for name in ("j.doe", "anna", "sales.team", "a.b-x"):
            assert directory.verdict(f"{name}@dots.test").kind == "local", name

    for ignored in (True, False):
        Meanwhile(directory, check, times=20)
        directory.ignore_dots("dots.test", ignored=ignored)
        check()


@pytest.mark.usefixtures("people")
def test_half_way_can_be_finished(directory: Directory) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    Meanwhile(directory, lambda: Meanwhile(directory, stop))
    with pytest.raises(KeyboardInterrupt):
        directory.ignore_dots("dots.test", ignored=True)
    assert not reached(directory, "salesteam@dots.test")
    directory.ignore_dots("dots.test", ignored=True)
    assert reached(directory, "salesteam@dots.test")


@pytest.mark.usefixtures("people")
def test_what_is_added_meanwhile_is_filed_right(directory: Directory) -> None:
    added = Alias("new.one@dots.test", ("anna@dots.test",))
    Meanwhile(directory, lambda: directory.add_alias(added))
    directory.ignore_dots("dots.test", ignored=True)
    assert reached(directory, "newone@dots.test") == ["anna@dots.test"]
    # And the other way round: an add that has begun before the domain was changed.
    Meanwhile(directory, lambda: directory.ignore_dots("dots.test", ignored=False))
    directory.add_alias(Alias("other.one@dots.test", ("anna@dots.test",)))
    assert reached(directory, "other.one@dots.test") == ["anna@dots.test"]
    assert not reached(directory, "otherone@dots.test")


@pytest.mark.usefixtures("people")
def test_it_costs_one_read(directory: Directory) -> None:
    directory.ignore_dots("dots.test", ignored=True)
    directory.verdict("anna@dots.test")
    counted = count_reads(directory)
    directory.verdict("anna@dots.test")
    for name in ("j.doe", "jdoe+x.y", "ab-x", "nobody.here", "salesteam"):
        counted.reads = 0
        directory.verdict(f"{name}@dots.test")
        assert counted.reads == 1


def test_dots_are_a_matter_of_a_domain_with_addresses(directory: Directory) -> None:
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    with pytest.raises(InUse, match="stands for"):
        directory.ignore_dots("example.org", ignored=True)
    with pytest.raises(NotThere):
        directory.ignore_dots("nowhere.test", ignored=True)
    directory.add_account("j.doe@example.test", "secret")
    directory.ignore_dots("example.test", ignored=True)
    assert reached(directory, "jdoe@example.org") == ["j.doe@example.test"]


def test_a_catch_all_may_have_dots(directory: Directory) -> None:
    directory.add_domain(Domain("dots.test", catch_all="j.doe@dots.test", dots_ignored=True))
    account = directory.add_account("j.doe@dots.test", "secret")
    assert reached(directory, "any@dots.test") == [account.address]
