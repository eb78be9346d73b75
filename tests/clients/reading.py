"""Puts messages into a mailbox, and reads a mailbox, with Python's own clients."""

import imaplib
import smtplib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.clients.conftest import User
from tests.running import Postroom

_PATIENCE = 30  # seconds from the 250 to the mailbox


@contextmanager
def imap(postroom: Postroom, user: User) -> Iterator[imaplib.IMAP4_SSL]:
    """A session with INBOX selected."""
    port = postroom.ports["imaps"]
    client = imaplib.IMAP4_SSL("localhost", port, ssl_context=postroom.trust(), timeout=30)
    with client:
        client.login(user.address, user.password)
        client.select("INBOX")
        yield client


def send(postroom: Postroom, user: User, letters: Iterable[bytes]) -> None:
    """Send each to the user, and wait until all are in the mailbox."""
    count = 0
    with smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client:
        client.starttls(context=postroom.trust())
        for letter in letters:
            client.sendmail("alice@elsewhere.test", [user.address], letter, ["BODY=8BITMIME"])
            count += 1
    inbox(postroom, user, count)


def inbox(postroom: Postroom, user: User, count: int) -> list[bytes]:
    """What is in INBOX as soon as there are *count* messages, by UID."""
    deadline = time.monotonic() + _PATIENCE
    with imap(postroom, user) as client:
        while int(client.select("INBOX")[1][0] or 0) < count:
            assert time.monotonic() < deadline, f"{count} messages did not come"
            time.sleep(0.05)
        return contents(client)


def contents(client: imaplib.IMAP4) -> list[bytes]:
    """Every message of the selected mailbox."""
    found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    return [part[1] for part in found if isinstance(part, tuple)]


def flags(client: imaplib.IMAP4) -> list[set[str]]:
    """The flags of each message of the selected mailbox, without \\Recent."""
    found = client.uid("FETCH", "1:*", "(FLAGS)")[1]
    return [
        {flag.decode() for flag in imaplib.ParseFlags(line)} - {"\\Recent"}
        for line in found
        if isinstance(line, bytes)
    ]
