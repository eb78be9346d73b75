"""Which servers, in which order, and why there are none."""

import pytest

from postroom.errors import BadSyntax
from postroom.relay.destinations.find import Unroutable
from postroom.relay.destinations.mx import is_public_enough, parse_mx
from postroom.relay.parcel import Host
from tests.unit.relay.destinations.places import Places

HOSTS = """
a.test. A 192.0.2.1
b.test. A 192.0.2.2
b.test. AAAA 2001:db8::2
c.test. AAAA 2001:db8::3
alias.test. CNAME a.test.
loop.test. A 127.0.0.1
mapped.test. AAAA ::ffff:127.0.0.1
zero.test. A 0.0.0.0
mail.ours.test. A 203.0.113.1
also-ours.test. AAAA 2001:DB8::1
"""


def tried(hosts: tuple[Host, ...]) -> dict[str, tuple[str, ...]]:
    return {host.name: host.addresses for host in hosts}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param(
            "x.test. MX 20 b.test.\nx.test. MX 10 a.test.",
            {"a.test": ("192.0.2.1",), "b.test": ("2001:db8::2", "192.0.2.2")},
            id="by preference",
        ),
        pytest.param("x.test. A 192.0.2.9", {"x.test": ("192.0.2.9",)}, id="implicit MX by A"),
        pytest.param("x.test. AAAA 2001:db8::9", {"x.test": ("2001:db8::9",)}, id="and by AAAA"),
        pytest.param(
            "x.test. CNAME y.test.\ny.test. MX 10 a.test.",
            {"a.test": ("192.0.2.1",)},
            id="the domain is an alias",
        ),
        pytest.param(
            "x.test. CNAME y.test.\ny.test. A 192.0.2.9",
            {"x.test": ("192.0.2.9",)},
            id="an alias without MX",
        ),
        pytest.param(
            "x.test. MX 10 alias.test.", {"alias.test": ("192.0.2.1",)}, id="the MX is an alias"
        ),
        pytest.param(
            "x.test. MX 10 gone.test.\nx.test. MX 20 a.test.",
            {"a.test": ("192.0.2.1",)},
            id="hosts that do not exist are passed over",
        ),
        pytest.param(
            "x.test. MX 10 a.test.\nx.test. MX 20 mail.ours.test.\nx.test. MX 20 b.test.\n"
            "x.test. MX 30 c.test.",
            {"a.test": ("192.0.2.1",)},
            id="only hosts better than ourselves, by name",
        ),
        pytest.param(
            "x.test. MX 10 a.test.\nx.test. MX 20 b.test.\nx.test. MX 20 also-ours.test.\n"
            "x.test. MX 30 c.test.",
            {"a.test": ("192.0.2.1",)},
            id="and by address",
        ),
        pytest.param(
            "x.test. MX 10 loop.test.\nx.test. MX 10 mapped.test.\nx.test. MX 10 zero.test.\n"
            "x.test. MX 20 a.test.",
            {"a.test": ("192.0.2.1",)},
            id="no addresses of this machine",
        ),
        pytest.param(
            "x.test. MX 10 .\nx.test. MX 20 a.test.",
            {"a.test": ("192.0.2.1",)},
            id="a null MX beside others is none",
        ),
        pytest.param(
            "x.test. MX 10 a.test.\nx.test. MX 20 a.test.",
            {"a.test": ("192.0.2.1",)},
            id="a host listed twice is tried once",
        ),
    ],
)
def test_servers_of_a_domain(
    places: Places, zone: str, expected: dict[str, tuple[str, ...]]
) -> None:
    places.names.zone(HOSTS + zone)
    found = places.hosts("x.test")
    assert tried(found) == expected
    assert list(tried(found)) == list(expected)
    assert {host.port for host in found} == {25}


@pytest.mark.parametrize(
    ("zone", "status", "permanent"),
    [
        pytest.param("y.test. A 192.0.2.9", "5.1.2", True, id="no such domain"),
        pytest.param("x.test. MX 0 .", "5.1.10", True, id="null MX"),
        pytest.param("x.test. TXT hello", "5.4.4", True, id="a domain without any server"),
        pytest.param("x.test. MX 10 gone.test.", "5.4.4", True, id="its server does not exist"),
        pytest.param("x.test. MX 10 loop.test.", "5.4.4", True, id="its server leads to itself"),
        pytest.param("x.test. MX 10 mail.ours.test.", "5.4.6", True, id="we are its server"),
        pytest.param(
            "x.test. MX 10 mail.ours.test.\nx.test. MX 10 a.test.", "5.4.6", True, id="one of them"
        ),
        pytest.param("x.test. A 203.0.113.1", "5.4.6", True, id="the domain is this machine"),
    ],
)
def test_no_server(places: Places, zone: str, status: str, permanent: bool) -> None:
    places.names.zone(HOSTS + zone)
    with pytest.raises(Unroutable) as told:
        places.hosts("x.test")
    assert (told.value.status, told.value.permanent) == (status, permanent)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("x.test", "MX", id="the MX lookup fails"),
        pytest.param("only.test", "ANY", id="no address can be told"),
        pytest.param("only.test", "AAAA", id="one kind fails, the other is not there"),
    ],
)
def test_what_dns_cannot_tell_now_waits(places: Places, name: str, kind: str) -> None:
    places.names.zone("x.test. MX 10 only.test.\nonly.test. TXT hello")
    places.names.fail(name, kind)
    with pytest.raises(Unroutable) as told:
        places.hosts("x.test")
    assert (told.value.status, told.value.permanent) == ("4.4.3", False)


def test_a_silent_name_server_is_a_reason_to_wait(places: Places) -> None:
    places.names.zone(HOSTS + "x.test. MX 10 a.test.")
    places.names.silence("x.test", "MX")
    with pytest.raises(Unroutable) as told:
        places.hosts("x.test")
    assert (told.value.status, told.value.permanent) == ("4.4.3", False)


def test_both_families_are_tried_in_turns(places: Places) -> None:
    places.names.zone(
        "x.test. AAAA 2001:db8::a\nx.test. AAAA 2001:db8::b\nx.test. A 192.0.2.1\n"
        "x.test. A 192.0.2.2\nx.test. A 192.0.2.3"
    )
    [host] = places.hosts("x.test")
    assert ["6" if ":" in address else "4" for address in host.addresses] == list("64644")


def test_one_family_will_do(places: Places) -> None:
    places.names.zone(HOSTS + "x.test. MX 10 b.test.")
    places.names.fail("b.test", "AAAA")
    assert tried(places.hosts("x.test")) == {"b.test": ("192.0.2.2",)}


def test_loops_on_one_machine_may_be_wanted(places: Places) -> None:
    places.allow_loopback = True
    places.restart()
    places.names.zone(HOSTS + "x.test. MX 10 loop.test.\nx.test. MX 20 zero.test.")
    assert tried(places.hosts("x.test")) == {"loop.test": ("127.0.0.1",)}


def test_equal_servers_share_the_load(places: Places) -> None:
    places.names.zone(HOSTS + "x.test. MX 10 a.test.\nx.test. MX 10 b.test.\nx.test. MX 20 c.test.")
    orders = {tuple(tried(places.hosts("x.test"))) for _ in range(40)}
    assert orders == {("a.test", "b.test", "c.test"), ("b.test", "a.test", "c.test")}
    assert places.names.count("x.test", "MX") == 1


def test_a_crowd_of_servers_is_bounded(places: Places) -> None:
    many = [f"x.test. MX {at} h{at}.test.\nh{at}.test. A 192.0.2.{at}" for at in range(1, 90)]
    many += [f"h1.test. A 198.51.100.{at}" for at in range(1, 46)]
    places.names.zone("\n".join(many))
    found = places.hosts("x.test")
    assert len(found) <= 20
    assert sum(len(host.addresses) for host in found) == 50
    assert places.names.asked.count(("h21.test", "A")) == 0


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[192.0.2.7]", "192.0.2.7"), ("[IPv6:2001:DB8::7]", "2001:db8::7")],
)
def test_an_address_literal_is_its_own_server(places: Places, domain: str, address: str) -> None:
    [host] = places.hosts(domain)
    assert (host.name, host.addresses) == (address, (address,))
    assert places.names.asked == []


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("[127.0.0.1]", "5.4.6"),
        ("[IPv6:::1]", "5.4.6"),
        ("[203.0.113.1]", "5.4.6"),
        ("[999.0.0.1]", "5.1.2"),
        ("[IPv6:192.0.2.1.5]", "5.1.2"),
        ("[x", "5.1.2"),
    ],
)
def test_literals_that_are_no_other_server(places: Places, domain: str, status: str) -> None:
    with pytest.raises(Unroutable) as told:
        places.hosts(domain)
    assert (told.value.status, told.value.permanent) == (status, True)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", True),
        ("10.0.0.1", True),
        ("127.9.9.9", False),
        ("0.1.2.3", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2001:db8::1", True),
        ("fd00::1", True),
        ("::", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_where_dns_may_send_us(address: str, expected: bool) -> None:
    assert is_public_enough(address) is expected


def test_answers_are_kept_for_their_time(places: Places) -> None:
    places.names.zone(HOSTS + "x.test. 60 MX 10 a.test.")
    places.hosts("x.test")
    places.clock.time += 59
    places.hosts("x.test")
    asked = places.names.count("x.test", "MX"), places.names.count("a.test", "A")
    places.clock.time += 2
    places.names.zone(HOSTS + "x.test. 60 MX 10 c.test.")
    assert asked == (1, 1)
    assert tried(places.hosts("x.test")) == {"c.test": ("2001:db8::3",)}


def test_a_failure_is_forgotten_soon(places: Places) -> None:
    places.names.zone(HOSTS + "x.test. MX 10 a.test.")
    places.names.fail("x.test")
    for _ in range(3):
        with pytest.raises(Unroutable):
            places.hosts("x.test")
    assert len(set(places.names.asked)) == 1
    places.names.mend()
    places.clock.time += 6
    assert tried(places.hosts("x.test")) == {"a.test": ("192.0.2.1",)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 mx.Example.TEST.", (10, "mx.example.test")),
        ("0 .", (0, "")),
        ("65535 _x.test", (65535, "_x.test")),
    ],
)
def test_mx_records(text: str, expected: tuple[int, str]) -> None:
    assert parse_mx(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "65536 a.test.", "-1 a.test.", "10 a b.", r"10 a\032b.test.", "10 a..b"]
)
def test_what_is_no_mx_record(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_mx(text)
