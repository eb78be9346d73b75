"""An SMTP server for tests that takes mail, or misbehaves in every way we can think of.

In a test::

    with Sink() as sink:
        ...deliver to 127.0.0.1, sink.port...
    assert sink.letters[0].recipients == ["bob@example.net"]

A *rule* decides what happens at each step: it is given the visit, a verb (CONNECT, EHLO, HELO,
STARTTLS, AUTH, MAIL, RCPT, DATA, BDAT, DOT, RSET, NOOP, QUIT) and the command's line, and returns
None for what a good server does, a reply, or one of the actions of `tests.sink_actions`. DOT
comes when all of the content has been read, by DATA or by BDAT. For several rules see `rules`.

As a process of its own, for crash tests and benchmarks::

    python -m tests.sinks --port 2525 --log taken.jsonl --defer 0.1 --lose 0.02 …

It writes each letter to the log, fsynced, before the 250. When a connection ends and nothing came
after a letter's final dot, neither QUIT nor any other command, it writes that too, as
``{"broke_after": name}``: the client need not know that the letter was taken.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sink_actions import Drop, Endless, Last, Letter, Raw, Trickle, Wait
from tests.sink_scram import scram

EXTENSIONS = (
    "PIPELINING",
    "SIZE 50000000",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
)
PLAIN = ("SIZE 50000000",)  # hardly any


Action = str | Drop | Last | Raw | Wait | Trickle | Endless | None
Rule = Callable[["Visit", str, str], Action]


@dataclass
class Visit:
    """One connection, as rules see it."""

    sink: "Sink"
    number: int
    hello: str = ""
    tls: str = ""
    user: str = ""
    sender: str | None = None
    mail: str = ""
    recipients: list[str] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    content: bytes = b""
    taken: int = 0  # letters so far
    unconfirmed: str = ""  # the letter's name, until the client says anything after it

    def forget(self) -> None:
        self.sender, self.mail, self.content = None, "", b""
        self.recipients, self.rcpt = [], []


class Sink:
    """A server in threads. `letters`, `commands` and `visits` say what came."""

    def __init__(
        self,
        rule: Rule | None = None,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        context: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        users: dict[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN SCRAM-SHA-256",
        log: Path | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
        keep: bool = True,
    ) -> None:
        """*context*: offer STARTTLS, or speak TLS from the start (*implicit_tls*)."""
        self.rule = rule
        self.extensions = list(extensions)
        self.context = context
        self.implicit_tls = implicit_tls
        self.users = users
        self.mechanisms = mechanisms
        self.letters: list[Letter] = []
        self.commands: list[str] = []
        self.visits: list[Visit] = []
        self.lock = threading.Lock()
        self.keep = keep  # letters in memory
        self.address = address
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if log else None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[_Server] = set()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Sink":
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(10)
        with self.lock:
            threads, self._threads = self._threads, []
            for server in self._open:
                with suppress(OSError):
                    server.connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond close()."""
        self._closing.wait(seconds)

    def verbs(self) -> list[str]:
        return [line.split(" ")[0].upper() for line in self.commands]

    def record(self, letter: Letter) -> None:
        """Keep it; in the log before anything is said of it."""
        if self._log is not None:
            found = re.search(rb"(?im)^Message-ID:[ \t]*(\S+)", letter.content)
            line = {
                "name": letter.name,
                "from": letter.sender,
                "to": letter.recipients,
                "message_id": found[1].decode("latin-1") if found else "",
                "sha256": hashlib.sha256(letter.content).hexdigest(),
                "octets": len(letter.content),
                "answered": letter.answered,
                "at": time.time(),
            }
            self._write(line)
        with self.lock:
            if self.keep:
                self.letters.append(letter)

    def note_end(self, visit: Visit) -> None:
        if self._log is not None and visit.unconfirmed:
            self._write({"broke_after": visit.unconfirmed})

    def _write(self, line: dict[str, Any]) -> None:
        assert self._log is not None
        os.write(self._log, json.dumps(line).encode() + b"\n")
        os.fsync(self._log)

    def _accept(self) -> None:
        number = 0
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            visit = Visit(self, number)
            number += 1
            server = _Server(self, connection, visit)
            thread = threading.Thread(target=self._serve, args=(server,), daemon=True)
            with self.lock:
                self.visits.append(visit)
                self._open.add(server)
                self._threads = [one for one in self._threads if one.is_alive()]
                self._threads.append(thread)
            thread.start()

    def _serve(self, server: "_Server") -> None:
        try:
            server.serve()
        except (OSError, ValueError, _HangUp):
            pass  # the client has gone, or the sink closes
        finally:
            self.note_end(server.visit)
            server.hang_up()
            with self.lock:
                self._open.discard(server)


class _HangUp(Exception):
    pass


class _Server:
    def __init__(self, sink: Sink, connection: socket.socket, visit: Visit) -> None:
        self.sink = sink
        self.connection = connection
        self.visit = visit
        self.buffer = b""

    def serve(self) -> None:
        if self.sink.implicit_tls:
            self.secure()
        self.answer("CONNECT", "", "220 sink.example ESMTP")
        while True:
            line = self.line()
            self.visit.unconfirmed = ""
            with self.sink.lock:
                self.sink.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "QUIT":
                self.answer(verb, line, "221 2.0.0 Bye")
                return
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.send("502 5.5.1 Unknown command")
            else:
                handler(verb, line)

    def hang_up(self, *, reset: bool = False) -> None:
        with suppress(OSError):
            if reset:
                linger = b"\x01\0\0\0\0\0\0\0"
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    # --- commands ---

    def do_ehlo(self, verb: str, line: str) -> None:
        words = list(self.sink.extensions)
        if self.sink.context is not None and not self.visit.tls:
            words.append("STARTTLS")
        if self.sink.users is not None:
            words.append(f"AUTH {self.sink.mechanisms}")
        lines = ["sink.example", *words]
        text = [f"250{' ' if one is lines[-1] else '-'}{one}" for one in lines]
        self.visit.hello = line[5:]
        self.answer(verb, line, "\r\n".join(text))

    def do_helo(self, verb: str, line: str) -> None:
        self.visit.hello = line[5:]
        self.answer(verb, line, "250 sink.example")

    def do_starttls(self, verb: str, line: str) -> None:
        if self.sink.context is None:
            self.send("502 5.5.1 No TLS here")
            return
        if self.answer(verb, line, "220 2.0.0 Go on").startswith("220"):
            self.secure()

    def do_auth(self, verb: str, line: str) -> None:
        words = line.split(" ")
        mechanism = words[1].upper()
        if mechanism == "PLAIN":
            _, user, password = self.decode(words[2]).split("\0")
            good = self.sink.users is not None and self.sink.users.get(user) == password
        elif mechanism == "LOGIN":
            user, password = self.challenge(b"Username:"), self.challenge(b"Password:")
            good = self.sink.users is not None and self.sink.users.get(user) == password
        else:
            user, good = scram(self.decode(words[2]), self.sink.users or {}, self.challenge)
        if self.answer(verb, line, "235 2.7.0 Welcome" if good else "535 5.7.8 Wrong").startswith(
            "235"
        ):
            self.visit.user = user

    def do_mail(self, verb: str, line: str) -> None:
        path, parameters = _path(line[10:])
        if self.answer(verb, line, "250 2.1.0 Ok").startswith("2"):
            self.visit.sender, self.visit.mail = path, parameters

    def do_rcpt(self, verb: str, line: str) -> None:
        path, parameters = _path(line[8:])
        good = "503 5.5.1 MAIL first" if self.visit.sender is None else "250 2.1.5 Ok"
        if self.answer(verb, line, good).startswith("2"):
            self.visit.recipients.append(path)
            self.visit.rcpt.append(parameters)

    def do_data(self, verb: str, line: str) -> None:
        good = "354 Go on" if self.visit.recipients else "554 5.5.1 No valid recipients"
        if not self.answer(verb, line, good).startswith("354"):
            return
        lines = []
        while (one := self.octets_line()) != b".\r\n":
            assert one.endswith(b"\r\n"), "a bare LF came"
            assert b"\r" not in one[:-2], "a bare CR came"
            lines.append(one[1:] if one.startswith(b".") else one)
        self.visit.content = b"".join(lines)
        self.end_of_content(line, chunked=False)

    def do_bdat(self, verb: str, line: str) -> None:
        words = line.split(" ")
        self.visit.content += self.exactly(int(words[1]))
        last = len(words) == 3 and words[2].upper() == "LAST"
        good = "250 2.0.0 Ok" if self.visit.recipients else "503 5.5.1 No valid recipients"
        if not last or not self.visit.recipients:
            self.answer(verb, line, good)
        else:
            self.end_of_content(line, chunked=True)

    def end_of_content(self, line: str, *, chunked: bool) -> None:
        visit = self.visit
        letter = Letter(
            visit.sender or "",
            list(visit.recipients),
            visit.content,
            visit.mail,
            list(visit.rcpt),
            visit.hello,
            visit.tls,
            visit.user,
            chunked,
            name=f"{visit.number}.{visit.taken}",
        )
        if letter.recipients:
            self.answer("DOT", line, f"250 2.0.0 Taken as {letter.name}", letter)
        else:
            self.send("554 5.5.1 No valid recipients")
        visit.forget()

    def do_rset(self, verb: str, line: str) -> None:
        self.visit.forget()
        self.answer(verb, line, "250 2.0.0 Ok")

    def do_noop(self, verb: str, line: str) -> None:
        self.answer(verb, line, "250 2.0.0 Ok")

    # --- what the rule says ---

    def answer(self, verb: str, line: str, good: str, letter: Letter | None = None) -> str:
        """Do as the rule says; return the reply that the client had, "" for none."""
        rule = self.sink.rule
        action = rule(self.visit, verb, line) if rule is not None else None
        if isinstance(action, Wait):
            self.sink.pause(action.seconds)
            action = None
        reply = good
        if isinstance(action, str):
            reply = action
        elif isinstance(action, Last | Trickle):
            reply = action.reply
        if letter is not None:
            if isinstance(action, Drop):
                letter.answered = False
            if reply.startswith("2") and (not isinstance(action, Drop) or action.taken):
                self.visit.unconfirmed = letter.name
                self.sink.record(letter)
                self.visit.taken += 1
        match action:
            case Drop():
                self.hang_up(reset=action.reset)
                raise _HangUp
            case Last():
                self.send(reply)
                raise _HangUp
            case Raw():
                self.connection.sendall(action.octets)
                return ""
            case Trickle():
                for octet in reply.encode() + b"\r\n":
                    self.connection.sendall(bytes([octet]))
                    self.sink.pause(action.seconds)
            case Endless():
                while not self.sink._closing.is_set():
                    self.connection.sendall(action.line)
                    if action.seconds:
                        self.sink.pause(action.seconds)
                raise _HangUp
            case _:
                self.send(reply)
        return reply

    # --- octets ---

    def send(self, reply: str) -> None:
        self.connection.sendall(reply.encode() + b"\r\n")

    def secure(self) -> None:
        assert self.sink.context is not None
        self.connection = self.sink.context.wrap_socket(self.connection, server_side=True)
        self.visit.tls = self.connection.version() or ""
        self.visit.hello = ""

    def line(self) -> str:
        return self.octets_line().rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def octets_line(self) -> bytes:
        while b"\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.more()
        octets, self.buffer = self.buffer[:count], self.buffer[count:]
        return octets

    def more(self) -> None:
        octets = self.connection.recv(65536)
        if not octets:
            raise _HangUp
        self.buffer += octets

    # --- AUTH ---

    def challenge(self, text: bytes) -> str:
        self.send("334 " + base64.b64encode(text).decode())
        return self.decode(self.line())

    def decode(self, word: str) -> str:
        return base64.b64decode(word).decode()


def _path(text: str) -> tuple[str, str]:
    match = re.match(r"<(.*?)>(?: (.*))?$", text)
    assert match is not None, text
    return match[1], match[2] or ""


# --- rules ----------------------------------------------------------------------------------


def rules(*several: Rule) -> Rule:
    """The first that has something to say decides."""

    def rule(visit: Visit, verb: str, line: str) -> Action:
        for one in several:
            if (action := one(visit, verb, line)) is not None:
                return action
        return None

    return rule


def at(verb: str, action: Action, *, times: int | None = None, match: str = "") -> Rule:
    """Do this at that verb: the first *times* of it, where the line has *match* in it."""
    left = [times]
    lock = threading.Lock()

    def rule(visit: Visit, found: str, line: str) -> Action:
        if found != verb or match not in line:
            return None
        with lock:
            if left[0] is not None:
                if left[0] <= 0:
                    return None
                left[0] -= 1
        return action

    return rule


def greylist(seconds: float) -> Rule:
    """450 for sender and recipient until they have waited since they were first seen."""
    seen: dict[tuple[str, str], float] = {}

    def rule(visit: Visit, verb: str, line: str) -> Action:
        if verb != "RCPT":
            return None
        key = (visit.sender or "", line.split(" ")[1].lower())
        since = seen.setdefault(key, time.monotonic())
        return "450 4.2.0 Greylisted" if time.monotonic() - since < seconds else None

    return rule


def chance(
    seed: int,
    *,
    defer: float = 0.0,
    busy: float = 0.0,
    drop: float = 0.0,
    lose: float = 0.0,
    slow: float = 0.0,
    pause: float = 0.2,
) -> Rule:
    """Faults by chance, each a probability: *defer*: 450 or 451 at RCPT or DOT; *busy*: 421
    anywhere; *drop*: hang up anywhere, nothing taken; *lose*: take the letter and hang up
    instead of 250; *slow*: *pause* seconds before a reply."""
    dice = random.Random(seed)
    lock = threading.Lock()

    def rule(visit: Visit, verb: str, line: str) -> Action:
        with lock:
            throws = [dice.random() for _ in range(5)]
        if verb == "DOT" and throws[0] < lose:
            return Drop(taken=True)
        if throws[1] < drop / 4:  # there are about four steps to a letter
            return Drop(reset=throws[0] < 0.5)
        if throws[2] < busy / 4:
            return Last("421 4.3.2 Too busy")
        if verb in ("RCPT", "DOT") and throws[3] < defer / 2:
            return "451 4.3.0 Not now"
        if throws[4] < slow / 4:
            return Wait(pause)
        return None

    return rule


def refuse(pattern: str, reply: str = "550 5.1.1 No such user") -> Rule:
    """That reply to each RCPT whose line matches the regular expression."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def rule(visit: Visit, verb: str, line: str) -> Action:
        return reply if verb == "RCPT" and compiled.search(line) else None

    return rule


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sinks", description=__doc__)
    add: Any = parser.add_argument
    add("--address", default="127.0.0.1")
    add("--port", type=int, required=True)
    add("--log", type=Path, help="file to append accepted letters to, as JSON lines")
    add("--seed", type=int, default=1)
    for name in ("defer", "busy", "drop", "lose", "slow"):
        add(f"--{name}", type=float, default=0.0, help="probability")
    add("--pause", type=float, default=0.2, help="seconds, of --slow")
    add("--greylist", type=float, default=0.0, help="seconds")
    add("--refuse", default="", help="regular expression: 550 to such recipients")
    add("--extensions", default=",".join(EXTENSIONS), help="EHLO keywords, with commas between")
    add("--cert", type=Path, help="PEM with key and certificates: offers STARTTLS")
    add("--implicit-tls", action="store_true")
    chosen = parser.parse_args(arguments)
    parts = [
        chance(
            chosen.seed,
            defer=chosen.defer,
            busy=chosen.busy,
            drop=chosen.drop,
            lose=chosen.lose,
            slow=chosen.slow,
            pause=chosen.pause,
        )
    ]
    if chosen.greylist:
        parts.append(greylist(chosen.greylist))
    if chosen.refuse:
        parts.insert(0, refuse(chosen.refuse))
    context = None
    if chosen.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chosen.cert)
    sink = Sink(
        rules(*parts),
        extensions=[word for word in chosen.extensions.split(",") if word],
        context=context,
        implicit_tls=chosen.implicit_tls,
        log=chosen.log,
        address=chosen.address,
        port=chosen.port,
        keep=False,
    )
    with sink:
        print(f"listening on {sink.address} port {sink.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
