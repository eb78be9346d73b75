"""Programs that keep a copy of all mailboxes, and bring changes both ways: mbsync, offlineimap."""

import imaplib
import mailbox
from collections.abc import Callable, Iterator
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
    own_fields: tuple[bytes, ...]  # what the program adds to messages that it uploads

    def files(self, name: str) -> list[Path]:
        found = [*(self.folder / name / "cur").iterdir(), *(self.folder / name / "new").iterdir()]
        return sorted(path for path in found if not path.name.startswith("."))

    def letters(self, name: str) -> list[bytes]:
        return [path.read_bytes() for path in self.files(name)]

    def state(self) -> list[tuple[str, bytes]]:
        """Every message file with its flags, which a Maildir keeps in the name."""
        return [
            (str(path.relative_to(self.folder)), path.read_bytes())
            for name in ("INBOX", "Work", "Sub.Folder")
            if (self.folder / name).exists()
            for path in self.files(name)
        ]


@pytest.fixture(params=["mbsync", "offlineimap"])
def copy(
    request: pytest.FixtureRequest, postroom: Postroom, user: User, home: Home
) -> Iterator[Copy]:
    make = mbsync if request.param == "mbsync" else offlineimap
    yield make(postroom, user, home)


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
    return Copy(folder, lambda: home.run("mbsync", "--all", "--verbose"), (b"X-TUID",))


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
    return Copy(folder, lambda: home.run("offlineimap", "-o"), (b"X-OfflineIMAP",))


def add_flag(path: Path, letter: str) -> None:
    """Set a Maildir flag, as a program that reads the copy would."""
    name, _, found = path.name.partition(":2,")
    path.rename(path.parent.parent / "cur" / f"{name}:2,{''.join(sorted({*found, letter}))}")


def with_subject(copy: Copy, subject: bytes) -> Path:
    [path] = [
        path for path in copy.files("INBOX") if b"Subject: " + subject + b"\n" in path.read_bytes()
    ]
    return path


def subjects(client: imaplib.IMAP4, wanted: str) -> list[bytes]:
    """UIDs of the messages with this flag."""
    return client.uid("SEARCH", wanted)[1][0].split()


def test_everything_is_copied_and_then_nothing_is_left_to_do(
    postroom: Postroom, user: User, copy: Copy
) -> None:
    send(postroom, user, LETTERS.values())
    copy.synchronise()
    untouched(map(below_ours, copy.letters("INBOX")), map(with_lf, LETTERS.values()))
    before = copy.state()
    with imap(postroom, user) as client:
        seen = contents(client), flags(client)
    copy.synchronise()
    assert copy.state() == before
    with imap(postroom, user) as client:
        assert (contents(client), flags(client)) == seen


def test_changes_go_both_ways(postroom: Postroom, user: User, copy: Copy) -> None:
    send(postroom, user, LETTERS.values())
    copy.synchronise()

    # Here: read one, flag one, answer one, delete one. There: the same with others.
    add_flag(with_subject(copy, b"plain"), "S")
    add_flag(with_subject(copy, b"dots"), "F")
    add_flag(with_subject(copy, b"8 bit"), "R")
    add_flag(with_subject(copy, b"line of 998"), "T")
    with imap(postroom, user) as client:
        by_subject = {
            subject: client.uid("SEARCH", f'SUBJECT "{subject}"')[1][0].decode()
            for subject in ("empty body", "From lines", "large attachment")
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
            [LETTERS[name] for name in LETTERS if name not in ("line of 998", "From lines")],
        )
    assert set("FS") <= set(with_subject(copy, b"empty body").name.partition(":2,")[2])
    assert not any(b"Subject: From lines\n" in octets for octets in copy.letters("INBOX"))


def test_new_messages_and_folders_go_both_ways(
    postroom: Postroom, user: User, copy: Copy
) -> None:
    copy.synchronise()
    with imap(postroom, user) as client:
        client.create("Work")
        for letter in LETTERS.values():
            client.append("Work", r"(\Seen)", "", letter)
    box = mailbox.Maildir(copy.folder / "Here", create=True)
    for letter in LETTERS.values():
        box.add(with_lf(letter))
    copy.synchronise()
    copy.synchronise()

    untouched(copy.letters("Work"), map(with_lf, LETTERS.values()))
    assert all(path.name.endswith(":2,S") for path in copy.files("Work"))
    with imap(postroom, user) as client:
        client.select("Here")
        untouched((without(copy, octets) for octets in contents(client)), LETTERS.values())
        client.select("Work")
        assert contents(client) == list(LETTERS.values())


def without(copy: Copy, octets: bytes) -> bytes:
    """The message without the field by which the program knows its own uploads."""
    header, empty, body = octets.partition(b"\r\n\r\n")
    lines = [line for line in header.split(b"\r\n") if not line.startswith(copy.own_fields)]
    return b"\r\n".join(lines) + empty + body
