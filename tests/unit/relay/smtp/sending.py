"""A courier, and one call to send something to a sink."""

from collections.abc import Callable, Sequence
from pathlib import Path

from postroom.platform.network import TlsWanted
from postroom.platform.sockets import SocketNetwork
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.relay.parcel import Delivered, Host, Outcome, Parcel, Recipient
from postroom.relay.smtp.content import Resign
from postroom.relay.smtp.courier import Courier
from postroom.relay.smtp.limits import ClientLimits
from tests.sinks import Sink

MAIL = b"From: alice@example.com\r\nSubject: hi\r\n\r\nHello\r\n.a dot\r\n"
QUICK = ClientLimits(
    connect=5,
    handshake=1,
    greeting=1,
    command=1,
    data=1,
    block=1,
    final=1,
    quit=1,
    reserve=0,
)


OPEN: list[Courier] = []  # closed after each test


def courier(trust: Path | None = None, limits: ClientLimits = QUICK) -> Courier:
    network = SocketNetwork(trust)
    made = Courier(network, SystemClock(), SystemRandomness(), "client.example.com", limits)
    OPEN.append(made)
    return made


def parcel(*addresses: str, content: bytes = MAIL, name: str = "q1", **more: object) -> Parcel:
    recipients = tuple(Recipient(address) for address in addresses or ("bob@example.net",))
    return Parcel(name, "alice@example.com", recipients, content, **more)  # type: ignore[arg-type]


def host(sink: Sink | int, name: str = "mx.example.net", **more: object) -> Host:
    port = sink if isinstance(sink, int) else sink.port
    return Host(name, ("127.0.0.1",), port, **more)  # type: ignore[arg-type]


ANY = TlsWanted("any", ("mx.example.net",))


def send(
    sink: Sink | Sequence[Host],
    *parcels: Parcel,
    by: Courier | None = None,
    budget: float = 30,
    resign: Resign | None = None,
    then: Callable[[Parcel, Delivered], None] = lambda *_: None,
) -> list[Delivered]:
    """Deliver, and return what became of each parcel, in order."""
    using = by or courier()
    results: list[Delivered] = []

    def done(came: Sequence[tuple[Parcel, Delivered]]) -> None:
        for found, delivered in came:
            assert set(delivered.outcomes) == {one.address for one in found.recipients}
            results.append(delivered)
            then(found, delivered)

    hosts = [host(sink)] if isinstance(sink, Sink) else sink
    using.deliver(parcels or (parcel(),), hosts, budget, done, resign)
    if by is None:
        using.close()
    assert len(results) == len(parcels or (1,))
    return results


def one(results: list[Delivered]) -> Outcome:
    """The only outcome of the only parcel."""
    [delivered] = results
    [outcome] = delivered.outcomes.values()
    return outcome
