"""The setting that names the name servers."""

import pytest

from postroom.errors import BadSetting
from postroom.platform.dns import DnsResolver
from postroom.platform.name_servers import NameServers
from tests.names import NameServer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", NameServers(), id="resolv.conf"),
        pytest.param("127.0.0.1", NameServers((("127.0.0.1", 53),)), id="an address"),
        pytest.param("127.0.0.1:5353", NameServers((("127.0.0.1", 5353),)), id="and its port"),
        pytest.param("::1", NameServers((("::1", 53),)), id="IPv6"),
        pytest.param("[::1]", NameServers((("::1", 53),)), id="IPv6 in brackets"),
        pytest.param("[::1]:5353", NameServers((("::1", 5353),)), id="IPv6 and a port"),
        pytest.param(
            "10.0.0.53, 10.0.1.53:54 trust-ad",
            NameServers((("10.0.0.53", 53), ("10.0.1.53", 54)), trust_ad=True),
            id="two that are trusted",
        ),
    ],
)
def test_name_servers_are_read(text: str, expected: NameServers) -> None:
    assert NameServers.parse("POSTROOM_RESOLVER", text) == expected


@pytest.mark.parametrize(
    "text",
    ["ns.example.test", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:5x", "[::1",
     "[::1]x", "[::1]:", "[::1]5353", "trust-ad", "1.2.3.4.5", "127.0.0.1:" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match=r"^POSTROOM_RESOLVER has "):
        NameServers.parse("POSTROOM_RESOLVER", text)


def test_all_that_are_named_are_asked() -> None:
    with NameServer("mx.example.test. A 192.0.2.1") as one, NameServer() as broken:
        broken.fail("mx.example.test")
        servers = NameServers(((broken.address, broken.port), (one.address, one.port)))
        assert DnsResolver(servers=servers.addresses).query("mx.example.test", "A").records == (
            "192.0.2.1",
        )
    assert broken.asked
