"""`postroom dns`: what a domain must say in the DNS, and whether it does."""

import base64
import binascii
import hashlib
import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.cli.session import DEFAULT_DATA, Data, Json, console, opened, printable
from postroom.app import App
from postroom.deliverability.check import check
from postroom.deliverability.finding import Finding
from postroom.deliverability.plan import (
    DmarcPolicy,
    PlannedKey,
    Setup,
    StsMode,
    plan,
    sts_policy,
)
from postroom.deliverability.records import DnsRecord, policy_url, route53_batch, zone_file
from postroom.deliverability.spf import is_spf
from postroom.directory.addresses import canonical, canonical_domain
from postroom.errors import BadSetting, BadSyntax
from postroom.platform.dane import key_of
from postroom.platform.resolver import DnsUnavailable, Resolver

dns = typer.Typer(
    no_args_is_help=True, help="DNS: every record that the mail of a domain needs, and a check."
)

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_LARGEST_PEM = 1_000_000  # octets


class Format(StrEnum):
    zone = "zone"
    route53 = "route53"


def _name(text: str) -> str:
    """In A-labels. Raises BadAddress."""
    return canonical_domain(text) if text else text


def _names(texts: list[str] | None) -> list[str]:
    return [canonical_domain(text) for text in texts or []]


def _addresses(texts: list[str] | None) -> list[str]:
    try:
        return [str(ipaddress.ip_address(text)) for text in texts or []]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


DomainName = Annotated[
    str, typer.Argument(metavar="DOMAIN", callback=_name, help="What follows the @.")
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        envvar="POSTROOM_HOSTNAME",
        callback=_name,
        help="Name of the edge: mail comes to it, clients connect to it.",
    ),
]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--address",
        metavar="IP",
        callback=_addresses,
        help="That mail leaves from, if not the host's own. May be repeated.",
    ),
]
Includes = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="DOMAIN",
        callback=_names,
        help="Others who send for the domain: amazonses.com. May be repeated.",
    ),
]
Reports = Annotated[
    str, typer.Option("--reports", metavar="ADDRESS", help="For reports; else postmaster.")
]
Dmarc = Annotated[DmarcPolicy, typer.Option("--dmarc", help="What others do with forged mail.")]
Sts = Annotated[StsMode, typer.Option("--sts", help="Mode of the MTA-STS policy.")]
StsHost = Annotated[
    str,
    typer.Option(
        "--sts-host", callback=_name, help="Web server to make mta-sts.DOMAIN a CNAME of."
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        envvar="POSTROOM_TLS_CERTIFICATE",
        exists=True,
        dir_okay=False,
        help="The edge's certificate in PEM, for DANE.",
    ),
]
Bimi = Annotated[str, typer.Option("--bimi", metavar="URL", help="Of a logo: https, SVG Tiny PS.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="A zone file, or a change batch for Route 53.")
]


@dataclass(frozen=True)
class _Options:
    domain: str
    host: str
    addresses: Sequence[str] | None
    includes: Sequence[str] | None
    reports: str
    dmarc: DmarcPolicy
    sts: StsMode
    sts_host: str
    certificate: Path | None
    bimi: str

    def setup(self, app: App) -> Setup:
        host = self.host or app.hostname
        if "." not in host:
            raise BadSetting("say what the edge is called: --host mail.example.org")
        if self.bimi and not re.fullmatch(r"https://[!-:<-~]+", self.bimi):
            raise BadSetting(f"{self.bimi!r} is no https: URL of a logo")
        ring = app.dkim_keys.ring(self.domain)
        return Setup(
            domain=self.domain,
            host=host,
            keys=tuple(PlannedKey(key.name, key.text, key.state == "signing") for key in ring.keys),
            addresses=tuple(self.addresses or ()),
            includes=tuple(self.includes or ()),
            reports=str(canonical(self.reports)) if self.reports else "",
            dmarc=self.dmarc,
            sts=self.sts,
            sts_host=self.sts_host,
            certificate_key=key_digest(self.certificate) if self.certificate else b"",
            bimi=self.bimi,
        )


@dns.command("plan")
def print_plan(
    domain: DomainName,
    form: FormatOption = Format.zone,
    host: Host = "",
    addresses: Addresses = None,
    includes: Includes = None,
    reports: Reports = "",
    dmarc: Dmarc = "none",
    sts: Sts = "testing",
    sts_host: StsHost = "",
    certificate: Certificate = None,
    bimi: Bimi = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print every record that the mail of a domain needs."""
    options = _Options(
        domain, host, addresses, includes, reports, dmarc, sts, sts_host, certificate, bimi
    )
    with opened(data) as app:
        setup = options.setup(app)
        records = plan(setup)
        if form is Format.zone:
            typer.echo(zone_file(domain, records, sts_policy(setup)))
        else:
            kept = _kept(records, app.resolver)
            typer.echo(json.dumps(route53_batch(domain, records, kept), indent=2))
            _tell_beside(setup, records)
    if not setup.keys:
        _tell(f"[yellow]No DKIM keys yet:[/] postroom dkim make {domain}, then plan again.")


@dns.command("check")
def check_domain(
    domain: DomainName,
    host: Host = "",
    addresses: Addresses = None,
    includes: Includes = None,
    reports: Reports = "",
    dmarc: Dmarc = "none",
    sts: Sts = "testing",
    certificate: Certificate = None,
    bimi: Bimi = "",
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Ask the DNS whether a domain says what its mail needs; 1 is returned when it does not.

    The options say what is right; use those of `plan`.
    """
    from postroom.platform.https import HttpsWeb

    options = _Options(
        domain, host, addresses, includes, reports, dmarc, sts, "", certificate, bimi
    )
    with opened(data) as app:
        setup = options.setup(app)
        findings = check(setup, app.resolver, HttpsWeb(app.resolver))
    if as_json:
        rows = [{**asdict(finding), "bad": finding.is_bad} for finding in findings]
        typer.echo(json.dumps(rows, indent=2))  # ASCII: strangers' octets may be no UTF-8
    else:
        print_findings(setup, findings)
    if any(finding.is_bad for finding in findings):
        raise typer.Exit(1)


def key_digest(certificate: Path) -> bytes:
    """SHA-256 of the public key of a file's first certificate, as DANE has it (RFC 6698 section
    2.1). Raises BadSetting."""
    try:
        with certificate.open("rb") as file:
            found = _PEM.search(file.read(_LARGEST_PEM))
        if found is None:
            raise BadSetting(f"{certificate} holds no certificate in PEM")
        return hashlib.sha256(key_of(base64.b64decode(found[1]))).digest()
    except (OSError, binascii.Error, BadSyntax) as error:
        raise BadSetting(f"{certificate} cannot be read as a certificate: {error}") from error


def print_findings(setup: Setup, findings: Sequence[Finding]) -> None:
    console.print(f"[bold]{setup.domain}[/], served by [bold]{setup.host}[/]\n")
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    topic = ""
    for finding in findings:
        table.add_row(
            _mark(finding),
            Text(finding.topic if finding.topic != topic else "", "bold"),
            _story(finding),
        )
        topic = finding.topic
    console.print(table)
    console.print(f"\n{_summary(findings)}")


def _mark(finding: Finding) -> str:
    if finding.state == "ok":
        return "[green]✓[/]"
    if finding.is_bad:
        return "[red]?[/]" if finding.state == "unknown" else "[red]✗[/]"
    return "[yellow]○[/]" if finding.state == "missing" else "[yellow]![/]"


def _story(finding: Finding) -> Group:
    head = Text(printable(finding.name))
    head.append(f"  {finding.kind}", "dim")
    if finding.state in ("missing", "unknown"):
        head.append(f"  {finding.state}", "red" if finding.is_bad else "yellow")
    lines = [Text(_shortened(printable(value)), "dim") for value in finding.found]
    if finding.reason:
        lines.append(Text(printable(finding.reason)))
    if finding.remedy:
        lines.append(Text(f"→ {printable(finding.remedy)}", "cyan"))
    return Group(head, *(Padding(line, (0, 0, 0, 2)) for line in lines))


def _shortened(value: str) -> str:
    return value if len(value) <= 100 else f"{value[:80]}…{value[-16:]}"


def _summary(findings: Sequence[Finding]) -> str:
    bad = sum(finding.is_bad for finding in findings)
    open_ones = sum(finding.state != "ok" for finding in findings) - bad
    if bad:
        rest = f" {open_ones} more can be better." if open_ones else ""
        return f"[red]{bad} of {len(findings)} keep mail from arriving or being believed.[/]{rest}"
    if open_ones:
        return f"[green]Mail works.[/] {open_ones} of {len(findings)} can be better."
    return f"[green]All {len(findings)} are as they should be.[/]"


def _kept(records: Sequence[DnsRecord], resolver: Resolver) -> list[DnsRecord]:
    """TXT records about other things, under names that we write to: Route 53 replaces them all."""
    kept = []
    for name in dict.fromkeys(record.name for record in records if record.topic == "SPF"):
        try:
            texts = resolver.query(name, "TXT").records
        except DnsUnavailable as error:
            _tell(f"[yellow]Look at the TXT records of {name}, which this replaces:[/] {error}")
            continue
        kept += [
            DnsRecord("kept", name, "TXT", text, "optional", "")
            for text in texts
            if not is_spf(text)
        ]
    return kept


def _tell_beside(setup: Setup, records: Sequence[DnsRecord]) -> None:
    """What a change batch cannot say."""
    for record in records:
        if not record.is_in(setup.domain):
            value = " ".join(record.strings)
            _tell(f"In another zone: {record.name}. {record.kind} {escape(value)}")
    if policy := sts_policy(setup):
        lines = " / ".join(policy.split("\r\n")[:-1])
        _tell(f"MTA-STS: serve as {policy_url(setup.domain)}: {lines}")


def _tell(sentence: str) -> None:
    Console(stderr=True).print(sentence, highlight=False, soft_wrap=True)
