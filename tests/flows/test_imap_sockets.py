"""IMAP as a client on a socket sees it: TLS, time-outs, slow readers, the server's leaving."""

import asyncio
import imaplib
import multiprocessing
import select
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from postroom.app import build
from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey
from tests.conversations.imap_world import PASSWORD, World, new_data
from tests.flows.imap_ports import Ports, ports

ALICE = "alice@example.test"
Serve = Callable[..., AbstractContextManager[Ports]]


@pytest.fixture
def serve(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    shared = tmp_path_factory.getbasetemp()
    return lambda **limits: ports(shared, tmp_path, **limits)


@pytest.fixture
def served(serve: Serve) -> Iterator[Ports]:
    with serve() as found:
        yield found


def secure(served: Ports) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("127.0.0.1", served.imaps, ssl_context=served.authority)
    client.login(ALICE, PASSWORD)
    return client


def said(sock: socket.socket, until: bytes, seconds: float = 5) -> bytes:
    """Everything until the octets have come, or the connection has ended."""
    sock.settimeout(seconds)
    found = b""
    while until not in found:
        more = sock.recv(65536)
        if not more:
            break
        found += more
    return found


def literal(client: imaplib.IMAP4, number: int, items: str) -> tuple[bytes, bytes]:
    """The line that announces the literal, and its octets."""
    found = client.fetch(str(number), items)[1][0]
    assert isinstance(found, tuple)
    return found


def test_a_password_waits_for_tls(served: Ports) -> None:
    client = imaplib.IMAP4("127.0.0.1", served.imap)
    assert "LOGINDISABLED" in client.capabilities
    assert "STARTTLS" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        client.login(ALICE, PASSWORD)
    client.starttls(served.authority)
    assert "STARTTLS" not in client.capabilities
    assert "AUTH=PLAIN" in client.capabilities
    client.login(ALICE, PASSWORD)
    client.logout()


def test_nothing_is_smuggled_behind_starttls(served: Ports) -> None:
    with socket.create_connection(("127.0.0.1", served.imap)) as sock:
        said(sock, b"\r\n")
        sock.sendall(b"a1 STARTTLS\r\na2 LOGIN alice@example.test secret\r\n")
        answer = said(sock, b"never")  # to the end of the connection
    assert answer.startswith(b"* BYE")
    assert b"a2" not in answer


def test_a_failed_handshake_ends_the_connection(served: Ports) -> None:
    with socket.create_connection(("127.0.0.1", served.imap)) as sock:
        said(sock, b"\r\n")
        sock.sendall(b"a1 STARTTLS\r\n")
        said(sock, b"a1 OK")
        sock.sendall(b"this is no ClientHello\r\n" * 10)
        with suppress(ConnectionError):
            assert b"OK" not in said(sock, b"never")
    secure(served).logout()


def test_nothing_is_said_in_a_long_handshake(serve: Serve) -> None:
    """That a command takes long is told in between, but not amid the octets of TLS (RFC 9585)."""
    with (
        serve(progress_seconds=0.1) as served,
        socket.create_connection(("127.0.0.1", served.imap)) as sock,
    ):
        said(sock, b"\r\n")
        sock.sendall(b"a1 STARTTLS\r\n")
        said(sock, b"\r\n")
        time.sleep(0.5)
        with served.authority.wrap_socket(sock, server_hostname="127.0.0.1") as secured:
            secured.sendall(b"a2 NOOP\r\n")
            assert said(secured, b"\r\n") == b"a2 OK NOOP completed\r\n"


def test_messages_come_back_octet_by_octet(served: Ports) -> None:
    bodies = [
        b"Subject: a\r\n\r\nb\r\n",
        b"\r\n\r\n",
        b"no header at all",
        b"Subject: bare\n\nline\nends\n",
        b"Subject: NUL\r\n\r\n\x00\xff" + bytes(range(256)) * 40,
        b"Subject: " + b"x" * 100_000 + b"\r\n\r\nlong line",
        b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 150_000,  # 2.7 MB: a draft, streamed
    ]
    client = secure(served)
    for body in bodies:
        # imaplib would turn bare LF into CRLF: send the literal as it is.
        client.send(b"x APPEND INBOX {%d}\r\n" % len(body))
        assert client.readline().startswith(b"+")
        client.send(body + b"\r\n")
        assert client.readline().startswith(b"x OK [APPENDUID")
    client.select("INBOX")
    for number, body in enumerate(bodies, 1):
        head, octets = literal(client, number, "(RFC822.SIZE BODY.PEEK[])")
        body = body.replace(b"\0", b"\x80")  # no literal may hold it (RFC 9051 section 4.3.1)
        assert octets == body
        assert b"RFC822.SIZE %d " % len(body) in head
        _, octets = literal(client, number, "(BODY.PEEK[]<5.1000000>)")
        assert octets == body[5:1_000_005]
    client.logout()


def test_delivery_wakes_an_idling_client_at_once(served: Ports) -> None:
    client = secure(served)
    client.select("INBOX")
    client.send(b"i IDLE\r\n")
    assert client.readline().startswith(b"+")
    delays = []
    for number in range(1, 21):
        started = time.perf_counter()
        served.world.deliver(b"Subject: news\r\n\r\n")
        assert client.readline() == b"* %d EXISTS\r\n" % number
        delays.append(time.perf_counter() - started)
        client.readline()  # RECENT
    assert sorted(delays)[len(delays) // 2] < 0.5
    client.send(b"DONE\r\n")
    assert client.readline().startswith(b"i OK")
    client.logout()


def test_a_silent_client_hears_of_all_its_mailboxes(served: Ports) -> None:
    client, other = secure(served), secure(served)
    client.select("INBOX")
    client.send(
        b"n NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) "
        b"(personal (MessageNew MessageExpunge MailboxName))\r\n"
    )
    assert client.readline().startswith(b"n OK")
    delays = []
    for number in range(1, 21):
        started = time.perf_counter()
        served.world.deliver(b"Subject: news\r\n\r\n")
        assert client.readline() == b"* %d EXISTS\r\n" % number
        delays.append(time.perf_counter() - started)
        client.readline()  # RECENT
        assert client.readline() == b"* %d FETCH (UID %d)\r\n" % (number, number)
        served.world.deliver(b"Subject: news\r\n\r\n", "Sent")
        assert client.readline().startswith(b'* STATUS "Sent" (MESSAGES %d ' % number)
    assert sorted(delays)[len(delays) // 2] < 0.5
    other.create("new")
    assert client.readline() == b'* LIST (\\HasNoChildren) "/" "new"\r\n'
    for leaving in (client, other):
        leaving.logout()


def deliver_elsewhere(data: str) -> None:
    """In another process, as a function worker does it."""
    app = build({"POSTROOM_DATA": data})
    octets = b"Subject: from afar\r\n\r\n"
    app.blobs.put(BlobKey("afar"), octets)
    account = app.directory.account(ALICE)
    assert account is not None
    inbox = app.mailboxes.find(account.id, "INBOX").id
    app.mailboxes.append(account.id, inbox, [NewMessage(BlobKey("afar"), summarise(octets), 0)])
    app.platform.close()


def test_another_process_wakes_an_idling_client(served: Ports, tmp_path: Path) -> None:
    client = secure(served)
    client.select("INBOX")
    client.send(b"i IDLE\r\n")
    assert client.readline().startswith(b"+")
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=deliver_elsewhere, args=(str(tmp_path / "data"),))
    worker.start()
    client.sock.settimeout(30)  # a new interpreter has to start first
    assert client.readline() == b"* 1 EXISTS\r\n"
    worker.join(30)
    assert worker.exitcode == 0
    client.shutdown()


def test_a_slow_reader_costs_nobody_else_anything(served: Ports) -> None:
    """A client asks for 60 MB and does not read: memory stays bounded, others are served."""
    large = b"Subject: large\r\n\r\n" + b"x" * 78 * 1000 + b"\r\n"
    for _ in range(20):
        served.world.deliver(large)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        raw.connect(("127.0.0.1", served.imaps))
        with served.authority.wrap_socket(raw) as sock:
            said(sock, b"\r\n")
            sock.sendall(b"a LOGIN alice@example.test secret\r\nb SELECT INBOX\r\n")
            said(sock, b"b OK")
            sock.sendall(b"".join(b"c%d FETCH 1:* BODY.PEEK[]\r\n" % n for n in range(40)))
            time.sleep(0.3)
            other = secure(served)
            started = time.perf_counter()
            assert other.select("INBOX")[0] == "OK"
            assert time.perf_counter() - started < 2
            waiting = [
                member._transport.get_write_buffer_size()  # type: ignore[attr-defined]
                for member in list(served.world.server._service._members)
            ]
            assert max(waiting) < 2 * 1024 * 1024
            octets = 0
            sock.settimeout(20)
            while octets < 40 * 20 * len(large):
                octets += len(sock.recv(1 << 20))
            other.logout()


def test_clocks(serve: Serve) -> None:
    with serve(login_seconds=2, idle_seconds=3) as served:
        client = secure(served)
        with socket.create_connection(("127.0.0.1", served.imap)) as stranger:
            said(stranger, b"\r\n")
            stranger.sendall(b"a NOOP\r\n")  # talking does not buy a stranger time
            assert b"BYE Autologout" in said(stranger, b"never")
        assert client.noop()[0] == "OK"
        time.sleep(1.6)
        assert client.noop()[0] == "OK"  # it does for a user
        started = time.monotonic()
        assert b"BYE Autologout" in client.readline()
        assert 2 < time.monotonic() - started < 10
        client.shutdown()


def test_too_many_connections(serve: Serve) -> None:
    with serve(connections=2) as served:
        first = secure(served)
        second = secure(served)
        with pytest.raises(imaplib.IMAP4.error, match="Too many"):
            imaplib.IMAP4("127.0.0.1", served.imap)
        first.logout()
        time.sleep(0.2)
        third = secure(served)
        second.logout()
        third.logout()


def test_the_server_says_goodbye(serve: Serve) -> None:
    with serve() as served:
        client = secure(served)
        client.select("INBOX")
        client.send(b"i IDLE\r\n")
        client.readline()
    assert client.readline() == b"* BYE Shutting down\r\n"
    assert client.readline() == b""
    client.shutdown()


def test_commands_before_half_close_are_answered(served: Ports) -> None:
    with socket.create_connection(("127.0.0.1", served.imap)) as sock:
        sock.sendall(b"a CAPABILITY\r\nb NOOP\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b"b OK NOOP completed\r\n" in said(sock, b"never")


def test_a_message_cut_off_is_not_kept(served: Ports) -> None:
    client = secure(served)
    client.send(b"x APPEND INBOX {600000}\r\n")
    assert client.readline().startswith(b"+")
    client.send(b"y" * 500_000)
    client.shutdown()
    again = secure(served)
    assert again.select("INBOX") == ("OK", [b"0"])
    again.logout()


def test_replies_of_a_batch_go_out_together(served: Ports) -> None:
    """One write for pipelined commands: a reply in two segments waits 40 ms on a LAN."""
    with socket.create_connection(("127.0.0.1", served.imap)) as sock:
        said(sock, b"\r\n")
        sock.sendall(b"".join(b"a%d NOOP\r\n" % n for n in range(50)))
        select.select([sock], [], [], 5)
        assert sock.recv(65536).count(b"OK NOOP") == 50


def test_an_idle_session_is_small(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The budget is 100 KB a session, TLS included, which takes about 50."""

    async def measure() -> float:
        world = World(new_data(tmp_path_factory.getbasetemp(), tmp_path))
        for _ in range(1000):
            world.deliver(b"Subject: one of many\r\n\r\n")
        clients = [await world.client("INBOX")]
        tracemalloc.start()
        for _ in range(50):
            clients.append(await world.client("INBOX"))
            await clients[-1].send(b"i IDLE\r\n")
            await clients[-1].wait(lambda new: b"idling" in new)
            clients[-1].transport.sent = bytearray()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await world.close()
        return size / 50

    assert asyncio.run(measure()) < 20_000
