"""Asks the DNS whether it says what the mail of a domain needs."""

from collections.abc import Callable, Iterator

from postroom.deliverability.finding import Finding, State, told
from postroom.deliverability.plan import Setup, plan
from postroom.deliverability.receiving import check_dane, check_mta_sts, check_mx, check_tls_rpt
from postroom.deliverability.records import Weight
from postroom.deliverability.sending import (
    check_bimi,
    check_dkim,
    check_dmarc,
    check_reverse,
    check_spf,
)
from postroom.platform.resolver import Resolver
from postroom.platform.web import Web


def check(setup: Setup, resolver: Resolver, web: Web | None = None) -> tuple[Finding, ...]:
    """All findings, in the order of `plan`. Never raises: what the DNS does not tell is "unknown".

    Without *web* the MTA-STS policy is not fetched.
    """
    domain, host = setup.domain, setup.host
    checks: list[tuple[str, str, str, Weight, Callable[[], Iterator[Finding]]]] = [
        ("MX", domain, "MX", "needed", lambda: check_mx(setup, resolver)),
        ("SPF", domain, "TXT", "needed", lambda: check_spf(setup, resolver)),
        ("DKIM", f"_domainkey.{domain}", "TXT", "needed", lambda: check_dkim(setup, resolver)),
        ("DMARC", f"_dmarc.{domain}", "TXT", "needed", lambda: check_dmarc(setup, resolver)),
        ("Reverse", host, "PTR", "needed", lambda: check_reverse(setup, resolver)),
        ("MTA-STS", f"_mta-sts.{domain}", "TXT", "advised",
            lambda: check_mta_sts(setup, resolver, web)),
        ("TLS-RPT", f"_smtp._tls.{domain}", "TXT", "advised",
            lambda: check_tls_rpt(setup, resolver)),
        ("DANE", f"_25._tcp.{host}", "TLSA", "optional", lambda: check_dane(setup, resolver)),
        ("Clients", f"_*._tcp.{domain}", "SRV", "advised", lambda: _check_clients(setup, resolver)),
        ("BIMI", f"default._bimi.{domain}", "TXT", "optional", lambda: check_bimi(setup, resolver)),
    ]  # fmt: skip
    return tuple(finding for each in checks for finding in told(*each))


def _check_clients(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 6186: priorities and weights are the owner's choice, ports and hosts are not."""
    for record in plan(setup):
        if record.topic != "Clients":
            continue
        found = resolver.query(record.name, "SRV").records
        state: State = "ok"
        reason = ""
        is_offered = record.value != "0 0 0 ."
        if not found:
            if not is_offered:
                continue  # saying nothing says the same
            state, reason = "missing", "mail programs have to guess"
        elif {_place(text) for text in found} != {_place(record.value)}:
            state, reason = "wrong", "it leads elsewhere, or to another port"
            if not is_offered:
                reason = "the service is not offered"
        remedy = "" if state == "ok" else f"Publish SRV {record.value}"
        yield Finding(
            "Clients", record.name, "SRV", state, "advised", found, record.value, reason, remedy
        )


def _place(text: str) -> tuple[str, ...]:
    """Port and host of an SRV record."""
    return tuple(text.lower().rstrip(".").split()[2:4])
