"""Every record that the mail of a domain needs. Pure: how the domain is set up goes in, records
come out."""

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from postroom.deliverability.records import DnsRecord, Weight

DmarcPolicy = Literal["none", "quarantine", "reject"]
StsMode = Literal["none", "testing", "enforce"]

_STS_MAX_AGE = {"testing": 86_400, "enforce": 1_209_600}  # seconds: a day, two weeks

# What clients look for (RFC 6186 section 3, RFC 8314 section 5.1, RFC 5804 section 1.8), and where
# it is: 0 says "not offered" (RFC 6186 section 3.4).
PORTS: Mapping[str, int] = {
    "submissions": 465,
    "imaps": 993,
    "pop3s": 995,
    "submission": 587,
    "imap": 143,
    "pop3": 110,
    "sieve": 4190,
}
# The lowest is preferred, also between IMAP and POP3 (RFC 6186 section 4): TLS from the start
# before STARTTLS (RFC 8314 section 3), IMAP before POP3.
_PRIORITIES = {"submission": 10, "imap": 10, "pop3s": 20, "pop3": 30}


@dataclass(frozen=True, slots=True)
class PlannedKey:
    """A DKIM key to be found in the DNS."""

    name: str
    text: str
    signs: bool = True  # False: announced, or retired and still needed for mail on its way


@dataclass(frozen=True, slots=True)
class Setup:
    """How the mail of a domain is run. Names in A-labels, lower case, without a final dot."""

    domain: str
    host: str  # what MX points to, clients connect to, and we call ourselves
    keys: tuple[PlannedKey, ...] = ()
    addresses: tuple[str, ...] = ()  # IP addresses that mail leaves from; () for those of `host`
    includes: tuple[str, ...] = ()  # SPF of others that send for us: amazonses.com
    reports: str = ""  # address for reports of DMARC and TLS; "" for postmaster
    dmarc: DmarcPolicy = "none"
    sts: StsMode = "testing"
    sts_host: str = ""  # who serves the policy, when mta-sts.<domain> is to be a CNAME
    certificate_key: bytes = b""  # SHA-256 of the SubjectPublicKeyInfo of the host's certificate
    bimi: str = ""  # URL of the logo, SVG Tiny PS
    ports: Mapping[str, int] = field(default_factory=lambda: PORTS)

    @property
    def report_address(self) -> str:
        return self.reports or f"postmaster@{self.domain}"

    @property
    def report_domain(self) -> str:
        return self.report_address.rpartition("@")[2]


def plan(setup: Setup) -> tuple[DnsRecord, ...]:
    """The records, in the order of their weight for a newcomer."""
    return tuple(
        record
        for part in (_mx, _spf, _dkim, _dmarc, _mta_sts, _tls_rpt, _dane, _clients, _bimi)
        for record in part(setup)
    )


def sts_policy(setup: Setup) -> str:
    """The policy file of RFC 8461 section 3.2, "" when there is to be none."""
    if setup.sts == "none":
        return ""
    lines = (
        "version: STSv1",
        f"mode: {setup.sts}",
        f"mx: {setup.host}",
        f"max_age: {_STS_MAX_AGE[setup.sts]}",
    )
    return "".join(f"{line}\r\n" for line in lines)


def _mx(setup: Setup) -> Iterator[DnsRecord]:
    why = "mail for the domain comes to this host, which needs an A or AAAA record and no CNAME."
    yield DnsRecord("MX", setup.domain, "MX", f"10 {setup.host}.", "needed", why)


def _spf(setup: Setup) -> Iterator[DnsRecord]:
    """RFC 7208. ``~all``: with ``-all`` some refuse forwarded mail before they look at its DKIM
    signature (RFC 7489 section 10.1)."""
    sources = [_spf_address(address) for address in setup.addresses] or ["mx"]
    sources += [f"include:{name}" for name in setup.includes]
    text = f"v=spf1 {' '.join(sources)} ~all"
    yield DnsRecord("SPF", setup.domain, "TXT", text, "needed", "who may send for the domain.")
    if setup.host != setup.domain:
        hosts = [_spf_address(address) for address in setup.addresses] or ["a"]
        why = "bounces have no sender, so their SPF is that of the host (RFC 7208 section 2.4)."
        text = f"v=spf1 {' '.join(hosts)} -all"
        yield DnsRecord("SPF", setup.host, "TXT", text, "advised", why)


def _spf_address(address: str) -> str:
    return f"ip{ipaddress.ip_address(address).version}:{address}"


def _dkim(setup: Setup) -> Iterator[DnsRecord]:
    for key in setup.keys:
        why = "the key that signatures of outgoing mail are checked with."
        if not key.signs:
            why = "a key for the next signatures, or for mail that it has signed before."
        weight: Weight = "needed" if key.signs else "advised"
        yield DnsRecord("DKIM", key.name, "TXT", key.text, weight, why)


def _dmarc(setup: Setup) -> Iterator[DnsRecord]:
    text = f"v=DMARC1; p={setup.dmarc}; rua=mailto:{setup.report_address}"
    why = "what others do with mail that claims to be ours and is not, and who is told."
    if setup.dmarc == "none":
        why += " Raise p= to quarantine or reject once reports show only your own mail."
    yield DnsRecord("DMARC", f"_dmarc.{setup.domain}", "TXT", text, "needed", why)
    if setup.report_domain != setup.domain:
        name = f"{setup.domain}._report._dmarc.{setup.report_domain}"
        why = "the other domain agrees to get the reports (RFC 7489 section 7.1)."
        yield DnsRecord("DMARC", name, "TXT", "v=DMARC1", "advised", why)


def _mta_sts(setup: Setup) -> Iterator[DnsRecord]:
    policy = sts_policy(setup)
    if not policy:
        return
    # Has to change with the policy, and only then (RFC 8461 section 3.1).
    policy_id = hashlib.sha256(policy.encode()).hexdigest()[:20]
    why = "others send to us over TLS only, to a host with a valid certificate."
    text = f"v=STSv1; id={policy_id};"
    yield DnsRecord("MTA-STS", f"_mta-sts.{setup.domain}", "TXT", text, "advised", why)
    if setup.sts_host:
        target = f"{setup.sts_host}."
        yield DnsRecord("MTA-STS", f"mta-sts.{setup.domain}", "CNAME", target, "advised", why)


def _tls_rpt(setup: Setup) -> Iterator[DnsRecord]:
    """RFC 8460 section 3."""
    text = f"v=TLSRPTv1; rua=mailto:{setup.report_address}"
    why = "others report daily how TLS with us went."
    yield DnsRecord("TLS-RPT", f"_smtp._tls.{setup.domain}", "TXT", text, "advised", why)


def _dane(setup: Setup) -> Iterator[DnsRecord]:
    """DANE-EE with the key's SHA-256 (RFC 7672 section 3.1.1): names and dates do not matter."""
    if setup.certificate_key:
        value = f"3 1 1 {setup.certificate_key.hex()}"
        why = (
            "servers that know DANE accept this key only; it counts where the zone is signed with "
            "DNSSEC. Publish the next key beside it for two TTLs before you change the key."
        )
        yield DnsRecord("DANE", f"_25._tcp.{setup.host}", "TLSA", value, "optional", why)


def _clients(setup: Setup) -> Iterator[DnsRecord]:
    why = "mail programs find their servers by the address alone (RFC 6186, RFC 8314)."
    for service, port in setup.ports.items():
        value = f"{_PRIORITIES.get(service, 0)} 1 {port} {setup.host}." if port else "0 0 0 ."
        yield DnsRecord("Clients", f"_{service}._tcp.{setup.domain}", "SRV", value, "advised", why)


def _bimi(setup: Setup) -> Iterator[DnsRecord]:
    if setup.bimi:
        why = "some providers show this logo; they want DMARC with quarantine or reject for it."
        text = f"v=BIMI1; l={setup.bimi};"
        yield DnsRecord("BIMI", f"default._bimi.{setup.domain}", "TXT", text, "optional", why)
