"""sieve-connect manages scripts over verified TLS, and mail is filed by the one that is active."""

import imaplib
import smtplib
import time
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.programs import Home
from tests.clients.reading import imap
from tests.running import Postroom

pytestmark = pytest.mark.clients

FILING = b"""\
require ["fileinto", "mailbox", "imap4flags"];

# Everything about boats
if header :contains "Subject" "boat" {
    fileinto :create :flags "\\\\Flagged" "Boats";
}
"""
BROKEN = b'require "fileinto";\nfileinto "a"\nkeeep;\n'
WARNING = b'require "imap4flags";\naddflag "\\\\Nonsense";\n'


class SieveConnect:
    def __init__(self, postroom: Postroom, user: User, home: Home) -> None:
        self.home = home
        self._command = [
            "sieve-connect",
            "--server=localhost",
            f"--port={postroom.ports['sieve']}",
            f"--user={user.address}",
            "--passwordfd=0",
            "--noclearchan",
        ]
        self._authority = f"--tlscafile={postroom.authority}"
        self._password = user.password.encode() + b"\n"

    def __call__(self, *arguments: str, status: int = 0, trusting: bool = True) -> bytes:
        """Return what it printed, its complaints as well."""
        words = [*self._command, *([self._authority] if trusting else []), *arguments]
        both = ("sh", "-c", 'exec "$0" "$@" 2>&1')
        return self.home.run(*both, *words, stdin=self._password, status=status)

    def file(self, name: str, text: bytes) -> str:
        return str(self.home.write(name, text))


@pytest.fixture
def sieve_connect(postroom: Postroom, user: User, home: Home) -> SieveConnect:
    return SieveConnect(postroom, user, home)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_it_uploads_activates_lists_downloads_and_deletes(
    sieve_connect: SieveConnect, mechanism: str, tmp_path: Path
) -> None:
    one, two = sieve_connect.file("one", FILING), sieve_connect.file("two", b"keep;\r\n")
    authmech = f"--authmech={mechanism}"
    sieve_connect(authmech, "--localsieve", one, "--remotesieve", "boats", "--upload")
    sieve_connect(authmech, "--localsieve", two, "--remotesieve", 'all "mine"', "--upload")
    assert sieve_connect(authmech, "--list").splitlines() == [b'"all \\"mine\\""', b'"boats"']
    sieve_connect(authmech, "--remotesieve", "boats", "--activate")
    assert sieve_connect(authmech, "--list").splitlines()[1] == b'"boats" ACTIVE'
    copy = tmp_path / "copy"
    sieve_connect(authmech, "--remotesieve", "boats", "--localsieve", str(copy), "--download")
    assert copy.read_bytes() == FILING
    sieve_connect(authmech, "--deactivate")
    sieve_connect(authmech, "--remotesieve", "boats", "--delete")
    assert sieve_connect(authmech, "--list").splitlines() == [b'"all \\"mine\\""']


def test_it_shows_what_is_wrong(sieve_connect: SieveConnect) -> None:
    broken = sieve_connect.file("broken", BROKEN)
    assert b'line 3: "fileinto" takes' in sieve_connect(
        "--localsieve", broken, "--checkscript", status=1
    )
    assert b"x: line 3: " in sieve_connect(
        "--localsieve", broken, "--remotesieve", "x", "--upload", status=1
    )
    assert sieve_connect("--list") == b""
    warning = sieve_connect.file("warning", WARNING)
    sieve_connect("--localsieve", warning, "--remotesieve", "x", "--upload")
    assert sieve_connect("--list") == b'"x"\n'
    assert b"active" in sieve_connect("--remotesieve", "y", "--activate", status=1).lower()


def test_it_trusts_no_server_that_it_cannot_verify(sieve_connect: SieveConnect) -> None:
    assert b"verify failed" in sieve_connect("--list", status=255, trusting=False)


def test_the_next_message_is_filed_by_it(
    sieve_connect: SieveConnect, postroom: Postroom, user: User
) -> None:
    def send(subject: str) -> None:
        with smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client:
            letter = (
                f"From: a@elsewhere.test\r\nTo: {user.address}\r\nSubject: {subject}\r\n\r\nx\r\n"
            )
            client.sendmail("a@elsewhere.test", [user.address], letter.encode())

    def subjects(client: imaplib.IMAP4, mailbox: str, count: int) -> list[bytes]:
        deadline = time.monotonic() + 30
        while client.select(mailbox)[0] != "OK" or int(client.select(mailbox)[1][0] or 0) < count:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)] FLAGS)")[1]
        return [part[1].split()[-1] for part in found if isinstance(part, tuple)]

    script = sieve_connect.file("boats.sieve", FILING)
    with imap(postroom, user) as client:
        send("first-boat")
        assert subjects(client, "INBOX", 1) == [b"first-boat"]
        sieve_connect("--localsieve", script, "--upload")
        sieve_connect("--remotesieve", "boats.sieve", "--activate")
        send("second-boat")
        assert subjects(client, "Boats", 1) == [b"second-boat"]
        assert client.search(None, "FLAGGED")[1] == [b"1"]
        sieve_connect("--deactivate")
        send("third-boat")
        assert subjects(client, "INBOX", 2) == [b"first-boat", b"third-boat"]
