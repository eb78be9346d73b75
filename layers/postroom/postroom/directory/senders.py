"""Which addresses an account may send as.

Its own (details, dots and alias domains included), every alias, pattern and masked address that
leads to it, those a catch-all brings to it, and what was granted to it. Somebody who forwards
all mail to another account stays the only one who sends as that address: forwarding gives mail
away, not the name. As a closed alias, which takes no answers, nobody sends.

Pure, over a map of records, as `postroom.directory.routes` is.
"""

from postroom.directory.addresses import Address, BadAddress, canonical
from postroom.directory.filing import open_targets
from postroom.directory.lookup import Known, Missing, look_up, splits
from postroom.directory.routes import DEEPEST, MOST_TARGETS
from postroom.platform.table import Key


def identity_key(account: str, address: str) -> Key:
    """Filed with the account: granted to send as this address, or as all of ``@domain``."""
    return Key(f"account/{account}", f"identity/{address}")


def may_send_as(account: str, address: Address, known: Known, now: float) -> bool:
    """Raises Missing. One read answers for an own address or a grant, two for most aliases."""
    missing: set[Key] = set()
    # The separators of other domains are not ours to know: that of nearly all must do.
    granted = [str(address), f"@{address.domain}", *(str(name) for name, _ in splits(address, "+"))]
    grants = [identity_key(account, name) for name in granted]
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
                below += _addresses(open_targets(entry.record, now), seen)
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
