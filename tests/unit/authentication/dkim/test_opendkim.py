"""OpenDKIM, a verifier that many servers run, reads our signatures. It is told the keys by file.

Needs Debian's opendkim.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from postroom.authentication.dkim.canonical import Canonicalization
from postroom.authentication.dkim.records import ALGORITHMS
from postroom.authentication.dkim.signature import digest, signature_field
from postroom.platform.system import SystemClock
from tests.unit.authentication.dkim.material import DOMAIN, MESSAGE, opened, zone

OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/bin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(OPENDKIM is None, reason="Debian's opendkim is not installed")

HTML = (
    b"Received: from x by y; Wed, 25 Nov 2026 16:00:00 +0000\r\n"
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n"
    b"To:  a@b.test,\r\n  c@d.test\r\n"
    b"Cc:\r\n\te@f.test\r\n"
    b"Subject:   spaced \t out   \r\n"
    b"Date: Wed, 25 Nov 2026 16:00:00 +0000\r\n"
    b"Message-ID: <2@example.org>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative;\r\n boundary=b\r\n"
    b"List-Unsubscribe: <https://example.org/u>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"\r\n"
    b"--b\r\n\r\nText  with \t white\t\r\n \r\n\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xbc</p>  \r\n--b--\r\n \r\n\r\n"
)
MESSAGES = {
    "plain": MESSAGE,
    "html": HTML,
    "no body": MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
    "large": MESSAGE + b"A line of text, \t and more of it. \r\n" * 5_000 + b"\r\n" * 1_000,
}


def verdict(folder: Path, message: bytes) -> str:
    """The Authentication-Results that OpenDKIM would add."""
    assert OPENDKIM is not None
    records = zone(*ALGORITHMS)
    (folder / "keys").write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    (folder / "conf").write_text(f"TestPublicKeys {folder}/keys\nMode v\n")
    (folder / "message").write_bytes(message)
    ran = subprocess.run(
        [OPENDKIM, "-x", folder / "conf", "-t", folder / "message", "-vvv"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return re.sub(r"\s+", " ", ran.stdout)


def signed(message: bytes, forms: Canonicalization) -> bytes:
    digested, now = digest(message, forms), int(SystemClock().seconds())
    fields = [signature_field(digested, DOMAIN, opened(each), now - 60) for each in ALGORITHMS]
    return b"".join(fields) + message


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("header", ["simple", "relaxed"])
@pytest.mark.parametrize("body", ["simple", "relaxed"])
def test_it_verifies_both_signatures(tmp_path: Path, name: str, header: str, body: str) -> None:
    forms = Canonicalization(header, body)  # type: ignore[arg-type]
    message = MESSAGES[name]
    if header == "simple":
        # Its way of reading a file puts one space after each colon, as if it came by milter.
        message = re.sub(rb"^([A-Za-z-]+):\s+", rb"\1: ", message, flags=re.MULTILINE)
    said = verdict(tmp_path, signed(message, forms))
    assert "dkim=pass (2048-bit key) header.d=example.org" in said
    assert re.search(r"dkim=pass header\.d=\S+ header\.i=\S+ header\.a=ed25519-sha256", said)


def test_it_sees_what_is_wrong(tmp_path: Path) -> None:
    forms = Canonicalization("relaxed", "relaxed")
    said = verdict(tmp_path, signed(MESSAGE, forms).replace(b"Hello", b"Hallo"))
    assert "dkim=fail" in said
    assert "dkim=pass" not in said
