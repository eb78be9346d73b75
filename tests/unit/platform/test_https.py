"""The HTTPS adapter against servers here: certificates, bounds, no redirects."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from postroom.platform.https import HttpsWeb
from postroom.platform.web import WebFailed
from tests.names import NameServer
from tests.sites import Answer, Site, raw, served, text

HOST = "mta-sts.x.test"
URL = f"https://{HOST}/.well-known/mta-sts.txt"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer(f"{HOST}. A 127.0.0.1\nother.test. A 127.0.0.1\ngone.test. TXT x") as server:
        server.fail("broken.test")
        yield server


@pytest.fixture
def trust(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def site(authority: trustme.CA) -> Iterator[Site]:
    with served(authority.issue_cert(HOST)) as found:
        yield found


@pytest.fixture
def web(site: Site, names: NameServer, trust: Path) -> HttpsWeb:
    return HttpsWeb(names.resolver(), trust, site.port)


def test_a_document_is_fetched(web: HttpsWeb, site: Site) -> None:
    assert web.get(URL + "?a=b", most=5, timeout=5) == b"hello"
    assert site.asked == [("GET", "/.well-known/mta-sts.txt?a=b", HOST, b"")]


def test_a_document_in_chunks(web: HttpsWeb, site: Site) -> None:
    site.answer = raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"2\r\nde\r\n0\r\n\r\n",
    )
    assert web.get(URL, most=100, timeout=5) == b"abcde"


def test_a_document_is_posted(web: HttpsWeb, site: Site) -> None:
    site.answer = text(b"", 202)
    web.post(URL, b"report", "application/tlsrpt+gzip", timeout=5)
    assert site.asked == [("POST", "/.well-known/mta-sts.txt", HOST, b"report")]


@pytest.mark.parametrize("status", [204, 301, 302, 307, 404, 500])
def test_any_other_status_is_none(web: HttpsWeb, site: Site, status: int) -> None:
    site.answer = text(b"", status, Location=URL)
    with pytest.raises(WebFailed, match=f"status {status}"):
        web.get(URL, most=100, timeout=5)
    assert len(site.asked) == 1


def test_a_post_is_not_redirected_either(web: HttpsWeb, site: Site) -> None:
    site.answer = text(b"", 308, Location=URL)
    with pytest.raises(WebFailed, match="status 308"):
        web.post(URL, b"", "text/plain", timeout=5)


def test_a_document_too_long(web: HttpsWeb, site: Site) -> None:
    site.answer = text(b"x" * 101)
    with pytest.raises(WebFailed, match="more than 100 octets"):
        web.get(URL, most=100, timeout=5)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(b"220 smtp.x.test ESMTP\r\n"), id="another protocol"),
        pytest.param(raw(b""), id="nothing"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), id="cut off"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n\r\nabc"), id="cut off, of unknown length"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="bad chunk"
        ),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000), id="endless fields"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000), id="endless field"),
    ],
)
def test_answers_that_are_none(web: HttpsWeb, site: Site, answer: Answer) -> None:
    site.answer = answer
    with pytest.raises(WebFailed):
        web.get(URL, most=100, timeout=5)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(b"", pause=5), id="silence"),
        pytest.param(raw(*[b"H"] * 40, pause=0.1), id="an octet at a time"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", *[b"x"] * 40, pause=0.1),
            id="the body an octet at a time",
        ),
    ],
)
def test_slow_answers_end_by_the_deadline(web: HttpsWeb, site: Site, answer: Answer) -> None:
    site.answer = answer
    with pytest.raises(WebFailed, match="within 1 seconds"):
        web.get(URL, most=100, timeout=1)


def test_a_certificate_of_nobody_we_trust(site: Site, names: NameServer, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    port = site.port
    for web in (HttpsWeb(names.resolver(), other, port), HttpsWeb(names.resolver(), port=port)):
        with pytest.raises(WebFailed) as told:
            web.get(URL, most=100, timeout=5)
        assert told.value.kind == "sts-webpki-invalid"
    assert site.asked == []


def test_a_certificate_for_another_name(web: HttpsWeb, site: Site) -> None:
    with pytest.raises(WebFailed) as told:
        web.get("https://other.test/", most=100, timeout=5)
    assert told.value.kind == "sts-webpki-invalid"
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://mta-sts.x.test/",
        "https:///x",
        "https://me@mta-sts.x.test/",
        "https://mta-sts.x.test:0/",
        "https://mta-sts.x.test:99999/",
        "https://[mta-sts/",
        "https://mta-sts.x.test/a b",
        "https://mta-sts.x.test/\r\nHost: y",
        "https://gone.test/",
        "https://nowhere.test/",
        "https://broken.test/",
        "https://mta-sts.x.test:1/",
    ],
)
def test_urls_that_lead_nowhere(web: HttpsWeb, site: Site, url: str) -> None:
    with pytest.raises(WebFailed) as told:
        web.get(url, most=100, timeout=5)
    assert told.value.kind == "sts-policy-fetch-error"
    assert site.asked == []


def test_the_systems_resolver_will_do(site: Site, authority: trustme.CA, trust: Path) -> None:
    with served(authority.issue_cert("localhost")) as local:
        web = HttpsWeb(trust=trust, port=local.port)
        assert web.get("https://localhost/", most=100, timeout=5) == b"hello"
