"""The plan: as people read it, and as dnspython and Route 53 do."""

import json
import re
from dataclasses import replace
from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.deliverability.plan import Setup, plan, sts_policy
from postroom.deliverability.records import DnsRecord, quoted, route53_batch, zone_file, zone_line
from postroom.relay.destinations.sts_policy import parse_sts_policy, policy_id
from tests.unit.deliverability.domains import DOMAIN, HOST, SETUP

GOLDEN = Path(__file__).parent / "golden"
ELSEWHERE = Setup(
    "example.org",
    "mx.provider.test",
    addresses=("192.0.2.4", "2001:db8::4"),
    includes=("amazonses.com",),
    reports="dmarc@provider.test",
    sts="none",
)
SETUPS = {"full": SETUP, "elsewhere": ELSEWHERE, "plain": Setup("example.org", "example.org")}


@pytest.mark.parametrize("name", SETUPS)
def test_zone_files(name: str) -> None:
    setup = SETUPS[name]
    text = zone_file(setup.domain, plan(setup), sts_policy(setup))
    assert text == (GOLDEN / f"{name}.zone").read_text()
    prose = [line for line in text.split("\n") if line.startswith("; ") and " IN " not in line]
    assert all(len(line) <= 78 for line in prose)


@pytest.mark.parametrize("name", SETUPS)
def test_change_batches(name: str) -> None:
    setup = SETUPS[name]
    batch = route53_batch(setup.domain, plan(setup))
    assert batch == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_dnspython_reads_the_zone_file(setup: Setup) -> None:
    text = zone_file(setup.domain, plan(setup), sts_policy(setup))
    zone = dns.zone.from_text(text, setup.domain, relativize=False, check_origin=False)
    found = {
        (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(data.rdtype), _text(data))
        for name, _, data in zone.iterate_rdatas()
    }
    assert found == {
        (record.name, record.kind, record.value)
        for record in plan(setup)
        if record.is_in(setup.domain)
    }


def _text(data: dns.rdata.Rdata) -> str:
    if data.rdtype == dns.rdatatype.TXT:
        return b"".join(data.strings).decode()
    return data.to_text()


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_the_shape_of_a_change_batch(setup: Setup) -> None:
    """As the API reference of ChangeResourceRecordSets has it; a name and type come once."""
    batch = route53_batch(setup.domain, plan(setup))
    assert set(batch) == {"Comment", "Changes"}
    places = []
    for change in batch["Changes"]:
        assert set(change) == {"Action", "ResourceRecordSet"}
        assert change["Action"] == "UPSERT"
        records = change["ResourceRecordSet"]
        assert set(records) == {"Name", "Type", "TTL", "ResourceRecords"}
        assert records["Name"].endswith(f"{setup.domain}.")
        places.append((records["Name"], records["Type"]))
        for record in records["ResourceRecords"]:
            assert set(record) == {"Value"}
            assert len(record["Value"]) <= 4_000
            if records["Type"] == "TXT":
                strings = re.findall(r'"((?:[^"\\]|\\.)*)"', record["Value"])
                assert " ".join(f'"{string}"' for string in strings) == record["Value"]
                assert all(1 <= len(string) <= 255 for string in strings)
            elif records["Type"] in ("MX", "SRV", "CNAME"):
                assert record["Value"].endswith(".")
    assert len(set(places)) == len(places)


def test_other_txt_records_of_a_name_are_kept() -> None:
    kept = [
        DnsRecord("kept", DOMAIN, "TXT", 'site-verification="x\\y"', "optional", ""),
        DnsRecord("kept", "other.example.org", "TXT", "not ours", "optional", ""),
    ]
    batch = route53_batch(DOMAIN, plan(SETUP), kept)
    [records] = [
        change["ResourceRecordSet"]["ResourceRecords"]
        for change in batch["Changes"]
        if (change["ResourceRecordSet"]["Name"], change["ResourceRecordSet"]["Type"])
        == ("example.org.", "TXT")
    ]
    assert [record["Value"] for record in records] == [
        '"v=spf1 mx ~all"',
        r'"site-verification=\"x\\y\""',
    ]
    assert "not ours" not in json.dumps(batch)


@given(st.text(st.characters(codec="utf-8"), max_size=700))
def test_any_text_survives_a_zone_file(text: str) -> None:
    record = DnsRecord("x", "a.test", "TXT", text, "optional", "")
    zone = dns.zone.from_text(zone_line(record), "a.test", relativize=False, check_origin=False)
    [(_, _, data)] = zone.iterate_rdatas()
    assert b"".join(data.strings) == text.encode()
    assert all(len(string) <= 255 for string in data.strings)
    assert all(string.isascii() and string.isprintable() for string in quoted(text))


def test_the_policy_is_one_and_its_id_changes_with_it() -> None:
    policies = [replace(SETUP, sts=mode) for mode in ("testing", "enforce")]
    policies.append(replace(SETUP, host="mx2.example.org"))
    ids = set()
    for setup in policies:
        policy = parse_sts_policy(sts_policy(setup).encode())
        assert policy.mode == setup.sts
        assert policy.allows(setup.host)
        [text] = [one.value for one in plan(setup) if one.name == f"_mta-sts.{DOMAIN}"]
        ids.add(policy_id((text,)))
        assert policy_id((text,))
    assert len(ids) == 3
    assert plan(SETUP) == plan(replace(SETUP))


def test_what_is_not_wanted_is_not_there() -> None:
    plain = plan(Setup(DOMAIN, HOST, sts="none", ports={"sieve": 0}))
    assert {record.topic for record in plain} == {"MX", "SPF", "DMARC", "TLS-RPT", "Clients"}
    services = [record.value for record in plain if record.name.startswith("_sieve")]
    assert services == ["0 0 0 ."]
