"""The routing table: what may be written, and which route counts."""

import pytest

from postroom.errors import BadSetting, BadSyntax, StoreUnavailable
from postroom.platform.table import Key, Put
from postroom.platform.vault import Vault
from postroom.relay.destinations.find import Unroutable
from postroom.relay.destinations.routes import DEFAULT, NoSuchRoute, Routes
from postroom.relay.destinations.urls import RouteUrl, parse_route_url
from tests.unit.relay.destinations.places import Places


@pytest.mark.parametrize(
    ("text", "expected", "spelling"),
    [
        ("mx:", RouteUrl("mx"), "mx:"),
        ("MX:?tls=verify", RouteUrl("mx", tls="verify"), "mx:?tls=verify"),
        ("ses:", RouteUrl("ses"), "ses:"),
        ("smtp://Mail.Example.TEST", RouteUrl("smtp", "mail.example.test"), None),
        ("smtp://mail.example.test:25/", RouteUrl("smtp", "mail.example.test"), None),
        ("smtp://192.0.2.1:2525", RouteUrl("smtp", "192.0.2.1", 2525), "smtp://192.0.2.1:2525"),
        ("smtp://[192.0.2.1]:2525", RouteUrl("smtp", "192.0.2.1", 2525), "smtp://192.0.2.1:2525"),
        ("smtp://[2001:DB8::1]", RouteUrl("smtp", "2001:db8::1"), "smtp://[2001:db8::1]"),
        ("smtp://b\u00fccher.test", RouteUrl("smtp", "xn--bcher-kva.test"), None),
        (
            "smtp://me%40home@relay.test:587",
            RouteUrl("smtp", "relay.test", 587, user="me@home"),
            "smtp://me%40home@relay.test",
        ),
        ("smtp://me@relay.test", RouteUrl("smtp", "relay.test", 587, user="me"), None),
        ("smtps://me@relay.test", RouteUrl("smtp", "relay.test", 465, True, "me"), None),
        (
            "smtps://relay.test:4650?tls=encrypt",
            RouteUrl("smtp", "relay.test", 4650, True, tls="encrypt"),
            "smtps://relay.test:4650?tls=encrypt",
        ),
        ("smtp://relay.test?tls=none", RouteUrl("smtp", "relay.test", tls="none"), None),
    ],
)
def test_urls(text: str, expected: RouteUrl, spelling: str | None) -> None:
    found = parse_route_url(text)
    assert found == expected
    assert parse_route_url(str(found)) == expected
    if spelling is not None:
        assert str(found) == spelling


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "mx:, smtp://host"),
        ("mx", "mx:, smtp://host"),
        ("mx://example.test", "mx:, smtp://host"),
        ("lmtp://example.test", "mx:, smtp://host"),
        ("ses:?tls=none", "mx:, smtp://host"),
        ("smtp:relay.test", "smtp://[user@]host[:port]"),
        ("smtp://", "smtp://[user@]host[:port]"),
        ("smtp://relay.test/path", "smtp://[user@]host[:port]"),
        ("smtp://relay.test:0", "a port is 1 to 65535"),
        ("smtp://relay.test:70000", "a port is 1 to 65535"),
        ("smtp://2001:db8::1", "smtp://[user@]host[:port]"),
        ("smtp://[relay.test]", "an IPv6 address stands in brackets"),
        ("smtp://[fe80::1%25eth0]", "an IPv6 address stands in brackets"),
        ("smtp://-relay.test", "no host name"),
        ("smtp://me:secret@relay.test", "a password is asked for"),
        ("smtp://a%0Ab@relay.test", "user's name cannot be sent"),
        ("smtp://relay.test?tls=secure", "none, may, encrypt, verify or dane"),
        ("smtp://relay.test?port=3", "none, may, encrypt, verify or dane"),
        ("smtps://relay.test?tls=none", "smtps is TLS"),
        ("smtp://me@relay.test?tls=none", "a password is not sent without TLS"),
        ("smtp://me@relay.test?tls=may", "a password is not sent without TLS"),
    ],
)
def test_urls_that_lead_nowhere(text: str, why: str) -> None:
    with pytest.raises(BadSyntax) as told:
        parse_route_url(text)
    assert why in told.value.rule
    assert "secret" not in str(told.value)


TABLE = {
    "example.org": "smtp://exact.test",
    ".example.org": "smtp://below.test",
    ".a.example.org": "smtp://further-below.test",
    "from:ours.test": "smtp://from-exact.test",
    "from:.ours.test": "smtp://from-below.test",
    "*": "smtp://all.test",
}


@pytest.mark.parametrize(
    ("sender", "recipient", "expected"),
    [
        ("ours.test", "example.org", "example.org"),
        ("ours.test", "www.example.org", ".example.org"),
        ("ours.test", "b.a.example.org", ".a.example.org"),
        ("ours.test", "a.example.org", ".example.org"),
        ("ours.test", "badexample.org", "from:ours.test"),
        ("x.ours.test", "else.test", "from:.ours.test"),
        ("", "else.test", "*"),
        ("else.test", "else.test", "*"),
        ("ours.test", "[192.0.2.1]", "from:ours.test"),
        ("", "[192.0.2.1]", "*"),
    ],
)
def test_precedence(places: Places, sender: str, recipient: str, expected: str) -> None:
    for pattern, url in TABLE.items():
        places.routes.set(pattern, url)
    [route] = places.routes.find([(sender, recipient)])
    assert (route.pattern, route.url) == (expected, TABLE[expected])


def test_without_routes_mail_goes_to_the_domains_servers(places: Places) -> None:
    assert places.routes.find([("a.test", "b.test"), ("", "c.test")]) == [DEFAULT, DEFAULT]
    assert places.routes.find([]) == []


@pytest.mark.parametrize("pattern", ["", "from:", "from:*", "*.example.org", "a b", "x@y", "."])
def test_patterns_that_match_nothing(places: Places, pattern: str) -> None:
    with pytest.raises(BadSetting, match="no pattern of a route"):
        places.routes.set(pattern, "mx:")


def test_set_list_remove(places: Places) -> None:
    routes = places.routes
    routes.set("B\u00fccher.test", "mx:")
    routes.set("from:Ours.test", "smtps://me@relay.test", "sesame")
    routes.set("from:ours.test", "smtps://you@relay.test", "sesame")
    assert [(route.pattern, route.url) for route in routes.list()] == [
        ("from:ours.test", "smtps://you@relay.test"),
        ("xn--bcher-kva.test", "mx:"),
    ]
    routes.remove("xn--bcher-kva.test")
    with pytest.raises(NoSuchRoute, match=r"no route for xn--bcher-kva\.test"):
        routes.remove("b\u00fccher.test")


def test_a_user_has_a_password_and_a_password_a_user(places: Places) -> None:
    with pytest.raises(BadSetting, match="needs a password"):
        places.routes.set("*", "smtps://me@relay.test")
    with pytest.raises(BadSetting, match="no user"):
        places.routes.set("*", "smtps://relay.test", "sesame")


def test_a_password_is_sealed_and_does_not_show(places: Places) -> None:
    places.routes.set("*", "smtps://me@relay.test", "sesame")
    record = places.store.table.get(Key("routes", "*"))
    assert record is not None
    assert b"sesame" not in repr(record).encode()
    [listed] = places.routes.list()
    assert listed.password == ""
    [found] = places.routes.find([("", "x.test")])
    assert found.password == "sesame"
    assert "sesame" not in repr(found)
    assert "sesame" not in repr(places.routes.list())


class FailingVault:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.opened = 0
        self.broken = False

    def seal(self, secret: bytes, context: str) -> bytes:
        return self._vault.seal(secret, context)

    def open(self, sealed: bytes, context: str) -> bytes:
        self.opened += 1
        if self.broken:
            raise StoreUnavailable("KMS: try later")
        return self._vault.open(sealed, context)


def test_the_vault_is_asked_once(places: Places) -> None:
    vault = FailingVault(places.store.vault)
    routes = Routes(places.store.table, vault)
    routes.set("a.test", "smtps://me@relay.test", "one")
    for _ in range(3):
        assert routes.find([("", "a.test")])[0].password == "one"
    assert vault.opened == 1
    routes.set("a.test", "smtps://me@relay.test", "two")
    assert routes.find([("", "a.test")])[0].password == "two"


def test_a_password_that_cannot_be_opened_holds_up_its_own_route_only(places: Places) -> None:
    vault = FailingVault(places.store.vault)
    vault.broken = True
    routes = Routes(places.store.table, vault)
    routes.set("a.test", "smtps://me@relay.test", "one")
    broken, other = routes.find([("", "a.test"), ("", "b.test")])
    assert other == DEFAULT
    with pytest.raises(Unroutable, match="KMS: try later") as told:
        places.hosts("a.test", broken)
    assert (told.value.status, told.value.permanent) == ("4.3.5", False)


def test_a_password_moved_to_another_pattern_does_not_open(places: Places) -> None:
    places.routes.set("a.test", "smtps://me@relay.test", "one")
    record = places.store.table.get(Key("routes", "a.test"))
    assert record is not None
    places.store.table.write(Put(Key("routes", "b.test"), record.body))
    [moved] = places.routes.find([("", "b.test")])
    assert moved.password == ""
    assert moved.broken
