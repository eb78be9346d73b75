"""`postroom alias`, `forward` and `domain set`, as a shell sees them."""

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.local.conftest import Run

ALICE, BOB = "alice@example.test", "bob@example.test"
HEAD = "address,targets,enabled,expires,note\n"


def test_aliases_come_and_go(peopled: Run) -> None:
    assert peopled("alias", "list", "--json").json == []
    targets = [ALICE, BOB, "gone@example.test"]
    added = peopled("alias", "add", "team@example.test", *targets, "--note", "all of us")
    assert added.code == 0
    assert "but gone@example.test: no such address here" in added.out
    [listed] = peopled("alias", "list", "--json").json
    assert listed == {
        "alias": "team@example.test",
        "targets": targets,
        "kind": "alias",
        "enabled": True,
        "expires": "",
        "open": True,
        "note": "all of us",
    }
    [shown] = peopled("alias", "show", "team@example.test", "--json").json
    assert shown == {
        **listed,
        "reaches": targets[:2],
        "lost": ["gone@example.test: no such address here"],
    }
    told = peopled("alias", "show", "team@example.test").out
    assert "reaches  alice@example.test" in told
    assert "lost     gone@example.test" in told
    assert peopled("alias", "remove", "team@example.test").code == 0
    assert peopled("alias", "list", "example.test", "--json").json == []


def test_an_alias_is_closed_and_opened(peopled: Run) -> None:
    peopled("alias", "add", "fair@example.test", ALICE, "--expires", "2020-01-01")
    assert "expired 2020-01-01" in peopled("alias", "list").out
    assert "→ alice@example.test" in peopled("alias", "enable", "fair@example.test").out
    [listed] = peopled("alias", "list", "--json").json
    assert (listed["expires"], listed["open"]) == ("", True)
    peopled("alias", "enable", "fair@example.test", "--expires", "2090-01-01")
    assert "until 2090-01-01" in peopled("alias", "list").out
    assert "is closed" in peopled("alias", "disable", "fair@example.test").out
    assert "disabled" in peopled("alias", "list").out
    [shown] = peopled("alias", "show", "fair@example.test", "--json").json
    assert (shown["open"], shown["expires"], shown["reaches"]) == (False, "2090-01-01", [])


def test_an_alias_takes_the_place_of_another_only_when_it_is_said(peopled: Run) -> None:
    peopled("alias", "add", "al@example.test", ALICE)
    refused = peopled("alias", "add", "al@example.test", BOB)
    assert (refused.code, "--replace" in refused.err) == (1, True)
    assert peopled("alias", "add", "al@example.test", BOB, "--replace").code == 0
    assert peopled("alias", "list", "--json").json[0]["targets"] == [BOB]


def test_a_long_list_is_cut_and_searched(peopled: Run, tmp_path: Path) -> None:
    lines = "".join(f"a{number}@example.test,{ALICE}\n" for number in range(250))
    (tmp_path / "many.csv").write_text("address,targets\n" + lines)
    assert "250 added" in peopled("alias", "import", str(tmp_path / "many.csv")).out
    told = peopled("alias", "list").out
    assert "there are more" in told
    assert len(told.splitlines()) == 1 + 200 + 1
    assert len(peopled("alias", "list", "--all").out.splitlines()) == 1 + 250
    assert len(peopled("alias", "list", "--json").json) == 250
    assert "a249@" in peopled("alias", "list", "--match", "A249").out
    assert "no alias has nothing in it" in peopled("alias", "list", "--match", "nothing").out
    assert "…" in peopled("domain", "show", "example.test").out


def test_a_user_forwards(peopled: Run) -> None:
    assert "forwards nothing" in peopled("forward", "show", ALICE).out
    assert "stays as well" in peopled("forward", "set", ALICE, "x@else.test").out
    assert peopled("forward", "show", ALICE, "--json").json == [
        {"address": ALICE, "targets": ["x@else.test"], "keep": True}
    ]
    assert "does not stay" in peopled("forward", "set", ALICE, BOB, "--no-keep").out
    assert "loop" in peopled("forward", "set", BOB, ALICE, "--no-keep").out
    [listed] = peopled("alias", "list", "--match", "alice@example.test", "--json").json[:1]
    assert listed["kind"] == "forward"
    assert "stays in its mailbox" in peopled("forward", "clear", ALICE).out
    assert "forwards nothing" in peopled("forward", "show", ALICE).out


def test_a_domain_is_changed(peopled: Run) -> None:
    assert peopled("domain", "set", "example.test", "--separator", "+-", "--no-dots").code == 0
    assert peopled("domain", "set", "example.test", "--catch-all", ALICE).code == 0
    [shown] = peopled("domain", "list", "--json").json
    assert shown == {
        "domain": "example.test",
        "alias_of": "",
        "catch_all": ALICE,
        "separator": "+-",
        "dots": False,
    }
    assert peopled("user", "show", "al.ice@example.test").code == 0
    peopled("domain", "set", "example.test", "--dots", "--catch-all", "")
    [shown] = peopled("domain", "list", "--json").json
    assert (shown["dots"], shown["catch_all"], shown["separator"]) == (True, "", "+-")
    assert peopled("domain", "add", "dots.test", "--no-dots").code == 0
    assert "no" in peopled("domain", "show", "dots.test").out


def test_what_is_exported_is_imported(peopled: Run, tmp_path: Path) -> None:
    peopled("alias", "add", "team@example.test", ALICE, BOB, "--note", 'so-called "team", all')
    peopled("alias", "add", "p-*@example.test", "x@else.test", "--expires", "2090-01-01")
    peopled("alias", "add", "off@example.test", '"a b"@else.test', "--disabled")
    peopled("forward", "set", ALICE, "x@else.test")
    before = peopled("alias", "list", "--json").json
    file = str(tmp_path / "aliases.csv")
    assert "4 aliases are in" in peopled("alias", "export", "-o", file).out
    assert peopled("alias", "export").out == Path(file).read_text()
    again = peopled("alias", "import", file)
    assert (again.code, "0 added, 0 changed, 0 removed; 4 are" in again.out) == (0, True)
    for address in ("team@example.test", "p-*@example.test", "off@example.test", ALICE):
        peopled("alias", "remove", address)
    assert "4 added" in peopled("alias", "import", "-", stdin=Path(file).read_text()).out
    assert peopled("alias", "list", "--json").json == before


def test_a_dry_run_shows_and_changes_nothing(peopled: Run, tmp_path: Path) -> None:
    peopled("alias", "add", "old@example.test", ALICE)
    peopled("alias", "add", "gone@example.test", ALICE)
    peopled("alias", "add", "same@example.test", ALICE)
    before = peopled("alias", "list", "--json").json
    file = tmp_path / "aliases.csv"
    file.write_text(
        HEAD
        + f"new@example.test,{ALICE} {BOB}\nOLD@example.test,{BOB}\nsame@example.test,{ALICE}\n"
    )
    dry = peopled("alias", "import", str(file), "--dry-run", "--prune")
    assert dry.code == 0
    assert dry.out.splitlines() == [
        "added    new@example.test → alice@example.test bob@example.test",
        "changed  OLD@example.test → bob@example.test",
        "removed  gone@example.test",
        "✓ would be 1 added, 1 changed, 1 removed; 1 are as they were",
    ]
    assert peopled("alias", "list", "--json").json == before
    done = peopled("alias", "import", str(file), "--prune", "--verbose")
    assert done.out == dry.out.replace("would be ", "")
    listed = peopled("alias", "list", "--json").json
    assert [(one["alias"], one["targets"]) for one in listed] == [
        ("new@example.test", [ALICE, BOB]),
        ("old@example.test", [BOB]),
        ("same@example.test", [ALICE]),
    ]


def test_bad_lines_are_told_and_nothing_is_removed(peopled: Run, tmp_path: Path) -> None:
    peopled("alias", "add", "gone@example.test", ALICE)
    file = tmp_path / "aliases.csv"
    file.write_bytes(
        HEAD.encode()
        + f"good@example.test,{ALICE}\n".encode()
        + b"bad@example.test,nowhere\n"
        + f"x@elsewhere.test,{ALICE}\n".encode()
        + b"\xfc@example.test,bob@example.test\n"
        + f"Good@example.test,{BOB}\n".encode()
        + f"[red]@example.test,{BOB},perhaps\n".encode()
        + f"fine@example.test,{BOB}\n".encode()
    )
    ended = peopled("alias", "import", str(file), "--prune")
    assert ended.code == 1
    told = ended.err.splitlines()
    assert [line.partition(":")[0] for line in sorted(told)[:5]] == [
        "line 3",
        "line 4",
        "line 5",
        "line 6",
        "line 7",
    ]
    assert any("UTF-8" in line for line in told)
    assert any("Good@example.test is in line 2 already" in line for line in told)
    assert any("no domain elsewhere.test" in line for line in told)
    assert "nothing is removed" in ended.err
    assert "2 added, 0 changed, 0 removed; 0 are as they were; 5 lines are wrong" in ended.out
    assert [one["alias"] for one in peopled("alias", "list", "--json").json] == [
        "fine@example.test",
        "gone@example.test",
        "good@example.test",
    ]


def test_pruning_keeps_to_the_domains_in_the_file(peopled: Run, tmp_path: Path) -> None:
    peopled("domain", "add", "other.test")
    peopled("domain", "set", "example.test", "--no-dots")
    for address in ("a@other.test", "b.c@example.test", "d@example.test"):
        peopled("alias", "add", address, ALICE)
    file = tmp_path / "aliases.csv"
    file.write_text(HEAD + f"bc@example.test,{BOB}\n")  # it is b.c@, where dots do not count
    ended = peopled("alias", "import", str(file), "--prune")
    assert "0 added, 1 changed, 1 removed" in ended.out
    left = peopled("alias", "list", "--json").json
    assert [(one["alias"], one["targets"]) for one in left] == [
        ("b.c@example.test", [BOB]),
        ("a@other.test", [ALICE]),
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param("alias import /nowhere.csv", "/nowhere.csv: No such file", id="no file"),
        pytest.param("alias export -o /nowhere/a.csv", "No such file", id="no folder"),
        pytest.param("alias export nowhere.test", "no domain nowhere.test", id="export of none"),
        pytest.param("alias import -", "the file is empty", id="nothing to import"),
        pytest.param("alias enable x@example.test", "postroom alias list", id="enable none"),
        pytest.param("alias disable alice@example.test", "no alias", id="disable a user"),
        pytest.param("alias show x@example.test", "postroom alias list", id="show none"),
        pytest.param("alias remove x@nowhere.test", "postroom domain list", id="not ours"),
        pytest.param("alias add a*b*@example.test x@y.test", "has one *", id="two stars"),
        pytest.param("alias add a@example.test x@y.test --expires soon", "2027-03-31", id="when"),
        pytest.param("forward set x@example.test y@z.test", "postroom user list", id="nobody"),
        pytest.param("forward set bob@example.test bob@example.test", "another", id="to itself"),
        pytest.param("forward clear bob@example.test", "forward show", id="forwards nothing"),
        pytest.param("domain set nowhere.test --dots", "no domain nowhere.test", id="no domain"),
        pytest.param("domain set example.test --separator ab", "separate", id="no separator"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(peopled: Run, words: str, reason: str) -> None:
    ended = peopled(*words.split())
    assert (ended.code, ended.out) == (1, "")
    assert reason in ended.err
    assert len(ended.err.splitlines()) == 1


def test_dots_that_would_make_two_addresses_one_are_named(peopled: Run) -> None:
    peopled("alias", "add", "al.ice@example.test", BOB)
    refused = peopled("domain", "set", "example.test", "--no-dots")
    assert refused.code == 1
    assert "alice@example.test and al.ice@example.test" in refused.err


PAGE = Path(__file__).parents[3] / "docs" / "ALIASES.md"


def test_what_the_page_says_works(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of docs/ALIASES.md, one after the other."""
    monkeypatch.chdir(tmp_path)
    run("domain", "add", "example.org")
    for name in ("alice", "bob"):
        run("user", "add", f"{name}@example.org", "--password-stdin", stdin="secret\n")
    page = PAGE.read_text()
    [csv] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    Path("aliases.csv").write_text(csv)
    commands = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
    assert len(commands) > 20
    masked = ""
    for command in commands:
        words = shlex.split(command.replace("lusab.babad.4821@example.org", masked or "none"))
        assert words[0] == "postroom"
        ended = run(*words[1:])
        assert (ended.code, ended.err) == (0, ""), command
        if words[1:3] == ["masked", "add"]:
            [listed] = run("masked", "list", "alice@example.org", "--json").json
            masked = listed["address"]
    assert "fair-*@example.org" in Path("exported.csv").read_text()
