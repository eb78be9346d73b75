"""The contract of postroom.platform.resolver.Resolver, over real datagrams from a server here."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from postroom.platform.dns import DnsResolver
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType

ZONE = {
    ("example.test.", "MX"): ["10 mx1.example.test.", "20 mx2.example.test."],
    ("example.test.", "TXT"): ['"v=spf1 " "-all"'],
    ("mx1.example.test.", "A"): ["192.0.2.1"],
    ("_25._tcp.mx1.example.test.", "TLSA"): ["3 1 1 " + "ab" * 32],
}
SIGNED = {"_25._tcp.mx1.example.test."}


class Server:
    """Answers from ZONE; fails for names under ``broken.test``, is silent under ``silent.test``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            wire, peer = self._socket.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            name = query.question[0].name.to_text()
            if name.endswith("silent.test."):
                continue
            self._socket.sendto(self._reply(query, name).to_wire(), peer)

    def _reply(self, query: dns.message.Message, name: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        if name.endswith("broken.test."):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif records := ZONE.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(name, 600, "IN", kind, *records))
            if name in SIGNED:
                reply.flags |= dns.flags.AD
        elif not any(name == known for known, _ in ZONE):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def resolver() -> Iterator[DnsResolver]:
    server = Server()
    yield DnsResolver(timeout=0.5, servers=("127.0.0.1",), port=server.port)
    server.close()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param(
            "example.test",
            "MX",
            Answer(("10 mx1.example.test.", "20 mx2.example.test."), ttl=600),
            id="several records",
        ),
        pytest.param(
            "example.test.", "TXT", Answer(("v=spf1 -all",), ttl=600), id="strings joined"
        ),
        pytest.param(
            "_25._tcp.mx1.example.test",
            "TLSA",
            Answer(("3 1 1 " + "ab" * 32,), validated=True, ttl=600),
            id="validated",
        ),
    ],
)
def test_answers(resolver: DnsResolver, name: str, kind: RecordType, expected: Answer) -> None:
    found = resolver.query(name, kind)
    assert sorted(found.records) == sorted(expected.records)
    assert (found.exists, found.validated, found.ttl) == (True, expected.validated, expected.ttl)


def test_a_name_without_such_records_exists(resolver: DnsResolver) -> None:
    found = resolver.query("mx1.example.test", "MX")
    assert (found.records, found.exists) == ((), True)


def test_a_name_that_does_not_exist(resolver: DnsResolver) -> None:
    found = resolver.query("nowhere.test", "A")
    assert (found.records, found.exists) == ((), False)


@pytest.mark.parametrize("name", ["broken.test", "silent.test", "a" * 64 + ".test", "a..test"])
def test_no_usable_answer(resolver: DnsResolver, name: str) -> None:
    with pytest.raises(DnsUnavailable):
        resolver.query(name, "A")
