"""The Resolver port over dnspython and the machine's resolver."""

import dns.exception
import dns.flags
import dns.rdatatype
import dns.resolver

from postroom.platform.resolver import Answer, DnsUnavailable, RecordType

_NXDOMAIN_TTL = 300  # seconds, when a negative answer brings no SOA to tell


class DnsResolver:
    """Asks the servers of ``/etc/resolv.conf``, or those whose addresses are given."""

    def __init__(
        self, timeout: float = 10.0, servers: tuple[str, ...] = (), port: int = 53
    ) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = timeout
        self._resolver.timeout = min(timeout, 3.0)
        # Ask for the AD bit (RFC 6840 section 5.7) and for room beyond 512 octets.
        self._resolver.use_edns(0, 0, 1232)
        self._resolver.flags = dns.flags.RD | dns.flags.AD
        if servers:
            self._resolver.nameservers = list(servers)
            self._resolver.port = port

    def query(self, name: str, record_type: RecordType) -> Answer:
        asked = name.rstrip(".") + "."
        try:
            found = self._resolver.resolve(asked, record_type, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            return Answer((), exists=False, validated=_negative_validated(error), ttl=_NXDOMAIN_TTL)
        except dns.exception.DNSException as error:
            raise DnsUnavailable(name, record_type, str(error) or type(error).__name__) from error
        validated = bool(found.response.flags & dns.flags.AD)
        if found.rrset is None:
            return Answer((), validated=validated, ttl=_NXDOMAIN_TTL)
        return Answer(
            tuple(_text(record, record_type) for record in found.rrset),
            validated=validated,
            ttl=found.rrset.ttl,
        )


def _text(record: dns.rdata.Rdata, record_type: RecordType) -> str:
    if record_type == "TXT":
        # One text of several strings; octets beyond ASCII survive as surrogates or UTF-8.
        return b"".join(record.strings).decode("utf-8", "surrogateescape")  # type: ignore[attr-defined]
    return str(record.to_text())


def _negative_validated(error: dns.resolver.NXDOMAIN) -> bool:
    responses = error.responses().values()  # type: ignore[no-untyped-call]
    return bool(responses) and all(response.flags & dns.flags.AD for response in responses)
