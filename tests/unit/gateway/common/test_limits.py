import pytest

from gateway.clients import client_network, plain_address
from gateway.limits import Connections, Rate


@pytest.mark.parametrize(
    ("host", "address", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::1", "::1", "::1"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("what?", "what?", "what?"),
    ],
)
def test_clients(host: str, address: str, network: str) -> None:
    assert plain_address(host) == address
    assert client_network(address) == network


def test_connections_are_counted_for_all_and_for_each() -> None:
    connections = Connections(3, 2)
    connections.enter("a")
    connections.enter("a")
    assert not connections.has_room("a")
    assert connections.has_room("a", unlimited=True)
    connections.enter("b")
    assert not connections.has_room("c", unlimited=True)
    connections.leave("a")
    assert connections.has_room("a")
    assert connections.total == 2


def test_a_rate_looks_one_minute_back() -> None:
    rate = Rate(2)
    assert [rate.allow("a", now) for now in (0, 1, 2, 59)] == [True, True, False, False]
    assert rate.allow("b", 59)
    assert rate.allow("a", 60.5)
    assert not rate.allow("a", 60.6)
    assert all(Rate(0).allow("a", 0) for _ in range(9))
