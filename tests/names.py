"""An authoritative name server on loopback, UDP and TCP, for tests: zones given as text.

    with NameServer(ZONE) as names:
        resolver = names.resolver()

ZONE is a master file with absolute names; ``names.zone(...)`` replaces it. Names may be made to
fail: ``names.fail("mx.example.test", "A")`` answers SERVFAIL, ``names.silence(...)`` nothing at
all, ``names.truncate(...)`` an empty UDP answer with TC. ``names.sign("example.test")`` sets the
AD bit for all names there, as a validating resolver does: what *real* DNSSEC needs is in
`tests.signed_names`. ``names.asked`` lists the questions.
"""

import socketserver
import threading
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

from postroom.platform.dns import DnsResolver

_SOA = "ns.test. root.test. 1 3600 600 86400 {minimum}"
_ATTEMPTS = 20  # to find a port that is free for UDP and TCP
ANY = "ANY"


class NameServer:
    def __init__(self, zone: str = "", ttl: int = 600, address: str = "127.0.0.1") -> None:
        self.address = address
        self.ttl = ttl
        self.negative_ttl = 60
        self.asked: list[tuple[str, str]] = []
        self._records: dict[tuple[dns.name.Name, int], dns.rrset.RRset] = {}
        self._failing: set[tuple[dns.name.Name, str]] = set()
        self._silent: set[tuple[dns.name.Name, str]] = set()
        self._truncated: set[tuple[dns.name.Name, str]] = set()
        self._signed: set[dns.name.Name] = set()
        self.zone(zone)
        self._udp, self._tcp = self._bound()
        self.port: int = self._udp.server_address[1]
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            for server in (self._udp, self._tcp)
        ]

    # --- what it knows -------------------------------------------------------------------------

    def zone(self, text: str) -> None:
        """Replace all records."""
        found = dns.zonefile.read_rrsets(
            text,
            rdclass=dns.rdataclass.IN,
            default_ttl=self.ttl,
            origin=dns.name.root,
            relativize=False,
        )
        self._records = {(rrset.name, rrset.rdtype): rrset for rrset in found}

    def fail(self, name: str, kind: str = ANY) -> None:
        self._failing.add(_place(name, kind))

    def silence(self, name: str, kind: str = ANY) -> None:
        self._silent.add(_place(name, kind))

    def truncate(self, name: str, kind: str = ANY) -> None:
        self._truncated.add(_place(name, kind))

    def sign(self, *names: str) -> None:
        self._signed |= {dns.name.from_text(name) for name in names}

    def mend(self) -> None:
        """All names answer again."""
        for places in (self._failing, self._silent, self._truncated):
            places.clear()

    def count(self, name: str, kind: str) -> int:
        return self.asked.count((name, kind))

    def resolver(self, timeout: float = 5.0, trust_ad: bool = False) -> DnsResolver:
        return DnsResolver(timeout, ((self.address, self.port),), trust_ad)

    # --- running -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def _bound(self) -> tuple[socketserver.UDPServer, socketserver.TCPServer]:
        """Servers for both on one port."""
        for _ in range(_ATTEMPTS):
            udp = _Udp((self.address, 0), self._handler_of_datagrams())
            try:
                return udp, _Tcp(udp.server_address, self._handler_of_streams())
            except OSError:
                udp.server_close()
        raise OSError("no port is free for UDP and TCP")

    def _handler_of_datagrams(self) -> type[socketserver.BaseRequestHandler]:
        answer = self._answer

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, socket = self.request
                if (reply := answer(wire, True)) is not None:
                    socket.sendto(reply, self.client_address)

        return Handler

    def _handler_of_streams(self) -> type[socketserver.BaseRequestHandler]:
        answer = self._answer

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                size = int.from_bytes(self.rfile.read(2), "big")
                if (reply := answer(self.rfile.read(size), False)) is not None:
                    self.wfile.write(len(reply).to_bytes(2, "big") + reply)

        return Handler

    # --- answering -----------------------------------------------------------------------------

    def _answer(self, wire: bytes, datagram: bool) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        [question] = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((question.name.to_text(omit_final_dot=True), kind))
        if _among(self._silent, question.name, kind):
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        if _among(self._failing, question.name, kind):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif datagram and _among(self._truncated, question.name, kind):
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, question.name, question.rdtype)
        try:
            return reply.to_wire(max_size=1232 if datagram else 65535)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    def _fill(
        self, reply: dns.message.QueryMessage, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        signed = True
        for _ in range(10):  # CNAMEs in a row
            signed = signed and any(name.is_subdomain(zone) for zone in self._signed)
            found = self._records.get((name, kind))
            if found is not None:
                reply.answer.append(found)
                break
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if alias is None:
                self._deny(reply, name)
                break
            reply.answer.append(alias)
            name = alias[0].target
        if signed:
            reply.flags |= dns.flags.AD

    def _deny(self, reply: dns.message.QueryMessage, name: dns.name.Name) -> None:
        if not any(known.is_subdomain(name) for known, _ in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = _SOA.format(minimum=self.negative_ttl)
        reply.authority.append(dns.rrset.from_text("test.", self.negative_ttl, "IN", "SOA", soa))


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True


def _place(name: str, kind: str) -> tuple[dns.name.Name, str]:
    return dns.name.from_text(name), kind


def _among(places: set[tuple[dns.name.Name, str]], name: dns.name.Name, kind: str) -> bool:
    return (name, kind) in places or (name, ANY) in places
