"""How fast a client reads a folder of 10,000 messages for the first time, and again.

    python -m bench.imap_sync [--messages N] [--octets N] [--port P --user U --password S]

Without ``--port`` it fills a store in a temporary folder and runs our IMAP server on it, in a
process of its own; with it, any server on this machine whose INBOX holds the messages already.
The client does no more than look for the tagged reply, so that the server is what is measured.
"""

import argparse
import asyncio
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from gateway.crossing import Crossing
from gateway.imap.server import make_imap
from gateway.login import Login
from gateway.settings import GatewaySettings
from postroom.app import App, build
from postroom.directory.records import Domain
from postroom.mailboxes.records import Delivery, NewMessage
from postroom.message.summary import summarise
from postroom.platform.blobs import BlobKey

USER, PASSWORD = "bench@example.test", "bench password"
_LONGEST = 2000  # octets of a tagged reply: that of LOGIN has the capabilities
PHASES = (
    ("FLAGS UID RFC822.SIZE ENVELOPE, first", "FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)"),
    ("FLAGS UID RFC822.SIZE ENVELOPE, again", "FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)"),
    ("BODYSTRUCTURE", "FETCH 1:* (UID BODYSTRUCTURE)"),
    ("HEADER.FIELDS, first", "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])"),
    ("UID FLAGS", "FETCH 1:* (UID FLAGS)"),
    ("BODY.PEEK[]", "FETCH 1:* (BODY.PEEK[])"),
    ("SEARCH UNSEEN", "SEARCH UNSEEN"),
    ("STORE +FLAGS.SILENT", "STORE 1:* +FLAGS.SILENT (\\Seen)"),
)


def message(number: int, octets: int) -> bytes:
    head = (
        f"Return-Path: <sender{number}@example.org>\r\n"
        f"Received: from mail.example.org by mx.example.test with ESMTPS id {number:08}\r\n"
        "\tfor <bench@example.test>; Mon, 1 Jan 2024 10:00:00 +0000\r\n"
        f"From: Sender Number {number} <sender{number}@example.org>\r\n"
        "To: Bench Mark <bench@example.test>\r\nCc: Somebody Else <else@example.test>\r\n"
        f"Subject: Message {number} of a folder that a client reads for the first time\r\n"
        f"Date: Mon, 1 Jan 2024 10:{number // 60 % 60:02}:{number % 60:02} +0000\r\n"
        f"Message-ID: <{number}.bench@example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode()
    line = b"All work and no play makes a dull benchmark, so here are some words.\r\n"
    return (head + line * (octets // len(line) + 1))[: octets - 2] + b"\r\n"


def fill(app: App, messages: int, octets: int) -> None:
    app.directory.add_domain(Domain("example.test"))
    account = app.directory.add_account(USER, PASSWORD).id
    app.mailboxes.create_account(account)
    inbox = app.mailboxes.find(account, "INBOX").id
    for start in range(0, messages, 90):
        new = []
        stored = []
        for number in range(start, min(start + 90, messages)):
            body = message(number, octets)
            key = BlobKey(f"bench-{number}")
            stored.append(app.blobs.put_soon(key, body))
            new.append(NewMessage(key, summarise(body), 1704103200 + number))
        for future in stored:
            future.result()
        app.mailboxes.append_many([Delivery(account, inbox, new)])


def serve(data: str, port: int) -> None:
    async def run() -> None:
        app = build({"POSTROOM_DATA": data})
        crossing = Crossing(app)
        login = Login(app.directory, crossing, app.clock)
        settings = GatewaySettings(plaintext_on_loopback=True)
        server = make_imap(app, settings, crossing, login, None, implicit=False)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(server, "127.0.0.1", port)
        await listening.serve_forever()

    uvloop.run(run())


class Client:
    def __init__(self, port: int) -> None:
        self._socket = _connect(port)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.recv(4096)

    def ask(self, command: str) -> int:
        """Send the command; read up to its tagged reply. Returns the octets read."""
        self._socket.sendall(f"t {command}\r\n".encode())
        total, end = 0, b""
        buffer = bytearray(1 << 20)
        while True:
            count = self._socket.recv_into(buffer)
            if not count:
                raise ConnectionError(f"the server left during {command}")
            total += count
            end = (end + buffer[max(0, count - _LONGEST) : count])[-_LONGEST:]
            if end.endswith(b"\r\n"):
                last = end[:-2].rpartition(b"\r\n")[2]
                if last.startswith(b"t "):
                    if not last.startswith(b"t OK"):
                        raise ConnectionError(f"{command}: {last!r}")
                    return total


def _connect(port: int) -> socket.socket:
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise ConnectionError(f"nobody listens on {port}")


def measure(port: int, user: str, password: str, messages: int) -> None:
    client = Client(port)
    started = time.perf_counter()
    client.ask(f'LOGIN {user} "{password}"')
    print(f"{'login':42} {1000 * (time.perf_counter() - started):10.1f} ms")
    for name in ("SELECT first", "SELECT again"):
        started = time.perf_counter()
        client.ask("SELECT INBOX")
        print(f"{name:42} {1000 * (time.perf_counter() - started):10.2f} ms")
    for name, command in PHASES:
        started = time.perf_counter()
        octets = client.ask(command)
        took = time.perf_counter() - started
        print(f"{name:42} {messages / took:10,.0f} messages/s {octets / took / 1e6:8.0f} MB/s")


@contextmanager
def ours(messages: int, octets: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        app = build({"POSTROOM_DATA": folder})
        fill(app, messages, octets)
        app.platform.close()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, port))
        process.start()
        try:
            yield port
            memory = Path(f"/proc/{process.pid}/status").read_text()
            peak = next(line for line in memory.splitlines() if line.startswith("VmHWM"))
            print(f"{'server, highest memory':42} {peak.split()[1]:>10} kB")
        finally:
            process.terminate()
            process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="First sync of a folder over IMAP.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--port", type=int, help="a server that is there already")
    parser.add_argument("--user", default=USER)
    parser.add_argument("--password", default=PASSWORD)
    given = parser.parse_args()
    if given.port:
        measure(given.port, given.user, given.password, given.messages)
        return
    with ours(given.messages, given.octets) as port:
        measure(port, USER, PASSWORD, given.messages)


if __name__ == "__main__":
    main()
