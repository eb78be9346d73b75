"""Whether others believe that our mail is ours: SPF, DKIM, DMARC, reverse DNS, BIMI."""

import ipaddress
from collections.abc import Iterator

from postroom.authentication.dkim.records import parse_key_record
from postroom.authentication.dkim.tags import parse_tags
from postroom.deliverability.dmarc import DmarcRecord, is_dmarc, parse_dmarc
from postroom.deliverability.finding import Finding, State
from postroom.deliverability.plan import PlannedKey, Setup, plan
from postroom.deliverability.receiving import addresses_of
from postroom.deliverability.records import DnsRecord, Weight
from postroom.deliverability.spf import is_spf, look_through, parse_spf
from postroom.errors import BadSyntax
from postroom.platform.resolver import RecordType, Resolver


def check_spf(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 7208: of the domain, and of the name that we greet others with."""
    for record in plan(setup):
        if record.topic == "SPF":
            yield _check_spf(record, addresses_of(setup, resolver), resolver)


def _check_spf(record: DnsRecord, addresses: tuple[str, ...], resolver: Resolver) -> Finding:
    texts = resolver.query(record.name, "TXT").records
    about = tuple(text for text in texts if is_spf(text))
    publish = f'Publish TXT "{record.value}"'

    def finding(state: State, reason: str = "", remedy: str = "") -> Finding:
        return Finding(
            "SPF", record.name, "TXT", state, record.weight, about, record.value, reason, remedy
        )

    if not about:
        almost = [text for text in texts if "v=spf1" in text.lower()]
        if almost:
            return finding("wrong", f"{almost[0]!r} does not begin with v=spf1", publish)
        return finding("missing", "nobody knows which servers send for the domain", publish)
    if len(about) > 1:
        reason = f"there are {len(about)} SPF records: that is an error for all mail (section 4.5)"
        return finding("wrong", reason, "Put all into one record and remove the others.")
    try:
        terms = parse_spf(about[0])
        found = look_through(resolver, record.name, about[0], addresses)
    except BadSyntax as error:
        return finding("wrong", str(error), publish)
    if any(term.mechanism == "all" and term.qualifier == "+" for term in terms):
        return finding("wrong", "+all lets anybody send for the domain", "Write ~all or -all.")
    if found.problems:
        return finding("wrong", "; ".join(found.problems), f"Correct it, or p{publish[1:]}")
    uncovered = [f"{ip} ({result})" for ip, result in found.covered.items() if result != "pass"]
    if uncovered and all("unknown" in one for one in uncovered):
        return finding("improve", f"macros decide about {', '.join(uncovered)}", "Look yourself.")
    if uncovered:
        sources = " ".join(
            f"ip{ipaddress.ip_address(ip).version}:{ip}"
            for ip, result in found.covered.items()
            if result != "pass"
        )
        reason = f"it does not let us send from {', '.join(uncovered)}"
        return finding("wrong", reason, f"Add {sources} in front of its last term.")
    if not addresses:
        reason = "it is not known where mail leaves from, so nor whether that is covered"
        return finding("improve", reason, "Name the addresses: --address.")
    if not any(term.mechanism in ("all", "redirect") for term in terms):
        return finding("improve", "it says nothing about other servers", "Add ~all at its end.")
    return finding("ok")


def check_dkim(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 6376 section 3.6."""
    if not setup.keys:
        remedy = f"Run postroom dkim make {setup.domain} and publish what it prints."
        reason = "mail of the domain is not signed"
        name = f"_domainkey.{setup.domain}"
        yield Finding("DKIM", name, "TXT", "missing", "needed", (), "", reason, remedy)
    for key in setup.keys:
        yield _check_key(key, resolver)


def _check_key(key: PlannedKey, resolver: Resolver) -> Finding:
    answer = resolver.query(key.name, "TXT")
    weight: Weight = "needed" if key.signs else "advised"

    def finding(state: State, reason: str = "", remedy: str = "") -> Finding:
        return Finding(
            "DKIM", key.name, "TXT", state, weight, answer.records, key.text, reason, remedy
        )

    domain = key.name.partition("._domainkey.")[2]
    publish = f"Publish what postroom dkim list {domain} --records prints."
    if not answer.records:
        reason = "signatures with this key fail"
        if not key.signs:
            reason = "no signature is made with it now, but it is still or soon needed"
        return finding("missing", reason, publish)
    if len(answer.records) > 1:
        return finding("wrong", "several records: verifiers take any one", "Remove the others.")
    try:
        found, ours = parse_key_record(answer.records[0]), parse_key_record(key.text)
    except BadSyntax as error:
        return finding("wrong", str(error), publish)
    if not found.public:
        return finding("wrong", "the record says that the key is revoked (an empty p=)", publish)
    if (found.kind, found.public) != (ours.kind, ours.public):
        return finding("wrong", "it is another key, or a part of ours", publish)
    if "email" not in found.services and "*" not in found.services:
        return finding("wrong", "s= does not let the key sign mail", publish)
    if found.hashes and "sha256" not in found.hashes:
        return finding("wrong", "h= does not allow SHA-256", publish)
    if "y" in found.flags:
        return finding("improve", "t=y says that signatures are a test", "Remove t=y.")
    return finding("ok")


def check_dmarc(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """RFC 7489 sections 6.3, 6.6.3 and 7.1."""
    planned = [record for record in plan(setup) if record.topic == "DMARC"]
    name, wanted = planned[0].name, planned[0].value
    place, about = _nearest_dmarc(setup.domain, resolver)

    def finding(state: State, reason: str = "", remedy: str = "") -> Finding:
        return Finding("DMARC", name, "TXT", state, "needed", about, wanted, reason, remedy)

    publish = f'Publish TXT "{wanted}"'
    if not about:
        reason = "large providers refuse or hide mail of domains without DMARC"
        yield finding("missing", reason, publish)
        return
    if len(about) > 1:
        yield finding("wrong", f"{len(about)} records count as none", "Remove all but one.")
        return
    try:
        record = parse_dmarc(about[0])
    except BadSyntax as error:
        yield finding("wrong", str(error), publish)
        return
    is_inherited = place != setup.domain
    policy = record.subdomains if is_inherited else record.policy
    whence = f" (that of {place} holds)" if is_inherited else ""
    if policy == "none" or record.percent < 100:
        reason = f"p={policy}, pct={record.percent}: mail that is not ours is let through{whence}"
        remedy = "When reports show only your own mail, publish p=quarantine, then p=reject."
        yield finding("improve", reason, remedy)
    elif not record.reports:
        yield finding("improve", f"nobody gets reports{whence}", "Add rua=mailto:… to it.")
    else:
        yield finding("ok", whence.strip(" ()"))
    yield from _check_consent(place, record, resolver)


def _nearest_dmarc(domain: str, resolver: Resolver) -> tuple[str, tuple[str, ...]]:
    """The records of the domain, else of the nearest domain above it that has some.

    Receivers look at the organizational domain only (section 6.6.3), or at all above it (its
    successor, DMARCbis); in practice that is the same one.
    """
    labels = domain.split(".")
    for start in range(max(len(labels) - 1, 1)):
        place = ".".join(labels[start:])
        texts = resolver.query(f"_dmarc.{place}", "TXT").records
        if about := tuple(text for text in texts if is_dmarc(text)):
            return place, about
    return domain, ()


def _check_consent(place: str, record: DmarcRecord, resolver: Resolver) -> Iterator[Finding]:
    """Section 7.1: who gets reports about other domains has to say so."""
    domains = dict.fromkeys(address.rpartition("@")[2].lower() for address in record.reports)
    for domain in domains:
        if domain == place or domain.endswith(f".{place}") or place.endswith(f".{domain}"):
            continue  # of one organization, as near as can be told
        name = f"{place}._report._dmarc.{domain}"
        texts = resolver.query(name, "TXT").records
        state: State = "ok" if any(is_dmarc(text) for text in texts) else "missing"
        reason = remedy = ""
        if state == "missing":
            reason = f"{domain} does not say that it takes reports about {place}: it gets none"
            remedy = f'Have TXT "v=DMARC1" published there, or name an address in {place}.'
        yield Finding("DMARC", name, "TXT", state, "advised", texts, "v=DMARC1", reason, remedy)


def check_reverse(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    """Forward-confirmed reverse DNS: large providers refuse mail from addresses without."""
    for address in addresses_of(setup, resolver):
        ip = ipaddress.ip_address(address)
        names = tuple(
            name.rstrip(".").lower() for name in resolver.query(ip.reverse_pointer, "PTR").records
        )
        kind: RecordType = "A" if ip.version == 4 else "AAAA"
        confirmed = [
            name
            for name in names[:10]
            if any(
                ipaddress.ip_address(found) == ip for found in resolver.query(name, kind).records
            )
        ]
        state: State = "ok"
        reason = ""
        remedy = f"Have whoever gave you {address} name it {setup.host}."
        if not names:
            state, reason = "missing", "the address has no name; many servers refuse its mail"
        elif not confirmed:
            state = "wrong"
            reason = f"{', '.join(names)} does not lead back to {address}"
        elif setup.host not in confirmed:
            state, reason = "improve", f"it is called {confirmed[0]}, but greets as {setup.host}"
        else:
            remedy = ""
        yield Finding(
            "Reverse", ip.reverse_pointer, "PTR", state, "needed", names, f"{setup.host}.",
            reason, remedy,
        )  # fmt: skip


def check_bimi(setup: Setup, resolver: Resolver) -> Iterator[Finding]:
    for record in plan(setup):
        if record.topic != "BIMI":
            continue
        texts = resolver.query(record.name, "TXT").records
        about = tuple(text for text in texts if text.startswith("v=BIMI1"))
        state: State = "ok"
        reason = ""
        if not about:
            state, reason = "missing", "no logo is shown"
        elif _tag(about[0], "l") != setup.bimi:
            state, reason = "wrong", "it names another logo"
        remedy = "" if state == "ok" else f'Publish TXT "{record.value}"'
        yield Finding(
            "BIMI", record.name, "TXT", state, "optional", about, record.value, reason, remedy
        )


def _tag(text: str, name: str) -> str:
    try:
        return parse_tags(text).get(name, "")
    except BadSyntax:
        return ""
