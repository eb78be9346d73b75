"""Whether mail for the domain finds us, and over which TLS: MX, MTA-STS, TLS-RPT, DANE."""

import ipaddress
from collections.abc import Iterator

from postroom.deliverability.finding import Finding, State
from postroom.deliverability.plan import Setup, plan, sts_policy
from postroom.deliverability.records import Weight, policy_url
from postroom.errors import BadSyntax
from postroom.platform.network import Tlsa
from postroom.platform.resolver import Answer, Resolver
from postroom.platform.web import Web, WebFailed
from postroom.relay.destinations.dane import parse_tlsa
from postroom.relay.destinations.mx import parse_mx
from postroom.relay.destinations.sts_policy import (
    LARGEST_POLICY,
    parse_sts_policy,
    policy_id,
)
from postroom.relay.tls_reports.records import places

_TIMEOUT = 20.0  # seconds for the policy
_MOST_HOSTS = 20


def check_mx(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 5321 section 5.1, RFC 7505, RFC 2181 section 10.3."""
    wanted = f"10 {setup.host}."
    answer = resolver.query(setup.domain, "MX")

    def finding(state: State, reason: str = "", remedy: str = "") -> Finding:
        return Finding(
            "MX", setup.domain, "MX", state, "needed", answer.records, wanted, reason, remedy
        )

    publish = f"Publish MX {wanted}"
    if not answer.exists:
        yield finding("missing", "the domain is not in the DNS", "Register it, or wait.")
        return
    if not answer.records:
        reason = "without MX records mail goes to the domain's own address, if it has one"
        yield finding("missing", reason, publish)
        return
    hosts = mx_hosts(answer)
    if hosts == [""]:
        reason = "a null MX (RFC 7505) says that the domain takes no mail"
        yield finding("wrong", reason, f"Replace it by MX {wanted}")
    elif "" in hosts:
        reason = "a null MX beside other records means nothing good (RFC 7505 section 3)"
        yield finding("wrong", reason, "Remove the record whose host is the root, a single dot.")
    elif setup.host not in hosts:
        yield finding("wrong", f"mail goes to {', '.join(hosts)}, not to {setup.host}", publish)
    elif len(hosts) > 1:
        others = ", ".join(host for host in hosts if host != setup.host)
        reason = f"mail may go to {others}, too"
        yield finding("improve", reason, "Remove them unless they pass mail on to us.")
    else:
        yield finding("ok")
    for host in dict.fromkeys(host for host in hosts if host):
        yield _check_host(host, resolver, is_ours=host == setup.host)


def mx_hosts(answer: Answer) -> list[str]:
    """Names in the order of preference, "" for the root; what is no MX record is left out."""
    found = []
    for text in answer.records[:_MOST_HOSTS]:
        try:
            found.append(parse_mx(text))
        except BadSyntax:
            continue
    return [name for _, name in sorted(found)]


def _check_host(host: str, resolver: Resolver, *, is_ours: bool) -> Finding:
    weight: Weight = "needed" if is_ours else "advised"
    answers = [resolver.query(host, "A"), resolver.query(host, "AAAA")]
    addresses = tuple(address for answer in answers for address in answer.records)
    state: State = "ok"
    reason = remedy = ""
    alias = next((answer.canonical for answer in answers if answer.canonical), "")
    if alias:
        state, reason = "wrong", f"it is a CNAME of {alias}; some servers refuse such an MX"
        remedy = (
            f"Give {host} A and AAAA records, or name {alias} in the MX (RFC 2181 section 10.3)."
        )
    elif not addresses:
        state, reason = "missing", "the host of the MX has no address"
        remedy = f"Publish A or AAAA records for {host}."
    elif not any(ipaddress.ip_address(address).is_global for address in addresses):
        state, reason = "wrong", "nobody outside reaches these addresses"
        remedy = "Publish the public address."
    return Finding("MX", host, "A/AAAA", state, weight, addresses, "", reason, remedy)


def check_mta_sts(setup: Setup, resolver: Resolver, web: Web | None) -> Iterator[Finding]:
    """RFC 8461 sections 3.1 to 3.3. The policy counts more than what we would write into it."""
    name = f"_mta-sts.{setup.domain}"
    records = resolver.query(name, "TXT").records
    planned = [record for record in plan(setup) if record.name == name]
    wanted = planned[0].value if planned else ""
    about = tuple(text for text in records if text.startswith("v=STSv1"))
    publish = f'Publish TXT "{wanted}"' if wanted else ""
    if not about:
        reason = "others may be led to send to us in the clear, or to somebody else"
        if wanted:
            yield Finding("MTA-STS", name, "TXT", "missing", "advised", (), wanted, reason, publish)
        return
    try:
        if not policy_id(records):
            reason = f"there are {len(about)} records; then there is none (RFC 8461 section 3.1)"
            remedy = "Remove all but one."
            yield Finding("MTA-STS", name, "TXT", "wrong", "advised", about, wanted, reason, remedy)
            return
    except BadSyntax as error:
        yield Finding(
            "MTA-STS", name, "TXT", "wrong", "advised", about, wanted, str(error), publish
        )
        return
    yield Finding("MTA-STS", name, "TXT", "ok", "advised", about, wanted)
    if web is not None:
        yield _check_policy(setup, mx_hosts(resolver.query(setup.domain, "MX")), web)


def _check_policy(setup: Setup, hosts: list[str], web: Web) -> Finding:
    url = policy_url(setup.domain)
    serve = f"Serve there: {' / '.join(sts_policy(setup).split(chr(13) + chr(10))[:-1])}"
    try:
        policy = parse_sts_policy(web.get(url, most=LARGEST_POLICY, timeout=_TIMEOUT))
    except WebFailed as error:
        return Finding("MTA-STS", url, "policy", "missing", "advised", (), "", str(error), serve)
    except BadSyntax as error:
        return Finding("MTA-STS", url, "policy", "wrong", "advised", (), "", str(error), serve)

    missing = [host for host in hosts if host and not policy.allows(host)]
    state: State = "ok"
    weight: Weight = "advised"
    reason = remedy = ""
    if policy.mode == "none":
        state, reason, remedy = "improve", "the policy says that there is none", serve
    elif missing:
        state, reason = "wrong", f"the policy does not allow the MX {', '.join(missing)}"
        remedy = f"Add mx: {missing[0]} to the policy and change the id of the TXT record."
        # Servers that keep to an enforced policy deliver nothing if it does not fit.
        weight = "needed" if policy.mode == "enforce" else "advised"
    elif policy.mode == "testing":
        state, reason = "improve", "failures are reported, mail is sent all the same"
        remedy = "Set mode: enforce and change the id of the TXT record."
    return Finding("MTA-STS", url, "policy", state, weight, policy.lines, "", reason, remedy)


def check_tls_rpt(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 8460 section 3."""
    name = f"_smtp._tls.{setup.domain}"
    wanted = f"v=TLSRPTv1; rua=mailto:{setup.report_address}"
    about = tuple(
        text for text in resolver.query(name, "TXT").records if text.startswith("v=TLSRPTv1")
    )
    state: State = "ok"
    reason, remedy = "", f'Publish TXT "{wanted}"'
    if not about:
        state, reason = "missing", "nobody tells us when TLS with us fails"
    elif len(about) > 1:
        state, reason, remedy = "wrong", "several records count as none", "Remove all but one."
    else:
        try:
            found = places(about)
            if not found.mail and not found.web:
                state, reason = "wrong", "it names no place that reports can go to"
        except BadSyntax as error:
            state, reason = "wrong", str(error)
    remedy = "" if state == "ok" else remedy
    yield Finding("TLS-RPT", name, "TXT", state, "advised", about, wanted, reason, remedy)


def check_dane(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 7672. TLSA records that no certificate matches keep mail away, so they are worse than
    none."""
    name = f"_25._tcp.{setup.host}"
    answer = resolver.query(name, "TLSA")
    wanted = f"3 1 1 {setup.certificate_key.hex()}" if setup.certificate_key else ""

    def finding(state: State, reason: str = "", remedy: str = "") -> Finding:
        weight: Weight = "needed" if state == "wrong" and answer.validated else "optional"
        return Finding("DANE", name, "TLSA", state, weight, answer.records, wanted, reason, remedy)

    if not answer.records:
        if wanted:
            yield finding("missing", "", f"Publish TLSA {wanted} if the zone is signed.")
        return
    if not wanted:
        reason = "there are records, but the certificate is not known here"
        yield finding("unknown", reason, "Set POSTROOM_TLS_CERTIFICATE and check again.")
        return
    if not any(_is_ours(text, setup.certificate_key) for text in answer.records):
        reason = "no record is about our key by its SHA-256 (3 1 1)"
        if answer.validated:
            reason += "; servers that know DANE do not deliver to us unless another one matches"
        yield finding("wrong", reason, f"Publish TLSA {wanted}")
    elif not answer.validated:
        reason = "the resolver here does not vouch for it by DNSSEC: unsigned records do not count"
        yield finding("improve", reason, "Sign the zone, or ask a validating resolver.")
    else:
        yield finding("ok")


def _is_ours(text: str, digest: bytes) -> bool:
    try:
        return parse_tlsa(text) == Tlsa(3, 1, 1, digest)
    except BadSyntax:
        return False


def addresses_of(setup: Setup, resolver: Resolver) -> tuple[str, ...]:
    """Where mail leaves from: as the setup says, else the host's own addresses.

    Raises DnsUnavailable.
    """
    if setup.addresses:
        return setup.addresses
    return resolver.query(setup.host, "A").records + resolver.query(setup.host, "AAAA").records
