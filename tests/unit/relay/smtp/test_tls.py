"""STARTTLS, implicit TLS, policies, REQUIRETLS (RFC 3207, RFC 8689) as the courier keeps them."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from postroom.platform.network import Tlsa, TlsWanted
from tests.sinks import EXTENSIONS, Raw, Sink, at
from tests.unit.relay.smtp.sending import ANY, courier, host, one, parcel, send

NAMES = TlsWanted("names", ("mx.example.net",))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    return _context(authority, "mx.example.net")


def _context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(found)
    return found


def test_starttls_is_used_when_offered(context: ssl.SSLContext) -> None:
    with Sink(context=context) as sink:
        [delivered] = send([host(sink, tls=ANY)])
    assert sink.letters[0].tls.startswith("TLSv1")
    assert sink.verbs()[:3] == ["EHLO", "STARTTLS", "EHLO"]
    [result] = delivered.tls
    assert (result.host, result.address, result.failure) == ("mx.example.net", "127.0.0.1", "")
    assert result.detail.startswith("TLSv1")


def test_a_reused_connection_is_reported_once(context: ssl.SSLContext) -> None:
    with Sink(context=context) as sink:
        results = send([host(sink, tls=ANY)], parcel(), parcel())
    assert [len(delivered.tls) for delivered in results] == [1, 0]


def test_never_tls(context: ssl.SSLContext) -> None:
    with Sink(context=context) as sink:
        [delivered] = send([host(sink)])
    assert sink.letters[0].tls == ""
    assert delivered.tls == ()


def test_opportunistic_without_starttls() -> None:
    with Sink() as sink:
        [delivered] = send([host(sink, tls=ANY)])
    assert one([delivered]).kind == "relayed"
    assert [result.failure for result in delivered.tls] == ["starttls-not-supported"]
    assert len(sink.visits) == 1


@pytest.mark.parametrize(
    ("action", "visits", "failure"),
    [
        ("454 4.7.0 Not now", 1, "starttls-not-supported"),
        (Raw(b"220 Go on\r\n\x15\x03\x01\x00\x02\x02\x28"), 2, "validation-failure"),
        (Raw(b"220 Go on\r\nGARBAGE, no TLS record at all, and more of it\r\n"), 2,
         "validation-failure"),
        (Raw(b"220 Go on\r\n"), 2, "validation-failure"),  # and then silence
    ],
)  # fmt: skip
def test_a_broken_starttls(
    action: object, visits: int, failure: str, context: ssl.SSLContext
) -> None:
    """Opportunistic: in the clear, on a new connection if need be. Required: not at all."""
    for required in (False, True):
        with Sink(at("STARTTLS", action), context=context) as sink:  # type: ignore[arg-type]
            [delivered] = send([host(sink, tls=ANY, tls_required=required)])
        outcome = one([delivered])
        assert failure in [result.failure for result in delivered.tls]
        if required:
            assert (outcome.kind, outcome.status[:4]) == ("deferred", "4.7.")
            assert not sink.letters
        else:
            assert outcome.kind == "relayed"
            assert sink.letters[0].tls == ""
            assert len(sink.visits) == visits


def test_octets_that_came_before_the_handshake_are_refused(context: ssl.SSLContext) -> None:
    injected = Raw(b"220 Go on\r\n250-mx\r\n250 AUTH PLAIN\r\n")
    with Sink(at("STARTTLS", injected), context=context) as sink:
        [delivered] = send([host(sink, tls=ANY, tls_required=True)])
    assert one([delivered]).kind == "deferred"
    assert delivered.tls[0].failure == "validation-failure"
    assert "before the TLS handshake" in delivered.tls[0].detail


def test_required_and_not_offered() -> None:
    with Sink() as sink:
        [delivered] = send([host(sink, tls=NAMES, tls_required=True, policy="sts")])
    outcome = one([delivered])
    assert (outcome.kind, outcome.status) == ("deferred", "4.7.4")
    [result] = delivered.tls
    assert (result.policy, result.failure) == ("sts", "starttls-not-supported")
    assert "MAIL" not in sink.verbs()


@pytest.mark.parametrize(
    ("names", "trusted", "failure"),
    [
        (("mx.example.net",), True, ""),
        (("*.example.net",), True, ""),
        ((".example.net",), True, ""),
        (("other.example.net", "mx.example.net"), True, ""),
        (("mx2.example.net",), True, "certificate-host-mismatch"),
        (("*.net",), True, "certificate-host-mismatch"),
        (("mx.example.net",), False, "certificate-not-trusted"),
    ],
)
def test_names(
    names: tuple[str, ...], trusted: bool, failure: str, context: ssl.SSLContext, trust: Path
) -> None:
    wanted = TlsWanted("names", names)
    with Sink(context=context) as sink:
        [delivered] = send(
            [host(sink, tls=wanted, tls_required=True)], by=courier(trust if trusted else None)
        )
    assert one([delivered]).kind == ("deferred" if failure else "relayed")
    assert [result.failure for result in delivered.tls] == [failure]


def test_the_next_host_is_tried_when_one_breaks_the_policy(
    context: ssl.SSLContext, trust: Path
) -> None:
    with Sink() as bare, Sink(context=context) as good:
        hosts = [
            host(bare, tls=NAMES, tls_required=True),
            host(good, "mx2", tls=NAMES, tls_required=True),
        ]
        [delivered] = send(hosts, by=courier(trust))
    assert one([delivered]).peer == "mx2 [127.0.0.1]"
    assert [result.failure for result in delivered.tls] == ["starttls-not-supported", ""]


def test_implicit_tls(context: ssl.SSLContext, trust: Path) -> None:
    with Sink(context=context, implicit_tls=True) as sink:
        good = host(sink, tls=NAMES, implicit_tls=True, tls_required=True)
        assert one(send([good], by=courier(trust))).kind == "relayed"
        assert one(send([good])).status == "4.7.5"  # does not trust it
        assert one(send([host(sink, implicit_tls=True)])).kind == "relayed"
    assert "STARTTLS" not in sink.verbs()
    with Sink() as sink:
        outcome = one(send([host(sink, implicit_tls=True)]))
    assert outcome.status == "4.7.5"
    assert not sink.letters  # never in the clear


def test_dane(context: ssl.SSLContext) -> None:
    good = TlsWanted("dane", ("mx.example.net",), (Tlsa(3, 0, 1, b"\0" * 32),))
    with Sink(context=context) as sink:
        [delivered] = send([host(sink, tls=good, tls_required=True, policy="tlsa")])
    assert one([delivered]).status == "4.7.5"
    assert [result.failure for result in delivered.tls] == ["validation-failure"]


_REQUIRING = (*EXTENSIONS, "REQUIRETLS")


def test_requiretls(context: ssl.SSLContext, trust: Path) -> None:
    asked = parcel(requiretls=True)
    with Sink(context=context, extensions=_REQUIRING) as sink:
        verified = host(sink, tls=NAMES, tls_required=True)
        assert one(send([verified], asked, by=courier(trust))).kind == "relayed"
        assert "REQUIRETLS" in sink.letters[0].mail
        outcome = one(send([host(sink, tls=ANY)], asked))  # nobody checked who it is
        assert (outcome.kind, outcome.status) == ("failed", "5.7.10")
        outcome = one(send([verified], asked))  # not trusted
        assert (outcome.kind, outcome.status) == ("failed", "5.7.10")
    with Sink(context=context) as sink:
        verified = host(sink, tls=NAMES, tls_required=True)
        outcome = one(send([verified], asked, by=courier(trust)))
        assert (outcome.kind, outcome.status) == ("failed", "5.7.30")
        # A bounce goes all the same (RFC 8689 section 5), and other mail does.
        bounce = replace(asked, reverse_path="")
        assert one(send([verified], bounce, by=courier(trust))).kind == "relayed"
        assert one(send([verified], parcel(), by=courier(trust))).kind == "relayed"
    assert ["REQUIRETLS" in letter.mail for letter in sink.letters] == [False, False]


def test_requiretls_looks_for_a_host_that_can(context: ssl.SSLContext, trust: Path) -> None:
    with (
        Sink(context=context) as bare,
        Sink(context=context, extensions=_REQUIRING) as good,
    ):
        hosts = [
            host(bare, tls=NAMES, tls_required=True),
            host(good, "mx2", tls=NAMES, tls_required=True),
        ]
        by = courier(trust)
        first, second = send(hosts, parcel(requiretls=True), parcel(), by=by)
        by.close()
    assert one([first]).peer.startswith("mx2")
    assert one([second]).kind == "relayed"


def test_a_password_goes_over_tls_only(context: ssl.SSLContext, trust: Path) -> None:
    with Sink(context=context, users={"u": "p"}) as sink:
        good = host(sink, tls=NAMES, tls_required=True, user="u", password="p")
        assert one(send([good], by=courier(trust))).kind == "relayed"
    assert (sink.letters[0].user, sink.letters[0].tls[:4]) == ("u", "TLSv")
