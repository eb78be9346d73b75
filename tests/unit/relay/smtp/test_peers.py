"""Delivery into the real thing: Debian's Postfix, privately configured, and its smtp-sink."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench.machine import accepts, free_ports, wait_until
from postroom.platform.network import Tlsa, TlsWanted
from postroom.relay.parcel import Host, Parcel, Recipient
from postroom.relay.smtp.limits import ClientLimits
from tests.unit.relay.smtp.sending import courier, one, send

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("smtp-sink", path="/usr/sbin") is None,
        reason="needs root and Debian's postfix",
    ),
]
NAME = "mx.example.net"
_PATIENT = ClientLimits()
_OWNER = 5000
_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/state
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = example.net, xn--bcher-kva.example
virtual_mailbox_maps = inline:{{ bob@example.net=box/, carol@example.net=box/,
    bob@xn--bcher-kva.example=box/ }}
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
smtpd_tls_chain_files = {folder}/chain.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_recipient_limit = 3
smtpd_discard_ehlo_keywords = {discard}
message_size_limit = 1000000
"""


class Postfix:
    def __init__(self, folder: Path, leaf: trustme.LeafCert, discard: str = "") -> None:
        self.folder = folder
        folder.chmod(0o755)
        for name in ("spool", "state", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "state", "postfix")
        os.chown(folder / "mail", _OWNER, _OWNER)
        chain = leaf.private_key_pem.bytes() + b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        (folder / "chain.pem").write_bytes(chain)
        text = _MAIN_CF.format(folder=folder, name=NAME, owner=_OWNER, discard=discard)
        (folder / "main.cf").write_text(text)
        [self.port] = free_ports(1)
        master = Path("/etc/postfix/master.cf.proto").read_text()
        master = re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", master, flags=re.MULTILINE)
        master = re.sub(
            r"^smtp(\s+)inet", rf"127.0.0.1:{self.port}\1inet", master, flags=re.MULTILINE
        )
        (folder / "master.cf").write_text(master)

    def run(self, what: str) -> None:
        command = ["/usr/sbin/postfix", "-c", str(self.folder), what]
        subprocess.run(command, check=True, capture_output=True)

    def host(self, **more: object) -> Host:
        return Host(NAME, ("127.0.0.1",), self.port, **more)  # type: ignore[arg-type]

    def mail(self, count: int) -> list[bytes]:
        """The next *count* messages that were delivered, which are taken away."""
        new = self.folder / "mail" / "box" / "new"
        wait_until(lambda: new.exists() and len(list(new.iterdir())) >= count, "the mail", 60)
        found = sorted(new.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        texts = [path.read_bytes() for path in found]
        for path in found:
            path.unlink()
        assert len(texts) == count
        return texts


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def leaf(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(NAME)


@pytest.fixture(scope="module")
def postfix(leaf: trustme.LeafCert) -> Iterator[Postfix]:
    with _running(leaf) as found:
        yield found


@pytest.fixture(scope="module")
def old_postfix(leaf: trustme.LeafCert) -> Iterator[Postfix]:
    with _running(leaf, "pipelining, chunking, 8bitmime, smtputf8, dsn, starttls") as found:
        yield found


@contextmanager
def _running(leaf: trustme.LeafCert, discard: str = "") -> Iterator[Postfix]:
    # Not in pytest's folder, which each run that starts closes to all but us.
    with tempfile.TemporaryDirectory(prefix="postfix-") as folder:
        found = Postfix(Path(folder), leaf, discard)
        found.run("start")
        try:
            wait_until(lambda: accepts(found.port), "Postfix")
            yield found
        finally:
            found.run("stop")


def _parcel(*addresses: str, content: bytes, name: str = "q1", **more: object) -> Parcel:
    recipients = tuple(Recipient(address, ("FAILURE",)) for address in addresses)
    return Parcel(name, "alice@example.com", recipients, content, **more)  # type: ignore[arg-type]


EIGHT = (
    "From: alice@example.com\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@x.test>\r\n"
    "Subject: Grüße\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n.\r\n..\r\n"
).encode()


_TRACE = rb"\A(?:(?:Return-Path|Delivered-To|X-Original-To|Received):.*\n(?:[ \t].*\n)*)*"


def _without_trace(text: bytes) -> bytes:
    return re.sub(_TRACE, b"", text)


def test_postfix_takes_mail_over_tls(
    postfix: Postfix, authority: trustme.CA, tmp_path: Path
) -> None:
    trust = tmp_path / "trust.pem"
    authority.cert_pem.write_to_path(str(trust))
    wanted = TlsWanted("names", (NAME,))
    parcels = [_parcel("bob@example.net", content=EIGHT, name=f"q{n}") for n in range(20)]
    results = send(
        [postfix.host(tls=wanted, tls_required=True)], *parcels, by=courier(trust, _PATIENT)
    )
    assert {one([found]).kind for found in results} == {"relayed"}
    assert "queued as" in one([results[0]]).reply
    assert one([results[0]]).dsn_passed
    texts = postfix.mail(20)
    assert {_without_trace(text) for text in texts} == {EIGHT.replace(b"\r\n", b"\n")}
    assert b"using TLSv1.3" in texts[0]


def test_postfix_by_dane(postfix: Postfix, leaf: trustme.LeafCert) -> None:
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    der = certificate.public_bytes(Encoding.DER)
    good, bad = Tlsa(3, 0, 1, sha256(der).digest()), Tlsa(3, 0, 1, sha256(b"").digest())
    for record, kind in ((good, "relayed"), (bad, "deferred")):
        wanted = TlsWanted("dane", (NAME,), (record,))
        host = postfix.host(tls=wanted, tls_required=True)
        [found] = send([host], _parcel("bob@example.net", content=EIGHT))
        assert one([found]).kind == kind
    postfix.mail(1)


def test_postfix_refuses_one_by_one_and_has_a_limit(postfix: Postfix) -> None:
    addresses = ["bob@example.net", "nobody@example.net", "carol@example.net",
                 "x@elsewhere.test", "bob@bücher.example"]  # fmt: skip
    [found] = send([postfix.host()], _parcel(*addresses, content=EIGHT), by=courier(None, _PATIENT))
    kinds = {address: outcome.kind for address, outcome in found.outcomes.items()}
    assert kinds["nobody@example.net"] == "failed"
    assert found.outcomes["nobody@example.net"].status == "5.1.1"
    assert {kinds[one] for one in ("bob@example.net", "carol@example.net")} == {"relayed"}
    assert kinds["bob@bücher.example"] == "relayed"
    postfix.mail(3)


def test_postfix_without_extensions(old_postfix: Postfix) -> None:
    [found] = send([old_postfix.host()], _parcel("bob@example.net", content=EIGHT))
    assert one([found]).kind == "relayed"
    assert not one([found]).dsn_passed
    [text] = old_postfix.mail(1)
    body = message_from_bytes(text, policy=policy.default)
    assert body["Content-Transfer-Encoding"] in ("base64", "quoted-printable")
    assert body.get_content() == "Grüße\r\n.\r\n..\r\n"  # type: ignore[attr-defined]
    utf8 = _parcel("bob@example.net", content=EIGHT, smtputf8=True)
    assert one(send([old_postfix.host()], utf8)).status == "5.6.7"


def test_postfix_says_its_size(postfix: Postfix) -> None:
    large = EIGHT + (b"x" * 70 + b"\r\n") * 20_000
    outcome = one(send([postfix.host()], _parcel("bob@example.net", content=large)))
    assert (outcome.kind, outcome.status) == ("failed", "5.3.4")
    middling = large[:900_000] + b"\r\n"
    outcome = one(send([postfix.host()], _parcel("bob@example.net", content=middling),
                       by=courier(None, _PATIENT)))  # fmt: skip
    assert outcome.kind == "relayed"
    assert len(_without_trace(postfix.mail(1)[0])) == len(middling.replace(b"\r\n", b"\n"))


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ([], "relayed"),
        (["-e"], "relayed"),  # HELO only
        (["-p"], "relayed"),  # no pipelining
        (["-f", "connect"], "deferred"),
        (["-f", "ehlo"], "relayed"),
        (["-f", "mail"], "failed"),
        (["-r", "rcpt"], "deferred"),
        (["-f", "data"], "failed"),
        (["-r", "."], "deferred"),
        (["-q", "mail"], "deferred"),
        (["-q", "data"], "deferred"),
        (["-q", "."], "deferred"),
    ],
)
def test_smtp_sink(options: list[str], kind: str) -> None:
    """Postfix's own tool for testing clients; -f: 5xx, -r: 4xx, -q: hang up."""
    [port] = free_ports(1)
    command = ["/usr/sbin/smtp-sink", "-u", "postfix", *options, f"127.0.0.1:{port}", "10"]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: accepts(port), "smtp-sink")
        time.sleep(0.05)
        host = Host(NAME, ("127.0.0.1",), port)
        parcels = [_parcel("bob@example.net", content=EIGHT, name=f"q{n}") for n in range(3)]
        results = send([host], *parcels)
    finally:
        process.terminate()
        process.wait()
    assert {one([found]).kind for found in results} == {kind}
    if options == ["-q", "."]:
        assert {one([found]).unsure for found in results[:1]} == {True}
