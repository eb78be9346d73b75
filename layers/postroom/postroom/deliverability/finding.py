"""What a check has found about one record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from postroom.deliverability.records import Weight
from postroom.platform.resolver import DnsUnavailable

# "improve": it works, and could be better; "unknown": the DNS did not tell.
State = Literal["ok", "improve", "missing", "wrong", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    topic: str  # "SPF"
    name: str  # where the record is, or should be
    kind: str  # "TXT"
    state: State
    weight: Weight
    found: tuple[str, ...] = ()  # what the DNS says
    wanted: str = ""  # the value to publish, "" when there is none to give
    reason: str = ""  # what is wrong, or could be better
    remedy: str = ""  # what to do

    @property
    def is_bad(self) -> bool:
        """Something that mail needs is not as it has to be."""
        return self.weight == "needed" and self.state in ("missing", "wrong", "unknown")


def told(
    topic: str, name: str, kind: str, weight: Weight, check: Callable[[], Iterator[Finding]]
) -> list[Finding]:
    """The findings of *check*; when the DNS fails in its midst, that is one of them."""
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except DnsUnavailable as error:
        remedy = "Try again later; if it stays, look at the name servers."
        findings.append(
            Finding(topic, name, kind, "unknown", weight, reason=str(error), remedy=remedy)
        )
    return findings
