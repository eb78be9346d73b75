"""How servers must prove themselves: DANE, MTA-STS, REQUIRETLS, overrides."""

import pytest

from postroom.errors import BadSyntax
from postroom.platform.network import Tlsa, TlsWanted
from postroom.relay.destinations.dane import parse_tlsa
from postroom.relay.destinations.find import Unroutable
from postroom.relay.parcel import Host
from tests.unit.relay.destinations.places import Places

DIGEST = "ab" * 32
TLSA = Tlsa(3, 1, 1, bytes.fromhex(DIGEST))
ZONE = f"""
x.test. MX 10 mx1.x.test.
x.test. MX 20 mx2.y.test.
mx1.x.test. A 192.0.2.1
mx2.y.test. A 192.0.2.2
_25._tcp.mx1.x.test. TLSA 3 1 1 {DIGEST}
implicit.test. A 192.0.2.3
_25._tcp.implicit.test. TLSA 3 1 1 {DIGEST}
aliased.test. MX 10 alias.x.test.
alias.x.test. CNAME mx1.x.test.
half.test. MX 10 half.x.test.
half.x.test. CNAME mx2.y.test.
_25._tcp.half.x.test. TLSA 3 1 1 {DIGEST}
useless.test. MX 10 useless.x.test.
useless.x.test. A 192.0.2.4
_25._tcp.useless.x.test. TLSA 1 1 1 {DIGEST}
_25._tcp.useless.x.test. TLSA 3 1 9 abcd
"""
STS = "version: STSv1\nmode: {mode}\nmx: *.y.test\nmax_age: 604800\n"
ANY, NAMES, DANE = "any", "names", "dane"


def asked(hosts: tuple[Host, ...]) -> list[tuple[str, str, bool, str]]:
    return [
        (host.name, host.tls.check if host.tls else "", host.tls_required, host.policy)
        for host in hosts
    ]


def publish(places: Places, mode: str, domain: str = "x.test") -> None:
    places.names.zone(ZONE + f'_mta-sts.{domain}. TXT "v=STSv1; id=1;"')
    places.pages.publish(domain, STS.format(mode=mode))


def signed(places: Places, *names: str) -> None:
    places.names.zone(ZONE)
    places.names.sign(*(names or ("x.test", "implicit.test", "aliased.test", "half.test")))
    places.names.sign("useless.test")


def test_tls_is_used_where_it_works(places: Places) -> None:
    places.names.zone(ZONE)
    hosts = places.hosts("x.test")
    assert asked(hosts) == [("mx1.x.test", ANY, False, ""), ("mx2.y.test", ANY, False, "")]
    assert hosts[0].tls == TlsWanted("any", ("mx1.x.test",))
    assert not any(kind == "TLSA" for _, kind in places.names.asked)  # nothing is signed


# --- DANE ---------------------------------------------------------------------------------------


def test_dane_binds_hosts_that_dnssec_vouches_for(places: Places) -> None:
    signed(places)
    hosts = places.hosts("x.test")
    assert asked(hosts) == [("mx1.x.test", DANE, True, "tlsa"), ("mx2.y.test", ANY, False, "")]
    assert hosts[0].tls == TlsWanted("dane", ("mx1.x.test", "x.test"), (TLSA,))
    # y.test is not signed: its name server is not asked for what it may not know.
    assert ("_25._tcp.mx2.y.test", "TLSA") not in places.names.asked


def test_dane_binds_nobody_when_the_mx_may_be_forged(places: Places) -> None:
    signed(places, "mx1.x.test", "_25._tcp.mx1.x.test")
    assert asked(places.hosts("x.test"))[0] == ("mx1.x.test", ANY, False, "")


def test_dane_binds_nobody_when_the_tlsa_may_be_forged(places: Places) -> None:
    places.names.zone(ZONE.replace("_25._tcp.mx1.x.test. TLSA", "unsigned.test. TLSA"))
    places.names.zone(
        ZONE.replace(
            "_25._tcp.mx1.x.test. TLSA",
            "_25._tcp.mx1.x.test. CNAME unsigned.test.\nunsigned.test. TLSA",
        )
    )
    places.names.sign("x.test")
    assert asked(places.hosts("x.test"))[0] == ("mx1.x.test", ANY, False, "")


def test_dane_binds_a_domain_without_mx(places: Places) -> None:
    signed(places)
    [host] = places.hosts("implicit.test")
    assert host.tls == TlsWanted("dane", ("implicit.test",), (TLSA,))


def test_dane_of_an_alias_is_that_of_its_target(places: Places) -> None:
    signed(places)
    [host] = places.hosts("aliased.test")
    names = ("mx1.x.test", "alias.x.test", "aliased.test")
    assert host.tls == TlsWanted("dane", names, (TLSA,))


def test_dane_of_a_signed_alias_to_elsewhere_is_its_own(places: Places) -> None:
    signed(places)
    [host] = places.hosts("half.test")
    assert host.tls == TlsWanted("dane", ("half.x.test", "half.test"), (TLSA,))
    assert ("_25._tcp.mx2.y.test", "TLSA") not in places.names.asked


def test_records_that_nobody_can_use_still_ask_for_tls(places: Places) -> None:
    signed(places)
    hosts = places.hosts("useless.test")
    assert asked(hosts) == [("useless.x.test", ANY, True, "tlsa")]
    facts = places.destinations.facts("useless.test", places.routes.find([("", "")])[0])
    assert [(failure.policy, failure.kind) for failure in facts.failures] == [
        ("tlsa", "tlsa-invalid")
    ]


@pytest.mark.parametrize("way", ["fail", "silence"])
def test_a_host_whose_tlsa_is_kept_from_us_is_not_used(places: Places, way: str) -> None:
    signed(places)
    getattr(places.names, way)("_25._tcp.mx1.x.test", "TLSA")
    assert asked(places.hosts("x.test")) == [("mx2.y.test", ANY, False, "")]


def test_when_all_tlsa_are_kept_from_us_mail_waits(places: Places) -> None:
    signed(places)
    places.names.fail("_25._tcp.implicit.test", "TLSA")
    with pytest.raises(Unroutable) as told:
        places.hosts("implicit.test")
    assert (told.value.status, told.value.permanent) == ("4.7.5", False)


# --- MTA-STS ------------------------------------------------------------------------------------


def test_an_enforced_policy_leaves_its_hosts_and_wants_their_names(places: Places) -> None:
    publish(places, "enforce")
    hosts = places.hosts("x.test")
    assert asked(hosts) == [("mx2.y.test", NAMES, True, "sts")]
    assert hosts[0].tls == TlsWanted("names", ("mx2.y.test",))


def test_a_policy_that_names_no_server_lets_mail_wait(places: Places) -> None:
    publish(places, "enforce", "implicit.test")
    with pytest.raises(Unroutable, match="MTA-STS policy of implicit") as told:
        places.hosts("implicit.test")
    assert (told.value.status, told.value.permanent) == ("4.7.0", False)


def test_a_policy_on_trial_only_reports(places: Places) -> None:
    publish(places, "testing")
    assert asked(places.hosts("x.test")) == [
        ("mx1.x.test", ANY, False, "sts"),
        ("mx2.y.test", ANY, False, "sts"),
    ]
    facts = places.destinations.facts("x.test", places.routes.find([("", "x.test")])[0])
    assert facts.sts == tuple(STS.format(mode="testing").splitlines())
    assert facts.sts_mx == ("*.y.test",)
    [failure] = facts.failures
    assert (failure.policy, failure.kind, failure.host) == (
        "sts",
        "validation-failure",
        "mx1.x.test",
    )


def test_a_policy_of_none_is_none(places: Places) -> None:
    publish(places, "none")
    assert {one[1:] for one in asked(places.hosts("x.test"))} == {(ANY, False, "")}


def test_dane_comes_before_mta_sts(places: Places) -> None:
    publish(places, "enforce")
    places.names.sign("x.test")
    assert asked(places.hosts("x.test")) == [
        ("mx1.x.test", DANE, True, "tlsa"),
        ("mx2.y.test", NAMES, True, "sts"),
    ]


# --- REQUIRETLS ---------------------------------------------------------------------------------


def test_requiretls_by_dane_and_by_signed_mx(places: Places) -> None:
    signed(places)
    hosts = places.hosts("x.test", requiretls=True)
    assert asked(hosts) == [
        ("mx1.x.test", DANE, True, "tlsa"),
        ("mx2.y.test", NAMES, True, "requiretls"),
    ]


def test_requiretls_by_mta_sts(places: Places) -> None:
    publish(places, "testing")
    assert asked(places.hosts("x.test", requiretls=True)) == [("mx2.y.test", NAMES, True, "sts")]


def test_requiretls_without_mx_the_name_is_the_domains_own(places: Places) -> None:
    places.names.zone(ZONE)
    [host] = places.hosts("implicit.test", requiretls=True)
    assert host.tls == TlsWanted("names", ("implicit.test",))


def test_requiretls_fails_at_once_when_nothing_vouches_for_a_name(places: Places) -> None:
    places.names.zone(ZONE)
    with pytest.raises(Unroutable, match="REQUIRETLS") as told:
        places.hosts("x.test", requiretls=True)
    assert (told.value.status, told.value.permanent) == ("5.7.10", True)
    assert asked(places.hosts("x.test"))  # other messages go


def test_requiretls_waits_while_dns_hides_something(places: Places) -> None:
    signed(places)
    places.names.fail("_25._tcp.implicit.test", "TLSA")
    with pytest.raises(Unroutable) as told:
        places.hosts("implicit.test", requiretls=True)
    assert not told.value.permanent


def test_tls_not_required_by_its_sender(places: Places) -> None:
    publish(places, "enforce")
    places.names.sign("x.test")
    [route] = places.routes.find([("", "x.test")])
    hosts = places.destinations.hosts("x.test", route, requiretls=False, tls_optional=True)
    assert {one[1:3] for one in asked(hosts)} == {(ANY, False)}
    assert len(hosts) == 2


# --- routes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "check", "required"),
    [("none", "", False), ("may", ANY, False), ("encrypt", ANY, True), ("verify", NAMES, True)],
)
def test_an_override_says_all(places: Places, level: str, check: str, required: bool) -> None:
    publish(places, "enforce")
    places.names.sign("x.test")
    hosts = places.hosts("x.test", places.route(f"mx:?tls={level}"))
    assert asked(hosts) == [
        ("mx1.x.test", check, required, "route"),
        ("mx2.y.test", check, required, "route"),
    ]
    assert places.pages.asked == []


def test_dane_may_be_demanded(places: Places) -> None:
    signed(places)
    route = places.route("mx:?tls=dane")
    assert asked(places.hosts("x.test", route)) == [("mx1.x.test", DANE, True, "tlsa")]
    with pytest.raises(Unroutable, match="DANE is required") as told:
        places.hosts("useless.test", route)
    assert (told.value.status, told.value.permanent) == ("4.7.5", False)


@pytest.mark.parametrize(
    ("url", "port", "implicit", "check", "required"),
    [
        ("smtp://mx2.y.test", 25, False, ANY, False),
        ("smtp://mx2.y.test:2525?tls=none", 2525, False, "", False),
        ("smtp://mx2.y.test?tls=encrypt", 25, False, ANY, True),
        ("smtp://me@mx2.y.test", 587, False, NAMES, True),
        ("smtps://mx2.y.test", 465, True, NAMES, True),
        ("smtps://me@mx2.y.test?tls=encrypt", 465, True, ANY, True),
    ],
)
def test_a_smarthost(
    places: Places, url: str, port: int, implicit: bool, check: str, required: bool
) -> None:
    places.names.zone(ZONE)
    route = places.route(url, "sesame" if "@" in url else "")
    [host] = places.hosts("x.test", route)
    assert asked((host,)) == [("mx2.y.test", check, required, "route")]
    assert (host.addresses, host.port, host.implicit_tls) == (("192.0.2.2",), port, implicit)
    assert (host.user, host.password) == (("me", "sesame") if route.user else ("", ""))


def test_a_smarthost_with_dane(places: Places) -> None:
    places.names.zone(ZONE + f"_2525._tcp.mx1.x.test. TLSA 3 1 1 {DIGEST}")
    places.names.sign("x.test")
    [host] = places.hosts("z.test", places.route("smtp://mx1.x.test:2525"))
    assert host.tls == TlsWanted("dane", ("mx1.x.test",), (TLSA,))
    assert (host.tls_required, host.policy) == (True, "route")


@pytest.mark.parametrize("url", ["smtp://127.0.0.1:2525", "smtp://[::1]:2525"])
def test_a_smarthost_may_be_this_machine(places: Places, url: str) -> None:
    [host] = places.hosts("x.test", places.route(url))
    assert host.addresses[0] in ("127.0.0.1", "::1")
    assert places.names.asked == []


def test_a_smarthost_that_is_gone_lets_mail_wait(places: Places) -> None:
    places.names.zone(ZONE)
    with pytest.raises(Unroutable, match="has no address") as told:
        places.hosts("x.test", places.route("smtp://gone.test"))
    assert (told.value.status, told.value.permanent) == ("4.4.4", False)
    places.names.fail("broken.test")
    with pytest.raises(Unroutable) as told:
        places.hosts("x.test", places.route("smtp://broken.test"))
    assert (told.value.status, told.value.permanent) == ("4.4.3", False)


@pytest.mark.parametrize(
    ("url", "check"), [("smtp://mx2.y.test", NAMES), ("smtp://mx2.y.test?tls=encrypt", NAMES)]
)
def test_requiretls_through_a_smarthost(places: Places, url: str, check: str) -> None:
    places.names.zone(ZONE)
    assert asked(places.hosts("x.test", places.route(url), requiretls=True)) == [
        ("mx2.y.test", check, True, "route")
    ]


def test_requiretls_and_a_route_without_tls_do_not_go_together(places: Places) -> None:
    places.names.zone(ZONE)
    for url in ("smtp://mx2.y.test?tls=none", "mx:?tls=none"):
        with pytest.raises(Unroutable) as told:
            places.hosts("x.test", places.route(url), requiretls=True)
        assert (told.value.status, told.value.permanent) == ("5.7.10", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"3 1 1 {DIGEST}", TLSA),
        (f"3 1 1 {DIGEST[:20]} {DIGEST[20:].upper()}", TLSA),
        ("255 0 9 00", Tlsa(255, 0, 9, b"\0")),
    ],
)
def test_tlsa_records(text: str, expected: Tlsa) -> None:
    assert parse_tlsa(text) == expected


@pytest.mark.parametrize("text", ["", "3 1 1", "3 1 1 abc", "256 1 1 ab", "3 1 1 zz", "-1 1 1 ab"])
def test_what_is_no_tlsa_record(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_tlsa(text)
