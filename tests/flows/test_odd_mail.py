"""The shape of real mail: every odd message of the corpus goes in, and comes out octet for octet.

All of them travel together, once for the module; the tests look at what came out.
"""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroom.message.surrogate import surrogate
from tests.contracts.conftest import embedded
from tests.corpus import DIFFERS, odd_messages
from tests.flows.dovecot import CAN_RUN, dovecot
from tests.flows.house import DOMAIN, PASSWORD, House, below_ours, opened
from tests.imap_data import Client, Value

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ID = re.compile(r" id (\S+)\s")
_LARGE = {"25 MB": "SMTP", "10 MB in one line": "APPEND"}  # each goes one way only


@dataclass
class Box:
    """What one user has: names of messages, in the order of the mailbox."""

    names: list[str] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)  # BODY[]
    octets: list[bytes] = field(default_factory=list)  # as they are kept
    said: list[dict[str, Value]] = field(default_factory=list)  # ENVELOPE and so on


@dataclass
class Travelled:
    house: House
    messages: dict[str, bytes]
    refused: dict[str, tuple[int, bytes]]  # by SMTP
    by_smtp: Box
    by_append: Box


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory, tls_folder: Path) -> Iterator[Travelled]:
    messages = dict(odd_messages())
    with embedded(tmp_path_factory.mktemp("odd")) as world, opened(world, tls_folder) as house:
        house.domain()
        house.account("alice")
        house.account("bob")
        queue_ids, refused = _send(house, messages)
        assert house.deliver() == set()
        by_append = _append(house, messages)
        by_smtp = Box(shown=_bodies(house, "alice"))
        for octets in by_smtp.shown:
            ours, _ = below_ours(octets)
            found = _ID.search(ours["Received"])
            assert found is not None
            by_smtp.names.append(queue_ids[found[1]])
        by_append.shown = _bodies(house, "bob")
        for box in (by_smtp, by_append):
            for name, octets in zip(box.names, box.shown, strict=True):
                ours = octets[: len(octets) - len(messages[name])]
                box.octets.append(ours + messages[name])
        for name, box in (("alice", by_smtp), ("bob", by_append)):
            box.said = _said(house.ports["imap"], f"{name}@{DOMAIN}")
        yield Travelled(house, messages, refused, by_smtp, by_append)


def _send(
    house: House, messages: dict[str, bytes]
) -> tuple[dict[str, str], dict[str, tuple[int, bytes]]]:
    """Send by DATA what can be, by BDAT what lacks a last line end and every third one."""
    queue_ids: dict[str, str] = {}
    refused: dict[str, tuple[int, bytes]] = {}
    with house.smtp() as client:
        for number, (name, octets) in enumerate(messages.items()):
            if _LARGE.get(name) == "APPEND":
                continue
            client.mail("sender@elsewhere.test")
            client.rcpt(f"alice@{DOMAIN}")
            if octets.endswith(b"\r\n") and number % 3:
                code, answer = client.data(octets)
            else:
                client.send(b"BDAT %d LAST\r\n" % len(octets) + octets)
                code, answer = client.getreply()
            if code == 250:
                queue_ids[answer.decode().rsplit(" ", 1)[1]] = name
            else:
                refused[name] = (code, answer)
    return queue_ids, refused


def _append(house: House, messages: dict[str, bytes]) -> Box:
    box = Box()
    client = Client(house.ports["imap"], f"bob@{DOMAIN}", PASSWORD)
    for name, octets in messages.items():
        if _LARGE.get(name) != "SMTP":
            client.ask(b"APPEND INBOX", octets)
            box.names.append(name)
    client.close()
    return box


def _bodies(house: House, name: str) -> list[bytes]:
    client = Client(house.ports["imap"], f"{name}@{DOMAIN}", PASSWORD)
    client.ask(b"SELECT INBOX")
    found = client.fetch(b"BODY.PEEK[]")
    client.close()
    bodies = [said["BODY[]"] for said in found.values()]
    return [body for body in bodies if isinstance(body, bytes)]


def _said(port: int, name: str) -> list[dict[str, Value]]:
    client = Client(port, name, PASSWORD)
    client.ask(b"SELECT INBOX")
    found = client.fetch(b"(RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)")
    client.close()
    return [found[number] for number in sorted(found)]


def test_smtp_takes_all_but_bare_line_ends(travelled: Travelled) -> None:
    bare = {name for name, octets in travelled.messages.items() if _BARE.search(octets)}
    assert set(travelled.refused) == bare
    assert set(travelled.refused.values()) == {(550, b"5.6.11 Bare CR or LF in the message")}
    sent = set(travelled.messages) - bare - {"10 MB in one line"}
    assert set(travelled.by_smtp.names) == sent
    assert len(travelled.by_smtp.names) == len(sent) > 450


def test_append_takes_everything(travelled: Travelled) -> None:
    # NUL too, which RFC 9051 allows only in literal8: what other servers kept must come along.
    assert travelled.by_append.names == [name for name in travelled.messages if name != "25 MB"]


def test_every_message_comes_out_of_imap_octet_for_octet(travelled: Travelled) -> None:
    # But for NUL, which no literal may hold (RFC 9051 section 4.3.1): it is shown as Dovecot does.
    shown = {name: octets.replace(b"\0", b"\x80") for name, octets in travelled.messages.items()}
    for name, octets in zip(travelled.by_smtp.names, travelled.by_smtp.shown, strict=True):
        assert below_ours(octets)[1] == shown[name], name
    for name, octets in zip(travelled.by_append.names, travelled.by_append.shown, strict=True):
        assert octets == shown[name], name
    for box in (travelled.by_smtp, travelled.by_append):
        assert [said["RFC822.SIZE"] for said in box.said] == [len(one) for one in box.octets]


@pytest.mark.parametrize("utf8", [True, False], ids=["UTF8", "ASCII"])
@pytest.mark.parametrize("user", ["alice", "bob"])
def test_every_message_comes_out_of_pop3_octet_for_octet(
    travelled: Travelled, user: str, utf8: bool
) -> None:
    box = travelled.by_smtp if user == "alice" else travelled.by_append
    with socket.create_connection(("127.0.0.1", travelled.house.ports["pop3"]), 60) as sock:
        file = sock.makefile("rwb")

        def ask(line: str) -> None:
            file.write(line.encode() + b"\r\n")
            file.flush()
            assert (answer := file.readline()).startswith(b"+OK"), answer

        assert file.readline().startswith(b"+OK")
        if utf8:
            ask("UTF8")
        ask(f"USER {user}@{DOMAIN}")
        ask(f"PASS {PASSWORD}")
        for number, (name, octets) in enumerate(zip(box.names, box.octets, strict=True), start=1):
            if _BARE.search(octets):
                continue  # POP3 has lines only: line ends are mended
            ask(f"RETR {number}")
            lines = []
            while (line := file.readline()) != b".\r\n":
                assert line.endswith(b"\r\n")
                lines.append(line[1:] if line.startswith(b".") else line)
            whole = octets if utf8 else surrogate(octets)
            whole = whole if whole.endswith(b"\r\n") else whole + b"\r\n"
            assert b"".join(lines) == whole, name
        ask("QUIT")
        file.close()


@pytest.mark.skipif(not CAN_RUN, reason="needs root and Debian's dovecot-imapd")
@pytest.mark.parametrize("way", ["SMTP", "APPEND"])
def test_dovecot_says_the_same(travelled: Travelled, way: str) -> None:
    box = travelled.by_smtp if way == "SMTP" else travelled.by_append
    with dovecot() as port:
        client = Client(port, way.lower(), "any")
        for octets in box.octets:
            client.ask(b"APPEND INBOX", octets)
        client.close()
        theirs = _said(port, way.lower())
    different: dict[str, dict[str, tuple[Value, Value]]] = {}
    for name, ours, other in zip(box.names, box.said, theirs, strict=True):
        for item in ("ENVELOPE", "BODY", "BODYSTRUCTURE"):
            if ours[item] != other[item]:
                different.setdefault(name, {})[item] = (ours[item], other[item])
    assert {name: said for name, said in different.items() if name not in DIFFERS} == {}
    if way == "APPEND":
        assert set(DIFFERS) - set(different) == set()  # else the list is out of date
