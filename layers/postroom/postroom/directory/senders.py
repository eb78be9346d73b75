"""Which addresses an account may send as.

Its own (details and alias domains included), every alias that leads to it, those a catch-all
brings to it, and what was granted to it. Somebody who forwards all mail to another account stays
the only one who sends as that address: forwarding gives mail away, not the name.

Pure, over a map of records, as `postroom.directory.routes` is.
"""

from postroom.directory.addresses import Address, BadAddress, canonical
from postroom.directory.routes import (
    DEEPEST,
    MOST_TARGETS,
    Known,
    Missing,
    look_up,
    targets_of,
    without_detail,
)
from postroom.platform.table import Key


def identity_key(account: str, address: str) -> Key:
    """Filed with the account: granted to send as this address, or as all of ``@domain``."""
    return Key(f"account/{account}", f"identity/{address}")


def may_send_as(account: str, address: Address, known: Known) -> bool:
    """Raises Missing. One read answers for an own address or a grant, two for most aliases."""
    missing: set[Key] = set()
    grants = [identity_key(account, str(address)), identity_key(account, f"@{address.domain}")]
    split = without_detail(address, "+")
    if split is not None:
        grants.append(identity_key(account, str(split[0])))
    missing.update(key for key in grants if key not in known)
    level, seen = [address], {address}
    for _ in range(DEEPEST):
        below: list[Address] = []
        for place in level:
            try:
                _, entry = look_up(place, known)
            except Missing as error:
                missing |= error.keys
                continue
            if entry is None:
                continue
            owner = str(entry.record.body["account"])
            if owner == account:
                return bool(entry.record.body["enabled"])
            if not owner:  # of an address with an owner the targets are only where it forwards
                below += _addresses(targets_of(entry.record), seen)
        if missing:
            raise Missing(missing)
        if any(known[key] is not None for key in grants):
            return True
        if not below:
            return False
        level = below
    return False


def _addresses(targets: tuple[str, ...], seen: set[Address]) -> list[Address]:
    """Those not met before, and no more than a route may have."""
    found = []
    for text in targets:
        try:
            address = canonical(text)
        except BadAddress:  # outside, where longer local parts are allowed
            continue
        if address not in seen and len(seen) < MOST_TARGETS:
            seen.add(address)
            found.append(address)
    return found
