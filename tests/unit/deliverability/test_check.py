"""A check finds what is wrong, says so, and finds nothing in a domain that is set up well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from postroom.deliverability.check import check
from postroom.deliverability.finding import Finding
from postroom.deliverability.plan import PORTS, Setup
from postroom.deliverability.records import policy_url
from tests.unit.deliverability.domains import (
    ADDRESSES,
    DOMAIN,
    HOST,
    KEYS,
    SETUP,
    Websites,
    Zones,
    published,
)

RSA = KEYS[0]
LAST = ADDRESSES[0]


def problems(setup: Setup, zones: Zones, web: Websites) -> list[Finding]:
    return [finding for finding in check(setup, zones, web) if finding.state != "ok"]


def test_a_domain_that_does_as_planned() -> None:
    zones, web = published()
    findings = check(SETUP, zones, web)
    assert [finding for finding in findings if finding.state != "ok" or finding.reason] == []
    topics = ["MX", "SPF", "DKIM", "DMARC", "Reverse", "MTA-STS", "TLS-RPT", "DANE", "Clients"]
    assert list(dict.fromkeys(finding.topic for finding in findings)) == [*topics, "BIMI"]


def txt(name: str, *texts: str) -> Callable[[Zones], None]:
    return lambda zones: zones.set(name, "TXT", *texts)


def record(name: str, kind: str, *records: str) -> Callable[[Zones], None]:
    return lambda zones: zones.set(name, kind, *records)  # type: ignore[arg-type]


DMARC, STS, TLS = f"_dmarc.{DOMAIN}", f"_mta-sts.{DOMAIN}", f"_smtp._tls.{DOMAIN}"
DANE, IMAPS = f"_25._tcp.{HOST}", f"_imaps._tcp.{DOMAIN}"
POINTER = "4.4.8.8.in-addr.arpa"


@pytest.mark.parametrize(
    ("change", "topic", "state", "is_bad", "reason", "remedy"),
    [
        pytest.param(
            record(DOMAIN, "MX"), "MX", "missing", True, "without MX records", "Publish MX 10 mail",
            id="no MX",
        ),
        pytest.param(
            record(DOMAIN, "MX", "0 ."), "MX", "wrong", True, "null MX", "Replace it", id="null MX"
        ),
        pytest.param(
            record(DOMAIN, "MX", "0 .", f"10 {HOST}."), "MX", "wrong", True, "beside other", "root",
            id="null MX and another",
        ),
        pytest.param(
            record(DOMAIN, "MX", "10 mx.old.test."), "MX", "wrong", True,
            "mail goes to mx.old.test",
            "Publish MX", id="MX elsewhere",
        ),
        pytest.param(
            record(HOST, "A", "10.0.0.1"), "MX", "ok", False, "", "", id="one of them is public"
        ),
        pytest.param(
            txt(DOMAIN), "SPF", "missing", True, "nobody knows", "v=spf1 mx ~all", id="no SPF"
        ),
        pytest.param(
            txt(DOMAIN, " v=spf1 mx -all"), "SPF", "wrong", True, "does not begin", "Publish",
            id="SPF with a blank",
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 mx -all", "v=spf1 a -all"), "SPF", "wrong", True,
            "2 SPF records", "into one record", id="two SPF records",
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 mx ip4:1.2.3 -all"), "SPF", "wrong", True, "ip4:1.2.3", "Publish",
            id="SPF syntax",
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 +all"), "SPF", "wrong", True, "anybody", "~all", id="SPF for all"
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 ip4:192.0.2.1 -all"), "SPF", "wrong", True,
            f"does not let us send from {LAST} (fail), {ADDRESSES[1]} (fail)",
            f"Add ip4:{LAST} ip6:{ADDRESSES[1]}", id="SPF without us",
        ),
        pytest.param(
            txt(DOMAIN, f"v=spf1 ip4:{LAST} ~all"), "SPF", "wrong", True,
            f"from {ADDRESSES[1]} (softfail)", f"Add ip6:{ADDRESSES[1]}", id="SPF without IPv6",
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 mx"), "SPF", "improve", False, "other servers", "~all",
            id="SPF without an end",
        ),
        pytest.param(
            txt(DOMAIN, f"v=spf1 mx {' '.join(['a'] * 10)} -all"), "SPF", "wrong", True,
            "11 DNS look-ups", "Correct it", id="SPF with too many look-ups",
        ),
        pytest.param(
            txt(DOMAIN, "v=spf1 exists:%{i}.x.test -all"), "SPF", "improve", False, "macros",
            "Look",
            id="SPF with macros",
        ),
        pytest.param(
            txt(RSA.name), "DKIM", "missing", True, "signatures with this key fail",
            f"postroom dkim list {DOMAIN} --records", id="no DKIM key",
        ),
        pytest.param(
            txt(KEYS[1].name), "DKIM", "missing", False, "still or soon", "dkim list",
            id="a key that is not in use",
        ),
        pytest.param(
            txt(RSA.name, RSA.text[:255]), "DKIM", "wrong", True, "", "dkim list", id="half a key"
        ),
        pytest.param(
            txt(RSA.name, KEYS[1].text), "DKIM", "wrong", True, "another key", "", id="another key"
        ),
        pytest.param(
            txt(RSA.name, "v=DKIM1; p="), "DKIM", "wrong", True, "revoked", "", id="revoked"
        ),
        pytest.param(
            txt(RSA.name, RSA.text, RSA.text + ";"), "DKIM", "wrong", True, "any one", "Remove",
            id="two keys",
        ),
        pytest.param(
            txt(RSA.name, f"{RSA.text}; t=y"), "DKIM", "improve", False, "test", "t=y", id="a test"
        ),
        pytest.param(
            txt(RSA.name, f"{RSA.text}; s=tlsrpt"), "DKIM", "wrong", True, "s=", "",
            id="not for mail"
        ),
        pytest.param(
            txt(RSA.name, f"{RSA.text}; h=sha1"), "DKIM", "wrong", True, "SHA-256", "", id="SHA-1"
        ),
        pytest.param(
            txt(DMARC), "DMARC", "missing", True, "without DMARC", "Publish",
            id="no DMARC",
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; p=none", "v=DMARC1; p=reject"), "DMARC", "wrong", True,
            "2 records", "all but one", id="two DMARC records",
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; rua=mailto:a@b.test; p=none"), "DMARC", "wrong", True,
            "v=DMARC1; p=", "Publish", id="DMARC in disorder",
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; p=maybe"), "DMARC", "wrong", True, "policy", "", id="no policy"
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; p=none; rua=mailto:a@example.org"), "DMARC", "improve", False,
            "let through", "quarantine", id="DMARC none",
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; p=reject"), "DMARC", "improve", False, "reports", "rua",
            id="no rua"
        ),
        pytest.param(
            txt(DMARC, "v=DMARC1; p=reject; rua=mailto:a@other.test"), "DMARC", "missing", False,
            "other.test does not say", "v=DMARC1", id="reports to a stranger",
        ),
        pytest.param(
            record(POINTER, "PTR"), "Reverse", "missing", True, "no name", HOST, id="no PTR"
        ),
        pytest.param(
            record(POINTER, "PTR", "pool-4.isp.test."), "Reverse", "wrong", True, "lead back", HOST,
            id="PTR not confirmed",
        ),
        pytest.param(
            txt(STS), "MTA-STS", "missing", False, "in the clear", "Publish", id="no MTA-STS"
        ),
        pytest.param(
            txt(STS, "v=STSv1; id=1", "v=STSv1; id=2"), "MTA-STS", "wrong", False, "2 records",
            "all but one", id="two MTA-STS records",
        ),
        pytest.param(
            txt(STS, "v=STSv1; id=a-b;"), "MTA-STS", "wrong", False, "RFC 8461", "Publish",
            id="MTA-STS syntax",
        ),
        pytest.param(
            txt(TLS), "TLS-RPT", "missing", False, "nobody tells us", "Publish", id="no TLS-RPT"
        ),
        pytest.param(
            txt(TLS, "v=TLSRPTv1; rua=ftp://x"), "TLS-RPT", "wrong", False, "no place", "Publish",
            id="TLS-RPT to nowhere",
        ),
        pytest.param(
            record(DANE, "TLSA", "3 1 1 " + "ab" * 32), "DANE", "wrong", True,
            "no record is about our key", "3 1 1 000102", id="TLSA of another key",
        ),
        pytest.param(
            record(DANE, "TLSA"), "DANE", "missing", False, "", "3 1 1 000102", id="no TLSA"
        ),
        pytest.param(
            record(IMAPS, "SRV"), "Clients", "missing", False, "guess", "0 1 993", id="no SRV"
        ),
        pytest.param(
            record(IMAPS, "SRV", "0 1 993 old.test."), "Clients", "wrong", False, "elsewhere",
            "0 1 993", id="SRV elsewhere",
        ),
        pytest.param(
            record(IMAPS, "SRV", "5 7 993 MAIL.example.org."), "Clients", "ok", False, "", "",
            id="SRV with other priorities",
        ),
        pytest.param(
            txt(f"default._bimi.{DOMAIN}", "v=BIMI1; l=https://x.test/a.svg"), "BIMI", "wrong",
            False,
            "another logo", "Publish", id="another logo",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    change: Callable[[Zones], None], topic: str, state: str, is_bad: bool, reason: str, remedy: str
) -> None:
    zones, web = published()
    change(zones)
    found = [finding for finding in problems(SETUP, zones, web) if finding.topic == topic]
    if state == "ok":
        assert found == []
        return
    finding = found[0]
    assert finding.state == state
    assert finding.is_bad == is_bad
    assert reason in finding.reason
    assert remedy in finding.remedy
    assert finding.remedy


def test_what_is_not_offered_is_not_advertised() -> None:
    setup = replace(SETUP, ports={**PORTS, "sieve": 0})
    zones, web = published()
    [finding] = problems(setup, zones, web)
    assert (finding.topic, finding.state, finding.is_bad) == ("Clients", "wrong", False)
    assert "not offered" in finding.reason
    assert "0 0 0 ." in finding.remedy
    record(f"_sieve._tcp.{DOMAIN}", "SRV")(zones)
    assert problems(setup, zones, web) == []  # no word of it says the same


def test_a_name_that_is_not_there_at_all() -> None:
    findings = check(SETUP, Zones(), Websites())
    assert {finding.state for finding in findings} <= {"missing", "improve"}
    assert "not in the DNS" in findings[0].reason
    assert {finding.topic for finding in findings if finding.is_bad} == {
        "MX",
        "SPF",
        "DKIM",
        "DMARC",
    }


def test_a_domain_without_keys() -> None:
    zones, web = published()
    [finding] = problems(replace(SETUP, keys=()), zones, web)
    assert (finding.topic, finding.is_bad) == ("DKIM", True)
    assert f"postroom dkim make {DOMAIN}" in finding.remedy


def test_an_mx_must_not_be_an_alias() -> None:
    zones, web = published()
    zones.aliases[HOST] = "edge.cloud.test"
    zones.set("edge.cloud.test", "A", LAST)
    finding = next(one for one in problems(SETUP, zones, web) if one.topic == "MX")
    assert (finding.state, finding.is_bad) == ("wrong", True)
    assert "CNAME of edge.cloud.test" in finding.reason


@pytest.mark.parametrize(
    ("addresses", "state", "reason"),
    [((), "missing", "no address"), (("192.168.1.1",), "wrong", "nobody outside")],
)
def test_the_address_of_the_host(addresses: tuple[str, ...], state: str, reason: str) -> None:
    zones, web = published()
    zones.set(HOST, "A", *addresses)
    zones.set(HOST, "AAAA")
    finding = next(one for one in problems(SETUP, zones, web) if one.topic == "MX")
    assert (finding.name, finding.state, finding.is_bad) == (HOST, state, True)
    assert reason in finding.reason


def test_a_second_mx_is_looked_at_too() -> None:
    zones, web = published()
    zones.add(DOMAIN, "MX", "20 backup.test.")
    first, second = [one for one in problems(SETUP, zones, web) if one.topic == "MX"]
    assert (first.state, first.is_bad) == ("improve", False)
    assert "backup.test" in first.reason
    assert (second.name, second.state, second.is_bad) == ("backup.test", "missing", False)
    # And an enforced policy that does not know it keeps mail away from it.
    sts = next(one for one in problems(SETUP, zones, web) if one.topic == "MTA-STS")
    assert (sts.state, sts.is_bad) == ("wrong", True)
    assert "backup.test" in sts.reason


def policy(mode: str, *mx: str) -> bytes:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in mx), "max_age: 86400"]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("document", "state", "is_bad", "reason"),
    [
        pytest.param(policy("enforce", "*.example.org"), "ok", False, "", id="a wildcard"),
        pytest.param(
            policy("enforce", "mx.test"), "wrong", True, "not allow the MX", id="enforced"
        ),
        pytest.param(policy("testing", "mx.test"), "wrong", False, "not allow", id="tested"),
        pytest.param(policy("testing", HOST), "improve", False, "reported", id="testing"),
        pytest.param(policy("none"), "improve", False, "there is none", id="none"),
        pytest.param(b"<html>", "wrong", False, "RFC 8461", id="a web page"),
        pytest.param(None, "missing", False, "status 404", id="not found"),
    ],
)
def test_the_policy(document: bytes | None, state: str, is_bad: bool, reason: str) -> None:
    zones, web = published()
    web.documents = {} if document is None else {policy_url(DOMAIN): document}
    finding = [one for one in check(SETUP, zones, web) if one.topic == "MTA-STS"][-1]
    assert (finding.state, finding.is_bad) == (state, is_bad)
    assert reason in finding.reason


def test_dane_counts_with_dnssec_only() -> None:
    zones, web = published()
    zones.validated = False
    [finding] = problems(SETUP, zones, web)
    assert (finding.topic, finding.state) == ("DANE", "improve")
    zones.set(DANE, "TLSA", "3 1 1 " + "ab" * 32)
    [finding] = problems(SETUP, zones, web)
    assert (finding.state, finding.is_bad) == ("wrong", False)
    # A next key beside the present one is how keys are changed.
    zones.set(DANE, "TLSA", "3 1 1 " + "ab" * 32, f"3 1 1 {SETUP.certificate_key.hex().upper()}")
    zones.validated = True
    assert problems(SETUP, zones, web) == []


def test_records_of_a_certificate_that_is_not_known_here() -> None:
    zones, web = published()
    [finding] = problems(replace(SETUP, certificate_key=b""), zones, web)
    assert (finding.topic, finding.state, finding.is_bad) == ("DANE", "unknown", False)
    assert "POSTROOM_TLS_CERTIFICATE" in finding.remedy


def test_dmarc_of_a_parent_holds_for_its_children() -> None:
    setup = replace(SETUP, domain="news.example.org")
    zones, web = published(setup)
    del zones.records["_dmarc.news.example.org", "TXT"]
    zones.set(DMARC, "TXT", "v=DMARC1; p=reject; sp=none; rua=mailto:a@example.org")
    finding = next(one for one in problems(setup, zones, web) if one.topic == "DMARC")
    assert finding.state == "improve"
    assert "p=none" in finding.reason
    assert "example.org holds" in finding.reason


def test_reports_that_another_domain_agrees_to() -> None:
    setup = replace(SETUP, reports="r@other.test")
    zones, web = published(setup)
    assert problems(setup, zones, web) == []


def test_addresses_that_mail_leaves_from() -> None:
    zones, web = published()
    found = problems(replace(SETUP, addresses=("9.9.9.9",)), zones, web)
    reasons = {(one.topic, one.name): one.reason for one in found}
    assert "from 9.9.9.9 (softfail)" in reasons["SPF", DOMAIN]
    assert "from 9.9.9.9 (fail)" in reasons["SPF", HOST]
    assert "no name" in reasons["Reverse", "9.9.9.9.in-addr.arpa"]


def test_a_name_that_greets_otherwise() -> None:
    zones, web = published()
    zones.set(POINTER, "PTR", "vm7.cloud.test.")
    zones.set("vm7.cloud.test", "A", LAST)
    [finding] = problems(SETUP, zones, web)
    assert (finding.topic, finding.state) == ("Reverse", "improve")
    assert "called vm7.cloud.test" in finding.reason


@pytest.mark.parametrize("name", [DOMAIN, RSA.name, DMARC, HOST, STS, TLS, DANE, IMAPS])
def test_a_name_server_that_is_silent_is_told_and_spares_the_rest(name: str) -> None:
    zones, web = published()
    everything = {finding.topic for finding in check(SETUP, zones, web)}
    zones.broken.add(name)
    findings = check(SETUP, zones, web)
    assert {finding.topic for finding in findings} == everything
    unknown = [finding for finding in findings if finding.state == "unknown"]
    assert unknown
    assert all("time-out" in finding.reason for finding in unknown)
    needed = {"MX", "SPF", "DKIM", "DMARC", "Reverse"}
    assert all(finding.is_bad == (finding.topic in needed) for finding in unknown)


def test_the_number_of_questions_is_bounded() -> None:
    zones, web = published()
    evil = " ".join(["include:example.org"] * 150)
    zones.set(DOMAIN, "TXT", f"v=spf1 {evil} -all")
    zones.set(DOMAIN, "MX", *(f"{n} mx{n}.test." for n in range(500)))
    zones.set(POINTER, "PTR", *(f"n{n}.test." for n in range(500)))
    check(SETUP, zones, web)
    assert zones.asked < 500
