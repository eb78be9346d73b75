"""Whatever a server says, and however it is cut: each recipient gets one outcome, in bounded time,
and nothing is said to be relayed that no server took."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.platform.network import PeerLost, PeerSilent, TlsFailed, TlsWanted
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.relay.parcel import Delivered, Host, Parcel, Recipient
from postroom.relay.smtp.courier import Courier
from postroom.relay.smtp.limits import ClientLimits

_LIMITS = ClientLimits(reply_lines=8, reply_octets=2000, reply_line=300)
_REPLIES = st.sampled_from(
    [
        b"220 hello\r\n",
        b"250 Ok\r\n",
        b"250 Ok\n",
        b"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 2000\r\n250 DSN\r\n",
        b"250-mx\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n",
        b"250-mx\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n250 STARTTLS\r\n",
        b"250-mx\r\n250-LIMITS RCPTMAX=1 MAILMAX=1\r\n250-PIPELINING\r\n250 SIZE\r\n",
        b"250-mx\r\n250 STARTTLS\r\n",
        b"235 in\r\n",
        b"334 \r\n",
        b"334 cj1hLHM9YSxpPTE=\r\n",
        b"354 go\r\n",
        b"421 4.3.2 bye\r\n",
        b"450 4.2.0 later\r\n",
        b"452 4.5.3 too many\r\n",
        b"550-5.1.1 no\r\n550 5.1.1 no\r\n",
        b"552 5.5.3 too many\r\n",
        b"250-",
        b"\r\n",
        b"\xff\x00",
        b"",
    ]
)
_OPENING = [b"220 hello\r\n", b"250-mx\r\n250 PIPELINING\r\n"]
scripts = st.lists(st.one_of(_REPLIES, _REPLIES, st.binary(max_size=30)), max_size=25)


class _Peer:
    """A connection whose other side has its octets ready, whatever is said to it."""

    peer = "192.0.2.1"

    def __init__(self, octets: bytes, piece: int, silent: bool, tls: bool) -> None:
        self.tls = ""
        self.sent = 0
        self._octets = octets
        self._piece = piece
        self._silent = silent
        self._good_tls = tls

    def send(self, octets: bytes, timeout: float) -> None:
        assert timeout >= 0
        self.sent += len(octets)
        if self.sent > 100_000:
            raise PeerLost("enough")

    def receive(self, most: int, timeout: float) -> bytes:
        found, self._octets = self._octets[: self._piece], self._octets[self._piece :]
        if not found and self._silent:
            raise PeerSilent("timed out")
        return found

    def start_tls(self, wanted: TlsWanted, timeout: float) -> None:
        if not self._good_tls:
            raise TlsFailed("validation-failure", "no")
        self.tls = "TLSv1.3"

    def close(self) -> None:
        pass


class _Peers:
    def __init__(self, scripts: Sequence[bytes], piece: int, silent: bool, tls: bool) -> None:
        self.connects = 0
        self._scripts = list(scripts)
        self._how = (piece, silent, tls)

    def connect(self, address: str, port: int, timeout: float) -> _Peer:
        self.connects += 1
        if not self._scripts:
            raise PeerLost("refused")
        return _Peer(self._scripts.pop(0), *self._how)


@settings(max_examples=400, deadline=None)
@given(
    several=st.lists(scripts, min_size=1, max_size=4),
    opening=st.booleans(),
    piece=st.sampled_from([1, 7, 100_000]),
    silent=st.booleans(),
    tls=st.booleans(),
    secure=st.sampled_from([0, 1, 2, 3]),
    user=st.sampled_from(["", "u"]),
    content=st.sampled_from([b"Subject: x\r\n\r\nhi\r\n", "Subject: ü\r\n\r\nü\r\n".encode()]),
)
def test_any_server(
    several: list[list[bytes]],
    opening: bool,
    piece: int,
    silent: bool,
    tls: bool,
    secure: int,
    user: str,
    content: bytes,
) -> None:
    prefix = _OPENING if opening else []
    said = [b"".join([*prefix, *script]) for script in several]
    network = _Peers(said, piece, silent, tls)
    courier = Courier(network, SystemClock(), SystemRandomness(), "me.example", _LIMITS)
    wanted = TlsWanted("names", ("mx",)) if secure else None
    hosts = [
        Host("mx", ("192.0.2.1", "127.0.0.1"), 25, secure == 3, wanted, secure >= 2, "", user, "p"),
        Host("mx2", ("192.0.2.3",)),
    ]
    parcels = [
        Parcel(
            f"q{number}",
            "a@example.com" if number else "",
            tuple(Recipient(f"r{one}@example.net") for one in range(number + 1)),
            content,
            requiretls=number == 2,
        )
        for number in range(3)
    ]
    results: list[tuple[Parcel, Delivered]] = []
    courier.deliver(parcels, hosts, 60, results.extend)
    courier.close()
    assert [parcel for parcel, _ in results] == parcels
    accepted = sum(found.count(b"250") for found in said)
    relayed = set()
    for parcel, done in results:
        assert set(done.outcomes) == {one.address for one in parcel.recipients}
        for outcome in done.outcomes.values():
            assert (
                outcome.status[0] == {"relayed": "2", "deferred": "4", "failed": "5"}[outcome.kind]
            )
            assert len(outcome.reply) <= 500
            assert (outcome.reply + outcome.reason).isprintable()
            if outcome.kind == "relayed":
                relayed.add(parcel.name)
    assert len(relayed) <= accepted
    assert network.connects <= 16
