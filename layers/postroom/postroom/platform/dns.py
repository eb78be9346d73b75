"""The Resolver port over dnspython and the machine's resolver."""

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver

from postroom.platform.resolver import Answer, DnsUnavailable, RecordType

_NEGATIVE_TTL = 300  # seconds, when a negative answer brings no SOA to tell
_RESOLV_CONF = Path("/etc/resolv.conf")


class DnsResolver:
    """Asks the servers of ``/etc/resolv.conf``, or those whose addresses and ports are given.

    What a server says about DNSSEC counts only if nobody can alter it on its way: the server is
    on this machine, or ``options trust-ad`` of resolv.conf (glibc's word for it) or *trust_ad*
    says that it is as good as that. Safe in any thread.
    """

    def __init__(
        self,
        timeout: float = 10.0,
        servers: Sequence[tuple[str, int]] = (),
        trust_ad: bool = False,
    ) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = timeout
        self._resolver.timeout = min(timeout, 3.0)
        # Ask for the AD bit (RFC 6840 section 5.7) and for room beyond 512 octets.
        self._resolver.use_edns(0, 0, 1232)
        self._resolver.flags = dns.flags.RD | dns.flags.AD
        if servers:
            self._resolver.nameservers = [Do53Nameserver(*server) for server in servers]
            asked = [address for address, _ in servers]
        else:
            asked = [str(server) for server in self._resolver.nameservers]
        self._trusted = trust_ad or _are_here(asked) or (not servers and _trusts_ad(_RESOLV_CONF))

    def query(self, name: str, record_type: RecordType) -> Answer:
        asked = name.rstrip(".") + "."
        try:
            found = self._resolver.resolve(asked, record_type, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            responses = list(error.responses().values())  # type: ignore[no-untyped-call]
            validated = bool(responses) and all(self._validated(one) for one in responses)
            ttl = min((_ttl(one) for one in responses), default=_NEGATIVE_TTL)
            return Answer((), exists=False, validated=validated, ttl=ttl)
        except dns.exception.DNSException as error:
            raise DnsUnavailable(name, record_type, str(error) or type(error).__name__) from error
        canonical = found.canonical_name.to_text(omit_final_dot=True).lower()
        return Answer(
            tuple(_text(record, record_type) for record in found.rrset or ()),
            validated=self._validated(found.response),
            ttl=_ttl(found.response),
            canonical=canonical if canonical != name.rstrip(".").lower() else "",
        )

    def _validated(self, response: dns.message.Message) -> bool:
        return self._trusted and bool(response.flags & dns.flags.AD)


def _text(record: dns.rdata.Rdata, record_type: RecordType) -> str:
    if record_type == "TXT":
        # One text of several strings; octets beyond ASCII survive as surrogates or UTF-8.
        return b"".join(record.strings).decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
    return str(record.to_text())


def _ttl(response: dns.message.Message) -> int:
    """The shortest on the way to the answer; of a negative one by its SOA (RFC 2308 section 5)."""
    with suppress(dns.exception.DNSException):
        chain = response.resolve_chaining()  # type: ignore[attr-defined]
        if chain.answer is not None or _has_soa(response):
            return int(chain.minimum_ttl)
    return _NEGATIVE_TTL


def _has_soa(response: dns.message.Message) -> bool:
    return any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)


def _are_here(servers: Sequence[str]) -> bool:
    try:
        return bool(servers) and all(ipaddress.ip_address(one).is_loopback for one in servers)
    except ValueError:  # DNS over HTTPS has a URL
        return False


def _trusts_ad(conf: Path) -> bool:
    try:
        text = conf.read_text(errors="replace")
    except OSError:
        return False
    return any(
        "trust-ad" in line.split()[1:] for line in text.splitlines() if re.match(r"options\s", line)
    )
