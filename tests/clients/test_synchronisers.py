"""Programs that keep a copy of all mailboxes, and bring changes both ways: mbsync, offlineimap."""

import mailbox
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched, with_lf
from tests.clients.programs import Home
from tests.clients.reading import contents, flags, imap, send
from tests.running import Postroom

pytestmark = pytest.mark.clients


@dataclass(frozen=True)
class Copy:
    """The copy of one user's mail: a folder with a Maildir for each mailbox."""

    folder: Path
    synchronise: Callable[[], bytes]
    own_field: re.Pattern[bytes]  # by which the program knows a copy again
    kinds: frozenset[str]  # of letters that it copies octet by octet

    def files(self, name: str) -> list[Path]:
        found = [*(self.folder / name / "cur").iterdir(), *(self.folder / name / "new").iterdir()]
        return sorted(path for path in found if not path.name.startswith("."))

    def letters(self, name: str) -> list[bytes]:
        return [self.without_own(path.read_bytes()) for path in self.files(name)]

    def without_own(self, octets: bytes) -> bytes:
        return self.own_field.sub(b"", octets, 1)

    def sent(self, *missing: str) -> list[bytes]:
        """The letters that it is tried with, but for some."""
        return [letter for name, letter in LETTERS.items() if name in self.kinds - {*missing}]

    def state(self) -> list[tuple[str, bytes]]:
        """Every message file with its flags, which a Maildir keeps in the name."""
        return [
            (str(path.relative_to(self.folder)), path.read_bytes())
            for name in ("INBOX",)
            for path in self.files(name)
        ]


@pytest.fixture(params=["mbsync", "offlineimap"])
def copy(request: pytest.FixtureRequest, postroom: Postroom, user: User, home: Home) -> Copy:
    make = mbsync if request.param == "mbsync" else offlineimap
    return make(postroom, user, home)


def mbsync(postroom: Postroom, user: User, home: Home) -> Copy:
    folder = home.folder / "Mail"
    folder.mkdir()
    home.write(
        ".mbsyncrc",
        f"IMAPAccount here\nHost localhost\nPort {postroom.ports['imaps']}\nUser {user.address}\n"
        f'Pass "{user.password}"\nSSLType IMAPS\nCertificateFile {postroom.authority}\n'
        "SystemCertificates no\nTimeout 30\n\n"
        "IMAPStore server\nAccount here\n\n"
        f"MaildirStore disk\nPath {folder}/\nInbox {folder}/INBOX\nSubFolders Verbatim\n\n"
        "Channel all\nFar :server:\nNear :disk:\nPatterns *\n"
        "Create Both\nExpunge Both\nRemove None\nSyncState *\nCopyArrivalDate yes\n",
    )
    return Copy(folder, lambda: home.run("mbsync", "--all"), _TUID, frozenset(LETTERS))


def offlineimap(postroom: Postroom, user: User, home: Home) -> Copy:
    folder = home.folder / "Mail"
    home.write(
        ".offlineimaprc",
        f"[general]\naccounts = one\nui = basic\nmetadata = {home.folder}/state\n"
        "socktimeout = 30\n"
        "[Account one]\nlocalrepository = disk\nremoterepository = server\n"
        f"[Repository disk]\ntype = Maildir\nlocalfolders = {folder}\n"
        "[Repository server]\ntype = IMAP\nremotehost = localhost\n"
        f"remoteport = {postroom.ports['imaps']}\nssl = yes\n"
        f"sslcacertfile = {postroom.authority}\n"
        f"remoteuser = {user.address}\nremotepass = {user.password}\nmaxconnections = 2\n",
    )
    # It takes messages apart and puts them together anew: boundaries right behind each other then
    # get an empty line between them.
    kinds = frozenset(LETTERS) - {"50 multiparts deep"}
    return Copy(folder, lambda: home.run("offlineimap", "-o"), _OFFLINEIMAP, kinds)


_TUID = re.compile(rb"^X-TUID: [^\r\n]*\r?\n", re.MULTILINE)
_OFFLINEIMAP = re.compile(rb"^X-OfflineIMAP: [^\r\n]*\r?\n", re.MULTILINE)


def add_flag(path: Path, letter: str) -> None:
    """Set a Maildir flag, as a program that reads the copy would."""
    name, _, found = path.name.partition(":2,")
    path.rename(path.parent.parent / "cur" / f"{name}:2,{''.join(sorted({*found, letter}))}")


def with_subject(copy: Copy, subject: bytes) -> Path:
    [path] = [
        path for path in copy.files("INBOX") if b"Subject: " + subject + b"\n" in path.read_bytes()
    ]
    return path


def test_everything_is_copied_and_then_nothing_is_left_to_do(
    postroom: Postroom, user: User, copy: Copy
) -> None:
    send(postroom, user, copy.sent())
    copy.synchronise()
    untouched(map(below_ours, copy.letters("INBOX")), map(with_lf, copy.sent()))
    before = copy.state()
    with imap(postroom, user) as client:
        seen = contents(client), flags(client)
    copy.synchronise()
    assert copy.state() == before
    with imap(postroom, user) as client:
        assert (contents(client), flags(client)) == seen


def test_changes_go_both_ways(postroom: Postroom, user: User, copy: Copy) -> None:
    send(postroom, user, copy.sent())
    copy.synchronise()

    # Here: read one, flag one, answer one, delete one. There: the same with others.
    add_flag(with_subject(copy, b"plain"), "S")
    add_flag(with_subject(copy, b"dots"), "F")
    add_flag(with_subject(copy, b"8 bit"), "R")
    with_subject(copy, b"line of 998").unlink()
    with imap(postroom, user) as client:
        by_subject = {
            subject: client.uid("SEARCH", f'SUBJECT "{subject}"')[1][0].decode()
            for subject in ("empty body", "From lines")
        }
        client.uid("STORE", by_subject["empty body"], "+FLAGS", r"(\Seen \Flagged)")
        client.uid("STORE", by_subject["From lines"], "+FLAGS", r"(\Deleted)")
        client.expunge()
    copy.synchronise()
    copy.synchronise()  # what the first run has written may bring more to light

    with imap(postroom, user) as client:
        found = {
            subject: client.uid("SEARCH", f'{flag} SUBJECT "{subject}"')[1][0]
            for subject, flag in {
                "plain": "SEEN",
                "dots": "FLAGGED",
                "8 bit": "ANSWERED",
                "empty body": "FLAGGED",
            }.items()
        }
        assert all(found.values()), found
        assert client.uid("SEARCH", 'SUBJECT "line of 998"')[1] == [b""]
        untouched(
            map(below_ours, contents(client)),
            copy.sent("line of 998", "From lines"),
        )
    assert set("FS") <= set(with_subject(copy, b"empty body").name.partition(":2,")[2])
    assert not any(b"Subject: From lines\n" in octets for octets in copy.letters("INBOX"))


def test_new_messages_and_folders_go_both_ways(postroom: Postroom, user: User, copy: Copy) -> None:
    copy.synchronise()
    with imap(postroom, user) as client:
        client.create("Work")
        for letter in copy.sent():
            client.append("Work", r"(\Seen)", "", letter)
    box = mailbox.Maildir(copy.folder / "Here", create=True)
    for letter in copy.sent():
        box.add(with_lf(letter))
    copy.synchronise()
    copy.synchronise()

    untouched(copy.letters("Work"), map(with_lf, copy.sent()))
    assert all(path.name.endswith(":2,S") for path in copy.files("Work"))
    with imap(postroom, user) as client:
        client.select("Here")
        untouched(map(copy.without_own, contents(client)), copy.sent())
        client.select("Work")
        assert contents(client) == copy.sent()
