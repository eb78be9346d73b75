"""What the pages say is true."""

import csv
import re
from pathlib import Path

import pytest

from gateway.imap.capabilities import capabilities
from postroom.sieve.engine import CAPABILITIES

ROOT = Path(__file__).parents[1]
SOURCES = [
    path
    for folder in ("layers/postroom/postroom", "edge-smtp/gateway", "local", "functions")
    for path in (ROOT / folder).rglob("*.py")
]
# What IMAP4rev2 itself says, and what no RFC tells.
IN_IMAP_ITSELF = {"STARTTLS", "LOGINDISABLED"}
OF_NO_RFC = {"XLIST"}
# Set by the supervisor for its children, not by people.
INTERNAL = {"POSTROOM_SCHEDULES", "POSTROOM_TEMPLATE"}


def test_every_setting_is_on_the_operators_page() -> None:
    read = {
        f"POSTROOM_{name}"
        for path in SOURCES
        for name in re.findall(r"POSTROOM_([A-Z0-9_]+[A-Z0-9])\b", path.read_text())
    }
    page = (ROOT / "docs/OPERATING.md").read_text()
    written = set(re.findall(r"POSTROOM_[A-Z0-9_]+", page))
    assert not sorted(read - INTERNAL - written), "not on the page"
    assert not sorted(written - read), "on the page, but nobody reads them"


def rfcs() -> list[dict[str, str]]:
    with (ROOT / "docs/rfc.tsv").open() as page:
        return list(csv.DictReader(page, delimiter="\t"))


def test_every_rfc_that_is_done_has_its_module() -> None:
    rows = rfcs()
    assert len({row["rfc"] for row in rows}) == len(rows)
    for row in rows:
        assert row["state"] in {"full", "partial", "planned", "declined"}, row
        if row["state"] in {"full", "partial"}:
            module = row["module"].replace("gateway", "edge-smtp/gateway")
            places = (ROOT / module, ROOT / "layers/postroom/postroom" / module)
            assert any(place.exists() for place in places), row


def test_imap_announces_what_the_table_of_rfcs_says_and_nothing_else() -> None:
    """In a row, the words in capitals before the first semicolon are what CAPABILITY lists."""
    announced = {
        name.partition("=")[0] if name.startswith("APPENDLIMIT=") else name
        for logged_in in (False, True)
        for name in capabilities(
            logged_in=logged_in, mechanisms=(), may_start_tls=True, append_limit=1
        )
    }
    done = [row for row in rfcs() if row["state"] in {"full", "partial"}]
    written = {
        word
        for row in done
        if row["module"] == "gateway/imap"
        for word in re.split(r"[ ,:]+", row["what"].partition(";")[0])
        if re.fullmatch(r"[A-Z][A-Z0-9+-]+(rev\d)?(=\w.*)?", word)
    }
    assert written == announced - IN_IMAP_ITSELF - OF_NO_RFC


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_modules_and_conversations_of_the_page_about_compatibility_exist() -> None:
    page = (ROOT / "docs/COMPATIBILITY.md").read_text()
    conversations = ROOT / "tests/conversations/imap"
    folders = (
        ROOT,
        ROOT / "edge-smtp",
        ROOT / "edge-smtp/gateway/imap",
        ROOT / "layers/postroom",
        conversations,
    )
    named = set(re.findall(r"`([^`\s]+\.(?:py|txt))`", page))
    assert not sorted(
        name for name in named if not any((folder / name).exists() for folder in folders)
    )
    assert {path.name for path in conversations.glob("client-*.txt")} <= named


def test_the_readmes_make_targets_exist() -> None:
    targets = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    known = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets
    assert targets <= known


def test_every_sieve_extension_is_on_the_page_about_filters() -> None:
    table = (ROOT / "docs/FILTERS.md").read_text().partition("| names | RFC")[2]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(name for cell in cells for name in re.findall(r"`([^`]+)`", cell)) == sorted(
        {*CAPABILITIES}
    )
