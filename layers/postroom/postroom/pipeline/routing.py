"""Where each recipient's mail goes: accounts here, addresses elsewhere, or nowhere."""

from postroom.directory.addresses import BadAddress, canonical, canonical_domain
from postroom.directory.records import Route
from postroom.pipeline.accepted import Recipient
from postroom.pipeline.work import Rooms, Work
from postroom.relay.forwarding import is_rewritten

NO_SUCH_ADDRESS = "5.1.1"  # RFC 3463 section 3.2


def route(app: Rooms, works: list[Work]) -> None:
    """Follow every recipient to accounts and other servers: aliases, details, domain aliases,
    catch-alls, and back to whom a forwarded message came from."""
    recipients = [recipient.address for work in works for recipient in work.accepted.recipients]
    found = dict(zip(recipients, app.directory.routes(recipients), strict=True))
    for work in works:
        for recipient in work.accepted.recipients:
            _add_route(app, work, recipient, found[recipient.address])


def _add_route(app: Rooms, work: Work, recipient: Recipient, route: Route) -> None:
    now = int(app.clock.seconds() * 1000)
    leaving, address = work.leaving, recipient.address
    anywhere = work.is_ours or work.accepted.via
    if is_rewritten(address):
        original = app.forwarding.original(address)
        if original is not None:
            leaving.add(original, recipient, expanded=False, via=domain_of(address))
            return
    for answering in route.answering:
        work.answering.setdefault(answering, []).append(address)
    elsewhere, reasons = list(route.elsewhere), list(route.reasons)
    if any(_same(other, address) for other in elsewhere) and not anywhere:
        # Its domain was ours when it was accepted.
        elsewhere = []
        reasons.append(f"{address}: not in a domain of ours")
    expanded = len(route.targets) + len(elsewhere) > 1
    if expanded:
        leaving.tell("expanded", recipient, "2.0.0", "It went on to several addresses.", now)
    for target in route.targets:
        work.targets.setdefault(target.account, target)
        work.recipients[target.account].append(address)
        if not expanded:
            leaving.tell("delivered", recipient, "2.0.0", "It is in the mailbox.", now)
    for other in elsewhere:
        same = _same(other, address)
        via = work.accepted.via if same else domain_of(address)
        leaving.add(address if same else other, recipient, expanded=expanded, via=via)
    if reasons and not route.targets and not elsewhere:
        leaving.tell("failed", recipient, NO_SUCH_ADDRESS, "; ".join(reasons), now)


def domain_of(address: str) -> str:
    """The domain of an address in lower case and A-labels, as far as it has them."""
    domain = address.rpartition("@")[2]
    try:
        return canonical_domain(domain)
    except BadAddress:
        return domain.lower()


def _same(address: str, other: str) -> bool:
    try:
        return str(canonical(address)) == str(canonical(other))
    except BadAddress:
        return address == other
