"""Scripts are kept the same over every table: what is put, refused, active, and told to routing."""

import pytest

from postroom.directory.errors import InUse, NotThere
from postroom.directory.records import Account, Domain, Target
from postroom.directory.store import Directory
from postroom.platform.system import SystemRandomness
from postroom.scripts.errors import NoSuchScript, OverQuota, ScriptActive, ScriptExists
from postroom.scripts.limits import Limits
from postroom.scripts.store import Listed, Scripts
from postroom.sieve.errors import ScriptError
from tests.contracts.conftest import World

KEEP, DISCARD = b"keep;", b"discard;\r\n"


@pytest.fixture
def directory(world: World) -> Directory:
    directory = Directory(world.platform.table, world.clock, SystemRandomness())
    directory.add_domain(Domain("example.test"))
    directory.add_domain(Domain("example.org", alias_of="example.test"))
    return directory


@pytest.fixture
def alice(directory: Directory) -> Account:
    return directory.add_account("alice@example.test", "secret")


@pytest.fixture
def scripts(world: World, directory: Directory) -> Scripts:
    limits = Limits(script=200, scripts=3, total=400)
    return Scripts(world.platform.table, directory, SystemRandomness(), limits)


def routed(directory: Directory) -> Target:
    """What a message for alice finds."""
    [route] = directory.routes(["alice@example.test"])
    return route.targets[0]


def chain(scripts: Scripts, directory: Directory) -> int:
    """How many programs a message for alice meets."""
    found = routed(directory)
    programs = scripts.chain(found.account, found.scripts, "example.test", found.domain_scripts)
    return len(programs)


def test_a_script_is_put_activated_changed_renamed_and_deleted(
    scripts: Scripts, directory: Directory, alice: Account
) -> None:
    assert scripts.names(alice.id) == []
    assert scripts.put(alice.id, "first", KEEP) == ()
    scripts.put(alice.id, "second", DISCARD)
    assert routed(directory).scripts == ""  # nothing runs: mail reads nothing
    assert scripts.get(alice.id, "second") == DISCARD

    scripts.set_active(alice.id, "first")
    versions = {routed(directory).scripts}
    assert scripts.names(alice.id) == [Listed("first", 5, True), Listed("second", 10, False)]
    assert chain(scripts, directory) == 1
    with pytest.raises(ScriptActive):
        scripts.delete(alice.id, "first")

    scripts.put(alice.id, "first", b"# changed\nkeep;")
    versions.add(routed(directory).scripts)
    with pytest.raises(ScriptExists):
        scripts.rename(alice.id, "first", "second")
    scripts.rename(alice.id, "first", "third")
    versions.add(routed(directory).scripts)
    assert [one.name for one in scripts.names(alice.id) if one.active] == ["third"]
    assert scripts.get(alice.id, "third") == b"# changed\nkeep;"

    scripts.set_active(alice.id, "second")
    scripts.delete(alice.id, "third")
    versions.add(routed(directory).scripts)
    assert len(versions) == 4
    assert "" not in versions

    scripts.set_active(alice.id, "")
    assert routed(directory).scripts == ""
    scripts.delete(alice.id, "second")
    assert scripts.names(alice.id) == []
    for name in ("first", "second", "third"):
        with pytest.raises(NoSuchScript):
            scripts.get(alice.id, name)


def test_what_is_not_there(scripts: Scripts, alice: Account) -> None:
    with pytest.raises(NoSuchScript):
        scripts.set_active(alice.id, "nothing")
    with pytest.raises(NoSuchScript):
        scripts.delete(alice.id, "nothing")
    with pytest.raises(NoSuchScript):
        scripts.rename(alice.id, "nothing", "something")
    scripts.set_active(alice.id, "")  # no error (RFC 5804 section 2.8)


def test_a_bad_script_changes_nothing(
    scripts: Scripts, directory: Directory, alice: Account
) -> None:
    scripts.put(alice.id, "mine", KEEP)
    scripts.set_active(alice.id, "mine")
    before = routed(directory).scripts
    for name in ("mine", "new"):
        with pytest.raises(ScriptError):
            scripts.put(alice.id, name, b"kept;")
    assert scripts.get(alice.id, "mine") == KEEP
    assert scripts.names(alice.id) == [Listed("mine", 5, True)]
    assert routed(directory).scripts == before


def test_quotas(scripts: Scripts, alice: Account) -> None:
    def refused(name: str, size: int) -> str:
        text = b"#".ljust(size, b"x")
        with pytest.raises(OverQuota) as asked:
            scripts.have_space(alice.id, name, size)
        with pytest.raises(OverQuota) as put:
            scripts.put(alice.id, name, text)
        assert asked.value.quota == put.value.quota
        return asked.value.quota

    assert refused("a", 201) == "MAXSIZE"
    scripts.have_space(alice.id, "a", 200)
    for name in "ab":
        scripts.put(alice.id, name, b"#".ljust(200, b"x"))
    assert refused("c", 1) == ""
    scripts.put(alice.id, "a", KEEP)
    scripts.put(alice.id, "c", KEEP)
    assert refused("d", 5) == "MAXSCRIPTS"
    scripts.put(alice.id, "c", DISCARD)  # one that is there already may change


def test_the_form_s_script_runs_first_and_is_not_listed(
    scripts: Scripts, directory: Directory, alice: Account
) -> None:
    scripts.put_form(alice.id, KEEP)
    assert scripts.names(alice.id) == []
    assert chain(scripts, directory) == 1
    version = routed(directory).scripts
    scripts.put_form(alice.id, KEEP)
    assert routed(directory).scripts == version  # nothing has changed
    scripts.put(alice.id, "mine", KEEP)
    scripts.set_active(alice.id, "mine")
    assert chain(scripts, directory) == 2
    scripts.set_active(alice.id, "")
    assert chain(scripts, directory) == 1
    with pytest.raises(ScriptError):
        scripts.put_form(alice.id, b"kept;")
    scripts.put_form(alice.id, b"")
    assert routed(directory).scripts == ""


def test_scripts_of_a_domain(scripts: Scripts, directory: Directory, alice: Account) -> None:
    scripts.put_domain("Example.Test", "before", KEEP)
    scripts.put_domain("example.test", "after", KEEP)
    assert chain(scripts, directory) == 2
    first = routed(directory).domain_scripts
    scripts.put_domain("example.test", "common", KEEP)
    assert chain(scripts, directory) == 2  # only for those that include it, who must notice
    assert routed(directory).domain_scripts not in ("", first)
    assert scripts.domain_names("example.test") == ["after", "before", "common"]
    assert scripts.get_domain("example.test", "common") == KEEP

    with pytest.raises(ScriptError):
        scripts.put_domain("example.test", "before", b"kept;")
    with pytest.raises(NotThere):
        scripts.put_domain("elsewhere.test", "before", KEEP)
    with pytest.raises(InUse):
        scripts.put_domain("example.org", "before", KEEP)
    with pytest.raises(NoSuchScript):
        scripts.put_domain("example.test", "nothing", b"")
    for name in ("before", "after", "common"):
        scripts.put_domain("example.test", name, b"")
    assert scripts.domain_names("example.test") == []
    assert routed(directory).domain_scripts == ""


def test_the_account_is_the_same_but_for_its_scripts(
    scripts: Scripts, directory: Directory, alice: Account
) -> None:
    directory.set_forward(alice.address, ("x@elsewhere.test",), keep=True)
    scripts.put(alice.id, "mine", KEEP)
    scripts.set_active(alice.id, "mine")
    found = directory.account(alice.address)
    assert found is not None
    assert (found.id, found.quota, found.enabled) == (alice.id, alice.quota, alice.enabled)
    assert directory.forward(alice.address) is not None


def test_scripts_of_whom_has_gone(scripts: Scripts, directory: Directory, alice: Account) -> None:
    scripts.put(alice.id, "mine", KEEP)
    scripts.put_domain("example.test", "before", KEEP)
    directory.remove_account(alice.address)
    with pytest.raises(NotThere):
        scripts.set_active(alice.id, "mine")
    scripts.remove_all(alice.id)
    scripts.remove_all_of_domain("example.test")
    assert scripts.names(alice.id) == []
    assert scripts.domain_names("example.test") == []
    with pytest.raises(NoSuchScript):
        scripts.get(alice.id, "mine")
    with pytest.raises(NoSuchScript):
        scripts.get_domain("example.test", "before")


def test_the_largest_scripts_fit_into_the_table(
    world: World, directory: Directory, alice: Account
) -> None:
    scripts = Scripts(world.platform.table, directory, SystemRandomness())
    limits = scripts.limits
    text = b"#".ljust(limits.script, b"x")
    scripts.put_form(alice.id, text)
    fitting = limits.total // limits.script
    for number in range(limits.scripts):
        name = f"{number:03}".ljust(128, "\U0001f4ec")
        scripts.put(alice.id, name, text if number < fitting - 1 else KEEP)
    scripts.set_active(alice.id, "000".ljust(128, "\U0001f4ec"))
    assert len(scripts.names(alice.id)) == limits.scripts
    assert chain(scripts, directory) == 2
    scripts.remove_all(alice.id)
