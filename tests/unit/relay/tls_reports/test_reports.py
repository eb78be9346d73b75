"""From sessions to reports: counted, written, made once, sent where a domain wants them."""

import email
import email.policy
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BadSyntax, StoreUnavailable
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.web import WebFailed
from postroom.relay.destinations.facts import Facts, PolicyFailure, TlsaFact
from postroom.relay.parcel import TlsResult
from postroom.relay.tls_reports.compose import Submitter
from postroom.relay.tls_reports.counts import Counts, decode, encode
from postroom.relay.tls_reports.daily import DailyReports, DueMail
from postroom.relay.tls_reports.records import ReportPlaces, parse_tlsrpt_record, places
from postroom.relay.tls_reports.store import FLUSH_EVERY, TlsReports, partition_of
from tests.names import NameServer
from tests.unit.pipeline.rooms import Table
from tests.unit.relay.destinations.places import Pages
from tests.unit.relay.world import SetClock, SteadyRandomness

SUBMITTER = Submitter("Ours", "ours.test", "tls@ours.test")
DAY = datetime(2027, 3, 4, tzinfo=UTC)
OK = TlsResult("mx.x.test", "192.0.2.1", "")
EXPIRED = TlsResult("mx.x.test", "192.0.2.1", "sts", "certificate-expired", "out of date")
STS = Facts(("version: STSv1", "mode: enforce", "mx: mx.x.test", "max_age: 9"), ("mx.x.test",))
ZONE = """
_smtp._tls.x.test. TXT "v=TLSRPTv1; rua=mailto:tls@x.test"
_smtp._tls.y.test. TXT "v=TLSRPTv1; rua=https://y.test/tls,mailto:tls@y.test,mailto:b@y.test"
_smtp._tls.bad.test. TXT "v=TLSRPTv1; rua=nonsense stuff"
_smtp._tls.none.test. TXT "v=spf1 -all"
"""


class House:
    def __init__(self, folder: Path, names: NameServer) -> None:
        self.clock = SetClock(DAY.timestamp() + 3600)
        self.store = EmbeddedStore(folder / "store", self.clock)
        self.table = Table(self.store.table)
        self.names = names
        self.pages = Pages()
        self.randomness = SteadyRandomness()
        self.reports = self.process()

    def process(self) -> TlsReports:
        return TlsReports(self.table, self.clock, self.randomness)

    def daily(self) -> DailyReports:
        resolver = self.names.resolver(timeout=1.0)
        return DailyReports(self.table, resolver, self.pages, SUBMITTER)

    def due(self, after: timedelta) -> list[DueMail]:
        """What is due so long after the end of DAY."""
        now = DAY + timedelta(days=1) + after
        self.clock.time = now.timestamp()
        return list(self.daily().due_reports(now))

    def records(self, day: str = "2027-03-04") -> list[str]:
        return [record.key.sort for record in self.store.table.range(partition_of(day))]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with NameServer(ZONE) as names:
        found = House(tmp_path, names)
        yield found
        found.store.close()


def report_of(due: DueMail) -> dict[str, Any]:
    message = email.message_from_bytes(due.message, policy=email.policy.default)
    attached = message.get_payload()[1]
    found: dict[str, Any] = json.loads(gzip.decompress(attached.get_content()))
    return found


LATER = timedelta(hours=5)


def test_a_day_becomes_a_report(house: House) -> None:
    house.reports.note("x.test", [OK, OK])
    house.reports.note("x.test", [EXPIRED], STS)
    house.reports.flush()
    [due] = house.due(LATER)
    assert (due.domain, due.sender, due.recipients) == ("x.test", "tls@ours.test", ("tls@x.test",))
    report = report_of(due)
    assert report.pop("report-id") == due.id
    assert report == {
        "organization-name": "Ours",
        "date-range": {
            "start-datetime": "2027-03-04T00:00:00Z",
            "end-datetime": "2027-03-04T23:59:59Z",
        },
        "contact-info": "tls@ours.test",
        "policies": [
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "x.test"},
                "summary": {
                    "total-successful-session-count": 2,
                    "total-failure-session-count": 0,
                },
            },
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-domain": "x.test",
                    "policy-string": list(STS.sts),
                    "mx-host": ["mx.x.test"],
                },
                "summary": {
                    "total-successful-session-count": 0,
                    "total-failure-session-count": 1,
                },
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "receiving-mx-hostname": "mx.x.test",
                        "receiving-ip": "192.0.2.1",
                        "failed-session-count": 1,
                        "failure-reason-code": "out of date",
                    }
                ],
            },
        ],
    }


def test_the_message_is_as_the_rfc_says(house: House) -> None:
    house.reports.note("x.test", [OK])
    house.reports.flush()
    [due] = house.due(LATER)
    message = email.message_from_bytes(due.message, policy=email.policy.default)
    assert message["TLS-Report-Domain"] == "x.test"
    assert message["TLS-Report-Submitter"] == "ours.test"
    assert message["TLS-Required"] == "No"
    assert message["Subject"] == f"Report Domain: x.test Submitter: ours.test Report-ID: <{due.id}>"
    assert message["From"] == "tls@ours.test"
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    words, attached = message.get_payload()
    assert words.get_content_type() == "text/plain"
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == "ours.test!x.test!1804118400!1804204799.json.gz"
    assert not message.defects
    assert all(len(line) <= 998 for line in due.message.split(b"\r\n"))
    assert b"\n" not in due.message.replace(b"\r\n", b"")


def test_policies_of_each_kind() -> None:
    counts = Counts()
    facts = Facts(
        tlsa={"mx.x.test": TlsaFact("real.x.test", ("3 1 1 ab",))},
        failures=(PolicyFailure("sts", "sts-webpki-invalid", detail="self-signed"),),
    )
    counts.note("x.test", [TlsResult("mx.x.test", "192.0.2.1", "tlsa")], facts)
    counts.note("x.test", [TlsResult("mx.x.test", "192.0.2.1", "requiretls")], Facts())
    counts.note(
        "x.test", [TlsResult("smart.test", "192.0.2.9", "route", "validation-failure")], facts
    )
    found = {
        (count.policy.kind, count.policy.domain): (count.successes, sum(count.failures.values()))
        for count in counts
    }
    assert found == {
        ("tlsa", "real.x.test"): (1, 0),
        ("sts", "x.test"): (0, 1),
        ("no-policy-found", "x.test"): (1, 0),
    }


def test_what_is_told_of_a_domain_is_bounded() -> None:
    counts = Counts()
    long = tuple(f"mx: {at}.{'a' * 500}" for at in range(1000))
    for at in range(1000):
        result = TlsResult("h" * 255, f"192.0.2.{at}", "sts", "validation-failure", f"{at}" * 400)
        counts.note("x.test", [result], Facts((str(at), *long), long))
    octets = encode(counts)
    assert len(octets) < 390 * 1024
    assert sum(sum(count.failures.values()) for count in decode(octets)) == 1000


def test_writes_do_not_grow_with_messages(house: House) -> None:
    before = house.table.writes
    for _ in range(1_000):
        house.reports.note("x.test", [OK])
        house.clock.time += 1
    assert house.table.writes - before == 1_000 // int(FLUSH_EVERY)
    assert len(house.records()) == 1


def test_processes_add_up_and_each_day_is_its_own(house: House) -> None:
    other = house.process()
    for process in (house.reports, other, house.reports):
        process.note("x.test", [OK])
        process.flush()
    house.clock.time += 86_400
    other.note("x.test", [OK])
    other.flush()
    assert len(house.records()) == 2
    [due] = house.due(LATER)
    assert report_of(due)["policies"][0]["summary"]["total-successful-session-count"] == 3
    [due] = house.due(LATER + timedelta(days=1))
    assert report_of(due)["policies"][0]["summary"]["total-successful-session-count"] == 1


def test_a_store_that_fails_stops_no_mail(house: House) -> None:
    house.table.fail_at = house.table.writes + 1
    house.clock.time += FLUSH_EVERY
    house.reports.note("x.test", [OK])  # due, and fails
    assert house.records() == []
    house.table.fail_at = house.table.writes + 1
    with pytest.raises(StoreUnavailable):
        house.reports.flush()
    house.reports.flush()
    [due] = house.due(LATER)
    assert report_of(due)["policies"][0]["summary"]["total-successful-session-count"] == 1


def test_not_before_its_hour_and_only_once(house: House) -> None:
    house.reports.note("x.test", [OK])
    house.reports.flush()
    assert house.due(timedelta(minutes=9)) == []
    assert len(house.due(LATER)) == 1
    for hours in (5, 7, 30):
        assert house.due(timedelta(hours=hours)) == []


def test_nothing_due_costs_one_read(house: House) -> None:
    house.reports.note("x.test", [OK])
    house.reports.flush()
    house.due(LATER)
    asked, writes = len(house.names.asked), house.table.writes
    house.due(LATER + timedelta(hours=2))
    # The day before that one begins: nothing is there, which is noted once.
    assert (len(house.names.asked), house.table.writes) == (asked, writes)


def test_who_stops_in_between_gets_it_again(house: House) -> None:
    for domain in ("x.test", "y.test"):
        house.reports.note(domain, [OK])
    house.reports.flush()
    now = DAY + timedelta(days=1) + LATER
    begun = house.daily().due_reports(now)
    first = next(begun)
    begun.close()
    again = list(house.daily().due_reports(now + timedelta(minutes=1)))
    assert [due.domain for due in again] == ["x.test", "y.test"]
    assert first.id == again[0].id


def test_who_dies_in_between_gets_it_an_hour_later(house: House) -> None:
    house.reports.note("x.test", [OK])
    house.reports.flush()
    now = DAY + timedelta(days=1) + LATER
    begun = house.daily().due_reports(now)
    next(begun)
    assert list(house.daily().due_reports(now + timedelta(minutes=59))) == []
    assert len(list(house.daily().due_reports(now + timedelta(minutes=61)))) == 1


def test_https_places_and_addresses_get_it_both(house: House) -> None:
    house.reports.note("y.test", [OK])
    house.reports.flush()
    house.pages.pages["https://y.test/tls"] = WebFailed("https://y.test/tls", "status 500")
    [due] = house.due(LATER)
    assert due.recipients == ("tls@y.test", "b@y.test")
    assert house.due(LATER + timedelta(minutes=30)) == []
    assert house.due(LATER + timedelta(hours=2)) == []
    assert house.pages.posted == []
    del house.pages.pages["https://y.test/tls"]
    assert house.due(LATER + timedelta(hours=4)) == []  # the mail is not sent twice
    [(url, body, kind)] = house.pages.posted
    assert (url, kind) == ("https://y.test/tls", "application/tlsrpt+gzip")
    assert json.loads(gzip.decompress(body))["report-id"] == due.id
    house.due(LATER + timedelta(hours=6))
    assert len(house.pages.posted) == 1


def test_after_a_day_it_is_given_up(house: House) -> None:
    house.reports.note("y.test", [OK])
    house.reports.flush()
    house.pages.pages["https://y.test/tls"] = WebFailed("https://y.test/tls", "status 500")
    for hours in range(5, 40):
        house.due(timedelta(hours=hours))
    del house.pages.pages["https://y.test/tls"]
    house.due(timedelta(hours=40))
    assert house.pages.posted == []


def test_dns_that_fails_is_asked_again(house: House) -> None:
    house.reports.note("x.test", [OK])
    house.reports.flush()
    house.names.fail("_smtp._tls.x.test")
    assert house.due(LATER) == []
    house.names.mend()
    assert len(house.due(LATER + timedelta(hours=2))) == 1


@pytest.mark.parametrize("domain", ["bad.test", "none.test", "nowhere.test", "[192.0.2.1]"])
def test_who_asks_for_none_gets_none(house: House, domain: str) -> None:
    house.reports.note(domain, [OK])
    house.reports.flush()
    assert house.due(LATER) == []
    assert house.due(LATER + timedelta(hours=2)) == []
    assert house.names.asked.count((f"_smtp._tls.{domain}", "TXT")) == (domain[0] != "[")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=TLSRPTv1; rua=mailto:a@x.test", ReportPlaces(("a@x.test",))),
        ("v=TLSRPTv1;rua=mailto:a@x.test;", ReportPlaces(("a@x.test",))),
        ("v=TLSRPTv1; later=x; rua=MAILTO:A@X.test?subject=y", ReportPlaces(("A@x.test",))),
        (
            "v=TLSRPTv1; rua=mailto:a%2Cb@x.test , https://x.test/a?b,gopher://x.test",
            ReportPlaces((), ("https://x.test/a?b",)),
        ),
        ("v=TLSRPTv1; rua=https://me:pw@x.test/,https://[x,http://x.test/", ReportPlaces()),
        (
            "v=TLSRPTv1; rua=" + ",".join(f"mailto:a{at}@x.test" for at in range(20)),
            ReportPlaces(tuple(f"a{at}@x.test" for at in range(8))),
        ),
    ],
)
def test_places(text: str, expected: ReportPlaces) -> None:
    assert parse_tlsrpt_record(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "v=TLSRPTv1", "v=TLSRPTv1;", "v=TLSRPTv2; rua=mailto:a@x.test", "v=TLSRPTv1; rua=",
     "v=TLSRPTv1; rua=mailto:a@x.test,", "v=TLSRPTv1; rua mailto:a@x.test",
     "v=TLSRPTv1; rua=mailto:a@x.test; x=", "v=TLSRPTv1; rua=mailto:a b@x.test",
     "v=TLSRPTv1; rua=mailto:\u00e9@x.test", "v=TLSRPTv1; rua=" + "x" * 3000],
)  # fmt: skip
def test_records_that_break_the_rules(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_tlsrpt_record(text)


def test_of_several_records_none_counts() -> None:
    one = "v=TLSRPTv1; rua=mailto:a@x.test"
    assert places((one, "v=spf1 -all")).mail == ("a@x.test",)
    assert places((one, one)) == ReportPlaces()
    assert places(()) == ReportPlaces()
