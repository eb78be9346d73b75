"""Who writes to a masked address: whoever was given it, or somebody who got it from them.

Judged by the domain of the reverse-path, which is what is kept of a message. A shop that sends
through a mail service may well have that service's domain there: a stranger is a question, not
a proof.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from postroom.directory.addresses import BadAddress, canonical_domain


@dataclass(frozen=True, slots=True)
class Correspondent:
    domain: str  # of the reverse-path; "" for reports, which have none
    messages: int
    first: int  # milliseconds since 1970
    last: int
    is_stranger: bool | None  # None when it cannot be told: no site is noted, or a report


def correspondents(site: str, messages: Iterable[tuple[int, str]]) -> list[Correspondent]:
    """Count *messages*, each with its time in milliseconds and its reverse-path, by domain:
    strangers first, then whoever wrote last.

    *site* is whom the address was given to: a domain, or a name such as "Example Shop".
    """
    times: dict[str, list[int]] = {}
    for at, reverse_path in messages:
        times.setdefault(_domain(reverse_path), []).append(at)
    found = [
        Correspondent(domain, len(at), min(at), max(at), _is_stranger(domain, site))
        for domain, at in times.items()
    ]
    return sorted(found, key=lambda one: (not one.is_stranger, -one.last, one.domain))


def _domain(reverse_path: str) -> str:
    domain = reverse_path.rpartition("@")[2]
    try:
        return canonical_domain(domain)
    except BadAddress:
        return domain.lower()


def _is_stranger(domain: str, site: str) -> bool | None:
    if not domain or not site:
        return None
    host = site.lower().rpartition("://")[2].partition("/")[0]
    host = host.removeprefix("www.").rpartition("@")[2]
    if "." not in host or " " in host:
        # A name: the shop "Example Shop" has example-shop in its domain, or exampleshop.
        name = _letters(host)
        return not name or name not in _letters(domain)
    return not (_is_within(domain, _domain(host)) or _is_within(_domain(host), domain))


def _is_within(domain: str, parent: str) -> bool:
    return domain == parent or ("." in parent and domain.endswith(f".{parent}"))


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())
