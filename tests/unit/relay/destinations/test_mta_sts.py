"""MTA-STS: records, policies, and how long they hold."""

from pathlib import Path

import pytest
import trustme

from postroom.errors import BadSyntax
from postroom.platform.https import HttpsWeb
from postroom.relay.destinations.find import Destinations
from postroom.relay.destinations.mta_sts import MtaSts, StsFound
from postroom.relay.destinations.routes import DEFAULT
from postroom.relay.destinations.sts_policy import (
    StsPolicy,
    parse_sts_policy,
    parse_sts_record,
    policy_id,
)
from tests.sites import served, text
from tests.unit.relay.destinations.places import Places
from tests.unit.relay.world import SteadyRandomness

DAY = 86_400
TEXT = "version: STSv1\nmode: enforce\nmx: mx.x.test\nmax_age: 604800\n"
POLICY = StsPolicy("enforce", ("mx.x.test",), 604_800)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=a", "a"),
        ("v=STSv1 ; id=a ; ", "a"),
        ("v=STSv1; later=!x:y; id=a; id=b", "a"),
    ],
)
def test_records(text: str, expected: str) -> None:
    assert parse_sts_record(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=STSv1",
        "v=STSv1;",
        "v=STSv2; id=a;",
        "V=stsv1; id=a;",
        "v=STSv1; id=;",
        "v=STSv1; id=a-b;",
        "v=STSv1; id=" + "a" * 33,
        "v=STSv1; id=a;; x=y",
        "v=STSv1; id=a; flag",
        "v=STSv1; id=a; x=y=z",
        "v=STSv1; id=a; x=" + "y" * 2100,
        "v=STSv1; id=\u0661",
    ],
)
def test_records_that_break_the_rules(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_sts_record(text)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((), ""),
        (("v=spf1 -all",), ""),
        (("v=STSv1; id=1;", "something else"), "1"),
        (("v=STSv1; id=1;", "v=STSv1; id=2;"), ""),
        (("v=STSv10; id=1;",), ""),
    ],
)
def test_of_several_records(records: tuple[str, ...], expected: str) -> None:
    assert policy_id(records) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(TEXT.encode(), POLICY, id="LF"),
        pytest.param(TEXT.replace("\n", "\r\n").encode(), POLICY, id="CRLF"),
        pytest.param(TEXT.removesuffix("\n").encode(), POLICY, id="no line end at the end"),
        pytest.param(f"{TEXT}\r\n\n".encode(), POLICY, id="empty lines at the end"),
        pytest.param(TEXT.replace(": ", ":").encode(), POLICY, id="no space"),
        pytest.param(TEXT.replace("\n", " \t\n").encode(), POLICY, id="space at the end"),
        pytest.param(b"later: \xc3\xa9t\xc3\xa9 2030\n" + TEXT.encode(), POLICY, id="extensions"),
        pytest.param((TEXT + "mode: none\n").encode(), POLICY, id="the first one counts"),
        pytest.param(
            TEXT.replace("mx.x.test", "*.X.test\nmx: b.test").encode(),
            StsPolicy("enforce", ("*.x.test", "b.test"), 604_800),
            id="several patterns",
        ),
        pytest.param(
            TEXT.replace("604800", "9999999999").encode(),
            StsPolicy("enforce", ("mx.x.test",), 31_557_600),
            id="too long an age is the longest",
        ),
        pytest.param(
            b"version: STSv1\nmode: none\nmax_age: 1",
            StsPolicy("none", (), 1),
            id="none needs no mx",
        ),
    ],
)
def test_policies(octets: bytes, expected: StsPolicy) -> None:
    found = parse_sts_policy(octets)
    assert found == expected
    assert parse_sts_policy("\n".join(found.lines).encode()) == found


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>Not found</html>", id="HTML"),
        pytest.param(TEXT.replace("STSv1", "STSv2").encode(), id="another version"),
        pytest.param(TEXT.replace("version: STSv1\n", "").encode(), id="no version"),
        pytest.param(TEXT.replace("enforce", "Enforce").encode(), id="mode in capitals"),
        pytest.param(TEXT.replace("mx: mx.x.test\n", "").encode(), id="no mx"),
        pytest.param(TEXT.replace("mx.x.test", "*").encode(), id="star alone"),
        pytest.param(TEXT.replace("mx.x.test", "a.*.test").encode(), id="star inside"),
        pytest.param(TEXT.replace("mx.x.test", "m*.test").encode(), id="star in a label"),
        pytest.param(TEXT.replace("mx.x.test", ".x.test").encode(), id="dot in front"),
        pytest.param(TEXT.replace("604800", "-1").encode(), id="negative age"),
        pytest.param(TEXT.replace("604800", "1" * 11).encode(), id="endless age"),
        pytest.param(TEXT.replace("max_age: 604800\n", "").encode(), id="no age"),
        pytest.param(TEXT.replace("\n", "\n\n").encode(), id="empty lines"),
        pytest.param(TEXT.replace("\n", "\r").encode(), id="CR alone"),
        pytest.param(TEXT.encode() + b"x: \xff\n", id="not UTF-8"),
        pytest.param(TEXT.encode() + b"x: a\x00b\n", id="NUL"),
        pytest.param(TEXT.encode() + b"mx: a.test\n" * 9_000, id="too long"),
    ],
)
def test_policies_that_break_the_rules(octets: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_sts_policy(octets)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mx.example.test", True),
        ("MX.Example.Test.", True),
        ("a.wild.test", True),
        ("a.b.wild.test", False),
        ("wild.test", False),
        ("*.wild.test", True),  # no host has that name, and no certificate for it would match
        ("mx.example.test.evil.test", False),
        ("", False),
    ],
)
def test_patterns(host: str, expected: bool) -> None:
    policy = StsPolicy("enforce", ("mx.example.test", "*.wild.test"), 1)
    assert policy.allows(host) is expected


# --- found, fetched and kept ----------------------------------------------------------------


def sts(places: Places) -> MtaSts:
    resolver = places.names.resolver(timeout=1.0)
    return MtaSts(resolver, places.pages, places.store.table, places.clock)


def announce(places: Places, name: str) -> None:
    places.names.zone(f'_mta-sts.x.test. TXT "v=STSv1; " "id={name};"')


@pytest.fixture
def published(places: Places) -> Places:
    announce(places, "1")
    places.pages.publish("x.test", TEXT)
    return places


def test_a_policy_is_fetched_once_for_all_workers(published: Places) -> None:
    assert sts(published).policy("x.test") == StsFound(POLICY)
    assert sts(published).policy("x.test") == StsFound(POLICY)
    assert published.pages.asked == ["https://mta-sts.x.test/.well-known/mta-sts.txt"]


def test_without_a_record_nothing_is_fetched(places: Places) -> None:
    places.names.zone('_mta-sts.x.test. TXT "v=spf1 -all"')
    assert sts(places).policy("x.test") == StsFound()
    assert places.pages.asked == []


def test_another_id_is_another_policy(published: Places) -> None:
    sts(published).policy("x.test")
    announce(published, "2")
    published.pages.publish("x.test", TEXT.replace("enforce", "none"))
    assert sts(published).policy("x.test") == StsFound()
    announce(published, "1")  # an old answer from a cache does not bring the old policy back
    assert sts(published).policy("x.test") == StsFound()


@pytest.mark.parametrize("trouble", ["no record", "DNS fails", "no page", "bad page"])
def test_a_known_policy_holds_whatever_is_kept_from_us(published: Places, trouble: str) -> None:
    sts(published).policy("x.test")
    match trouble:
        case "no record":
            published.names.zone("")
        case "DNS fails":
            published.names.fail("_mta-sts.x.test")
        case "no page":
            announce(published, "2")
            published.pages.withhold("x.test")
        case "bad page":
            announce(published, "2")
            published.pages.publish("x.test", "mode: none")
    published.clock.time += 6 * DAY
    assert sts(published).policy("x.test").policy == POLICY
    published.clock.time += 2 * DAY
    assert sts(published).policy("x.test").policy is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("sts-policy-fetch-error", "sts-policy-fetch-error"),
        ("sts-webpki-invalid", "sts-webpki-invalid"),
        ("", "sts-policy-invalid"),
    ],
)
def test_a_failed_fetch_is_told_and_not_repeated_soon(
    published: Places, kind: str, expected: str
) -> None:
    if kind:
        published.pages.withhold("x.test", kind)
    else:
        published.pages.publish("x.test", "nonsense")
    for _ in range(3):
        assert sts(published).policy("x.test").failure == expected
    assert len(published.pages.asked) == 1
    published.pages.publish("x.test", TEXT)
    published.clock.time += 301
    assert sts(published).policy("x.test") == StsFound(POLICY)


def test_a_new_id_is_tried_at_once_after_a_failure(published: Places) -> None:
    published.pages.withhold("x.test")
    sts(published).policy("x.test")
    announce(published, "2")
    published.pages.publish("x.test", TEXT)
    assert sts(published).policy("x.test") == StsFound(POLICY)


def test_a_policy_is_refreshed_daily_and_so_never_runs_out(published: Places) -> None:
    for _ in range(30):
        assert sts(published).policy("x.test") == StsFound(POLICY)
        published.clock.time += DAY / 2
    assert len(published.pages.asked) == 15
    published.pages.withhold("x.test")
    assert sts(published).policy("x.test").policy == POLICY


def test_a_policy_over_https_of_a_host_here(places: Places, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    zone = "x.test. MX 10 mx.x.test.\nx.test. MX 20 other.test.\nmx.x.test. A 192.0.2.1\n"
    zone += "other.test. A 192.0.2.2\nmta-sts.x.test. A 127.0.0.1\n"
    places.names.zone(zone + '_mta-sts.x.test. TXT "v=STSv1; id=1;"')
    with served(authority.issue_cert("mta-sts.x.test")) as site:
        site.answer = text(TEXT.encode())
        resolver = places.names.resolver()
        destinations = Destinations(
            resolver,
            HttpsWeb(resolver, tmp_path / "authority.pem", site.port),
            places.store.table,
            places.clock,
            SteadyRandomness(),
            (),
            allow_loopback=False,
        )
        [host] = destinations.hosts("x.test", DEFAULT)
    assert (host.name, host.policy, host.tls_required) == ("mx.x.test", "sts", True)
    assert [path for _, path, _, _ in site.asked] == ["/.well-known/mta-sts.txt"]
