"""`postroom dns`, as a shell sees it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner, Result

import postroom.platform.https
from local.cli.dkim import dkim
from local.cli.dns import dns, key_digest
from postroom.app import App
from postroom.errors import BadSetting
from tests.unit.deliverability.domains import Zones, published

Run = Callable[..., Result]
PLAIN = ("example.org", "--host", "mail.example.org")


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> Zones:
    found, web = published()
    monkeypatch.setattr(App, "resolver", found)
    monkeypatch.setattr(postroom.platform.https, "HttpsWeb", lambda resolver: web)
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zones: Zones) -> Run:
    monkeypatch.setenv("POSTROOM_DATA", str(tmp_path / "store"))
    monkeypatch.setenv("POSTROOM_STORE", "embedded")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("POSTROOM_HOSTNAME", "POSTROOM_TLS_CERTIFICATE"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(dns, words)


def publish_keys(zones: Zones) -> None:
    """Make keys, and put them into the DNS."""
    CliRunner().invoke(dkim, ["make", "example.org"])
    rows = json.loads(CliRunner().invoke(dkim, ["list", "--json"]).output)
    for row in rows:
        zones.set(row["record"]["name"], "TXT", row["record"]["text"])


def test_a_zone_file(run: Run) -> None:
    planned = run("plan", *PLAIN)
    assert planned.exit_code == 0
    assert "example.org.                             3600 IN MX    10 mail.example.org." in (
        planned.output
    )
    assert "No DKIM keys yet" in planned.stderr
    assert "No DKIM keys yet" not in planned.stdout
    CliRunner().invoke(dkim, ["make", "example.org"])
    planned = run("plan", *PLAIN, "--bimi", "https://example.org/l.svg", "--dmarc", "reject")
    assert planned.stdout.count("v=DKIM1;") == 2
    assert "v=DMARC1; p=reject;" in planned.stdout
    assert "l=https://example.org/l.svg;" in planned.stdout
    assert planned.stderr == ""


def test_a_change_batch_keeps_what_else_is_there(run: Run, zones: Zones) -> None:
    zones.add("example.org", "TXT", "site-verification=1")
    planned = run("plan", *PLAIN, "--format", "route53", "--reports", "r@other.test")
    batch = json.loads(planned.stdout)
    values = [
        record["Value"]
        for change in batch["Changes"]
        for record in change["ResourceRecordSet"]["ResourceRecords"]
    ]
    assert '"site-verification=1"' in values
    assert [value for value in values if value.startswith('"v=spf1 mx')] == ['"v=spf1 mx ~all"']
    assert "In another zone: example.org._report._dmarc.other.test. TXT" in planned.stderr
    assert "https://mta-sts.example.org/.well-known/mta-sts.txt" in planned.stderr
    zones.broken.add("example.org")
    planned = run("plan", *PLAIN, "--format", "route53")
    json.loads(planned.stdout)
    assert "which this replaces" in planned.stderr


def test_the_certificate_is_for_dane(run: Run, tmp_path: Path) -> None:
    made = trustme.CA().issue_cert("mail.example.org")
    made.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    certificate = x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key_digest(tmp_path / "certificate.pem") == hashlib.sha256(key).digest()
    planned = run("plan", *PLAIN, "--certificate", str(tmp_path / "certificate.pem"))
    assert f"TLSA  3 1 1 {hashlib.sha256(key).hexdigest()}" in planned.stdout


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"],
)  # fmt: skip
def test_what_is_no_certificate(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.pem").write_bytes(content)
    with pytest.raises(BadSetting):
        key_digest(tmp_path / "c.pem")


def test_a_domain_that_is_set_up_well(run: Run, zones: Zones) -> None:
    publish_keys(zones)
    zones.set("_25._tcp.mail.example.org", "TLSA")
    checked = run("check", *PLAIN)
    assert checked.exit_code == 0, checked.output
    assert "✓ MX" in checked.output
    assert "✗" not in checked.output
    assert "All " in checked.output


def test_a_domain_that_is_not(run: Run, zones: Zones) -> None:
    publish_keys(zones)
    zones.set("example.org", "TXT", "v=spf1 -all")
    zones.set("_imaps._tcp.example.org", "SRV")
    checked = run("check", *PLAIN)
    assert checked.exit_code == 1
    assert "✗ SPF" in checked.output
    assert "does not let us send from 8.8.4.4" in checked.output
    assert "→ Add ip4:8.8.4.4" in checked.output
    assert "○" in checked.output
    assert "keep mail from arriving" in checked.output
    as_json = run("check", *PLAIN, "--json")
    assert as_json.exit_code == 1
    bad = [row for row in json.loads(as_json.output) if row["bad"]]
    assert [(row["topic"], row["state"]) for row in bad] == [("SPF", "wrong")]


def test_what_is_only_advised_is_no_failure(run: Run, zones: Zones) -> None:
    publish_keys(zones)
    zones.set("_smtp._tls.example.org", "TXT")
    checked = run("check", *PLAIN)
    assert checked.exit_code == 0
    assert "Mail works." in checked.output


def test_nobody_steers_the_terminal(run: Run, zones: Zones) -> None:
    zones.set("example.org", "TXT", "v=spf1 \x1b[2J[red]x -all")
    checked = run("check", *PLAIN)
    assert "\x1b[2J" not in checked.output
    assert "[red]x" in checked.output


def test_what_cannot_be(run: Run) -> None:
    assert "--host" in str(run("plan", "example.org").exception)
    assert isinstance(run("plan", *PLAIN, "--bimi", "http://x/l.svg").exception, BadSetting)
    assert run("plan", *PLAIN, "--address", "300.1.2.3").exit_code == 2
    assert run("plan", *PLAIN, "--dmarc", "maybe").exit_code == 2
