"""Thunderbird, from a new account to a message that arrives while it waits: what a person does in
its window, and what then is on the server."""

import base64
import imaplib
import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched
from tests.clients.programs import Home
from tests.clients.reading import contents, flags, imap, send
from tests.clients.thunderbird import Thunderbird, thunderbird
from tests.running import Postroom

pytestmark = pytest.mark.clients
_PATIENCE = 30  # seconds until the server knows
_OWN = re.compile(rb"\A(X-Mozilla-[^\r\n]*\r?\n)+")  # fields of its own, in its own copy


@pytest.fixture
def client(postroom: Postroom, user: User, home: Home) -> Iterator[Thunderbird]:
    """Thunderbird with an account whose INBOX holds LETTERS."""
    send(postroom, user, LETTERS.values())
    with imap(postroom, user) as session:
        session.create("Work")
        session.subscribe("Work")
    lines = postroom.authority.read_text().splitlines()
    with thunderbird(home.folder) as program:
        program.run(
            "await set_up(args[0])",
            {
                "address": user.address,
                "password": user.password,
                "imaps": postroom.ports["imaps"],
                "submissions": postroom.ports["submissions"],
                "authority": "".join(line for line in lines if not line.startswith("-")),
            },
        )
        yield program


def test_thunderbird(postroom: Postroom, user: User, client: Thunderbird) -> None:
    count = len(LETTERS)
    with imap(postroom, user) as server:
        # The first sight: folders by their uses, and every message as it was sent.
        client.run("await show('INBOX', args[0])", count)
        uses = ["Inbox", "Drafts", "SentMail", "Trash", "Junk", "Archive"]
        names = ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"]
        assert names == client.run(
            "return args[0].map("
            "(use) => root().getFolderWithFlags(Ci.nsMsgFolderFlags[use])?.name)",
            uses,
        )
        found = [base64.b64decode(each) for each in client.run("return await sources('INBOX')")]
        untouched((below_ours(_OWN.sub(b"", each)) for each in found), LETTERS.values())

        # Reading, a star, a tag.
        assert "你好" in client.run("return await open('8 bit')")
        eventually(lambda: flags_of(server, "8 bit") == {"\\Seen"})
        client.run("act('cmd_markAsFlagged')")
        client.run(
            "const [header] = view().getSelectedMsgHdrs();"
            "header.folder.addKeywordsToMessages([header], '$label1')"
        )
        eventually(lambda: flags_of(server, "8 bit") == {"\\Seen", "\\Flagged", "$label1"})

        # To another folder, and to the trash.
        client.run("await open('plain'); act('cmd_moveMessage', folder('Work'))")
        eventually(lambda: messages_in(server, "Work") == 1)
        client.run("await show('Work', 1); await show('INBOX', args[0])", count - 1)
        client.run("await open('dots'); act('cmd_delete')")
        eventually(lambda: messages_in(server, "Trash") == 1)
        client.run("await show('Trash', 1)")
        for mailbox, name in (("Work", "plain"), ("Trash", "dots")):
            server.select(mailbox)
            untouched(map(below_ours, contents(server)), [LETTERS[name]])

        # A search by the server, in words that need a literal.
        words = [["Body", "здравствуйте"], ["Subject", "empty"]]
        assert sorted(client.run("return await search('INBOX', args[0])", words)) == [
            "8 bit",
            "empty body",
        ]

        # Sent: a copy stays, and the message comes by itself, as IDLE tells of it. (A search ends
        # its connection; to show the folder opens it again.)
        client.run("await show('INBOX', args[0])", count - 2)
        client.run("await send(args[0], 'from a person – ü', '<p>Grüße</p>')", user.address)
        client.run("await show('INBOX', args[0])", count - 1)
        assert "Grüße" in client.run("return await open('from a person – ü')")
        client.run("await show('Sent', 1)")
        server.select("Sent")
        assert flags(server) == [{"\\Seen"}]


def flags_of(server: imaplib.IMAP4, subject: str) -> set[str]:
    server.select("INBOX")
    number = server.search(None, f'SUBJECT "{subject}"')[1][0].decode()
    line = server.fetch(number, "(FLAGS)")[1][0]
    assert isinstance(line, bytes)
    return {flag.decode() for flag in imaplib.ParseFlags(line)} - {"\\Recent"}


def messages_in(server: imaplib.IMAP4, mailbox: str) -> int:
    return int(server.select(mailbox)[1][0] or 0)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "the server was not told"
        time.sleep(0.1)
