"""What IMAP servers say, as values: enough of RFC 9051 section 9 to compare two of them.

A string, quoted or literal, is ``bytes``; a list is ``list``; NIL is ``None``; a number is ``int``;
any other atom is ``str``, in capitals. So it does not matter how a server writes a value.
"""

import re
import socket
from typing import TypeAlias

Value: TypeAlias = "bytes | int | str | list[Value] | None"

_TOKEN = re.compile(
    rb'(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|~?\{(?P<literal>\d+)\}\r\n'
    rb'|(?P<atom>(?:[^ ()"{\[\]]|\[[^\]]*\])+)|(?P<space> )',
    re.DOTALL,
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def parse(octets: bytes) -> list[Value]:
    """Return the values in *octets*, which is a response without its last CRLF."""
    stack: list[list[Value]] = [[]]
    at = 0
    while at < len(octets):
        match = _TOKEN.match(octets, at)
        assert match is not None, octets[max(at - 40, 0) : at + 40]
        at = match.end()
        if match.lastgroup == "open":
            stack.append([])
        elif match.lastgroup == "close":
            done = stack.pop()
            stack[-1].append(done)
        elif match.lastgroup == "quoted":
            stack[-1].append(_PAIR.sub(rb"\1", match["quoted"]))
        elif match.lastgroup == "literal":
            size = int(match["literal"])
            stack[-1].append(octets[at : at + size])
            at += size
        elif match.lastgroup == "atom":
            stack[-1].append(_atom(match["atom"]))
    assert len(stack) == 1, octets[:80]
    return stack[0]


def _atom(octets: bytes) -> Value:
    if octets.isdigit():
        return int(octets)
    atom = octets.decode().upper()
    return None if atom == "NIL" else atom


class Client:
    """Commands and their responses, octets as they are: imaplib would mend line ends."""

    def __init__(self, port: int, name: str, password: str, patience: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        assert self._response().startswith(b"* OK")
        self.ask(b'LOGIN %b "%b"' % (name.encode(), password.encode()))

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: bytes, literal: bytes | None = None) -> list[bytes]:
        """Return the untagged responses; the command must succeed."""
        responses, done = self.try_to(command, literal)
        assert done.startswith(b"OK"), (command, done)
        return responses

    def try_to(self, command: bytes, literal: bytes | None = None) -> tuple[list[bytes], bytes]:
        """Return the untagged responses, and the tagged one without its tag."""
        if literal is not None:
            command += b" {%d+}\r\n" % len(literal)
        self._socket.sendall(b"t " + command)
        self._socket.sendall((literal or b"") + b"\r\n")
        responses = []
        while not (response := self._response()).startswith(b"t "):
            responses.append(response)
        return responses, response[2:]

    def fetch(self, items: bytes, numbers: bytes = b"1:*") -> dict[int, dict[str, Value]]:
        """Return what FETCH says, by sequence number and item."""
        found: dict[int, dict[str, Value]] = {}
        for response in self.ask(b"FETCH %b %b" % (numbers, items)):
            _, number, kind, *rest = parse(response)
            if kind == "FETCH" and isinstance(number, int) and isinstance(rest[0], list):
                names = [str(name) for name in rest[0][::2]]
                found[number] = dict(zip(names, rest[0][1::2], strict=True))
        return found

    def _response(self) -> bytes:
        pieces = []
        while True:
            line = self._file.readline()
            assert line.endswith(b"\r\n"), line
            match = re.search(rb"\{(\d+)\}\r\n\Z", line)
            if match is None:
                return b"".join([*pieces, line[:-2]])
            pieces += [line, self._file.read(int(match[1]))]
