"""The contract of postroom.platform.resolver.Resolver, over real datagrams from a server here."""

import socket
from collections.abc import Iterator

import pytest

from postroom.platform.dns import DnsResolver
from postroom.platform.resolver import Answer, DnsUnavailable, RecordType
from tests.names import NameServer

ZONE = f"""
example.test. 600 MX 10 mx1.example.test.
example.test. 600 MX 20 mx2.example.test.
example.test. 600 TXT "v=spf1 " "-all"
mx1.example.test. 600 A 192.0.2.1
mx2.example.test. 600 A 192.0.2.2
_25._tcp.mx1.example.test. 600 TLSA 3 1 1 {"ab" * 32}
alias.example.test. 30 CNAME Other.signed.test.
other.signed.test. 600 A 192.0.2.3
long.example.test. 600 TXT {" ".join('"' + "x" * 250 + '"' for _ in range(40))}
"""


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        server.sign("signed.test", "_25._tcp.mx1.example.test")
        server.fail("broken.test")
        server.silence("silent.test")
        server.truncate("mx2.example.test")
        yield server


@pytest.fixture(scope="module")
def resolver(names: NameServer) -> DnsResolver:
    return names.resolver(timeout=0.5)


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
        pytest.param(
            "Alias.example.test",
            "A",
            Answer(("192.0.2.3",), ttl=30, canonical="other.signed.test"),
            id="an alias is followed and validated only as a whole",
        ),
        pytest.param(
            "mx2.example.test", "A", Answer(("192.0.2.2",), ttl=600), id="truncated, so by TCP"
        ),
        pytest.param(
            "long.example.test", "TXT", Answer(("x" * 10_000,), ttl=600), id="too long for UDP"
        ),
        pytest.param(
            "mx1.example.test", "MX", Answer((), ttl=60), id="a name without such records exists"
        ),
        pytest.param(
            "nowhere.test", "A", Answer((), exists=False, ttl=60), id="a name that does not exist"
        ),
        pytest.param(
            "nowhere.signed.test",
            "A",
            Answer((), exists=False, validated=True, ttl=60),
            id="a name that surely does not exist",
        ),
    ],
)
def test_answers(resolver: DnsResolver, name: str, kind: RecordType, expected: Answer) -> None:
    found = resolver.query(name, kind)
    assert sorted(found.records) == sorted(expected.records)
    assert (found.exists, found.validated) == (expected.exists, expected.validated)
    assert (found.ttl, found.canonical) == (expected.ttl, expected.canonical)


@pytest.mark.parametrize("name", ["broken.test", "silent.test", "a" * 64 + ".test", "a..test"])
def test_no_usable_answer(resolver: DnsResolver, name: str) -> None:
    with pytest.raises(DnsUnavailable):
        resolver.query(name, "A")


def test_a_name_server_elsewhere_is_not_believed_about_dnssec() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 53))  # sends nothing, but tells our own address
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = asking.getsockname()[0]
    name = "_25._tcp.mx1.example.test"
    with NameServer(ZONE, address=address) as names:
        names.sign(name)
        assert names.resolver().query(name, "TLSA").validated is False
        assert names.resolver(trust_ad=True).query(name, "TLSA").validated is True
