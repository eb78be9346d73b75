"""DNS records as values, and how zone files and Route 53 write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

TTL = 3_600  # seconds
_LONGEST_STRING = 255  # octets of one string of a TXT record (RFC 1035 section 3.3)
_COLUMN = 40  # where values begin

Kind = Literal["MX", "TXT", "SRV", "TLSA", "CNAME"]
# Without what is needed mail does not arrive, or not in the inbox; what is advised protects it or
# spares people work.
Weight = Literal["needed", "advised", "optional"]


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """``name`` without a final dot; ``value`` in presentation format, of a TXT record its text."""

    topic: str  # "SPF"
    name: str
    kind: Kind
    value: str
    weight: Weight
    why: str  # a sentence for whoever publishes it

    def is_in(self, zone: str) -> bool:
        return self.name == zone or self.name.endswith(f".{zone}")

    @property
    def strings(self) -> tuple[str, ...]:
        """The value as a master file has it, in as many strings as it needs."""
        if self.kind != "TXT":
            return (self.value,)
        return tuple(quoted(self.value))


def quoted(text: str) -> Iterable[str]:
    """Character strings of at most 255 octets, in quotes (RFC 1035 section 5.1)."""
    octets = text.encode("utf-8", "surrogateescape")
    for start in range(0, max(len(octets), 1), _LONGEST_STRING):
        yield f'"{_escaped(octets[start : start + _LONGEST_STRING])}"'


def _escaped(octets: bytes) -> str:
    plain = octets.decode("latin-1")
    plain = re.sub(r'["\\]', lambda match: f"\\{match[0]}", plain)
    return re.sub(r"[^\x20-\x7e]", lambda match: f"\\{ord(match[0]):03d}", plain)


def zone_line(record: DnsRecord) -> str:
    """One record of a master file; a long TXT record takes several lines, in parentheses."""
    head = f"{record.name + '.':{_COLUMN}} {TTL} IN {record.kind:5}"
    if len(record.strings) == 1:
        return f"{head} {record.strings[0]}"
    return "\n".join([f"{head} (", *(f"    {string}" for string in record.strings), "    )"])


def zone_file(domain: str, records: Sequence[DnsRecord], policy: str) -> str:
    """Text that can be put into the zone of *domain*; the rest is commentary.

    What belongs to other zones is there as comments, and so is the MTA-STS policy.
    """
    lines = [f"; Mail of {domain}", ""]
    before = ("", "")
    for record in records:
        if record.is_in(domain):
            if (record.topic, record.why) != before:
                lines += [] if before == ("", "") else [""]
                lines += _comment(f"{record.topic} ({record.weight}): {record.why}")
            lines.append(zone_line(record))
            before = (record.topic, record.why)
    lines.append("")
    elsewhere = [record for record in records if not record.is_in(domain)]
    if elsewhere:
        lines += _comment(f"Not in the zone of {domain}, but needed in others:")
        for record in elsewhere:
            lines += _comment(f"{record.topic} ({record.weight}): {record.why}")
            lines += [f"; {line}" for line in zone_line(record).split("\n")]
        lines.append("")
    if policy:
        lines += _comment(f"MTA-STS: serve this as {policy_url(domain)}, type text/plain:")
        lines += [f";   {line}" for line in policy.splitlines()]
        lines.append("")
    return "\n".join(lines)


def policy_url(domain: str) -> str:
    """RFC 8461 section 3.3."""
    return f"https://mta-sts.{domain}/.well-known/mta-sts.txt"


def route53_batch(
    domain: str, records: Sequence[DnsRecord], kept: Sequence[DnsRecord] = ()
) -> dict[str, Any]:
    """What ``aws route53 change-resource-record-sets --change-batch`` takes, for the one hosted
    zone of *domain*.

    UPSERT replaces all records of a name and type, so other TXT records of a name have to be
    among *kept*.
    """
    sets: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.is_in(domain):
            sets.setdefault((record.name, record.kind), []).append(" ".join(record.strings))
    for record in kept:
        if (values := sets.get((record.name, record.kind))) is not None:
            values.append(" ".join(record.strings))
    return {
        "Comment": f"Mail of {domain}",
        "Changes": [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {
                    "Name": f"{name}.",
                    "Type": kind,
                    "TTL": TTL,
                    "ResourceRecords": [{"Value": value} for value in dict.fromkeys(values)],
                },
            }
            for (name, kind), values in sets.items()
        ],
    }


def _comment(text: str) -> list[str]:
    """In lines of at most 78 columns."""
    lines, line = [], ";"
    for word in text.split():
        if len(line) + 1 + len(word) > 78 and line != ";":
            lines.append(line)
            line = ";"
        line += f" {word}"
    return [*lines, line]
