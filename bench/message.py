"""What it takes to look at a message once, beside the standard library."""

import email.parser
import email.policy
import email.utils
import statistics
import time
from collections.abc import Callable
from functools import partial

from postroom.message.decode import decode_base64
from postroom.message.scan import scan
from postroom.message.summary import (
    Summary,
    body_structure_of,
    envelope_of,
    structure_of,
    summarise,
)

_HEADER = b"".join(
    b"Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\r\n"
    b"\tby mail.example.test with ESMTPS; Tue, 24 Nov 2026 12:58:53 +0000\r\n" % (n, n, n)
    for n in range(3)
) + (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=s1; h=from:to:subject:date;\r\n\tb="
    + b"A" * 300
    + b"\r\nFrom: Alice Example <alice@example.net>\r\nTo: Bob <bob@example.test>, carol@x.test\r\n"
    b"Cc: \"Dave, D.\" <dave@example.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?= on Tuesday\r\n"
    b"Date: Tue, 24 Nov 2026 12:58:53 +0100\r\nMessage-ID: <20261124.125853.1@example.net>\r\n"
    b"In-Reply-To: <20261123.1@example.test>\r\n"
    b"References: <20261122.1@example.net> <20261123.1@example.test>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="=_b1_0123456789"\r\n\r\n'
)  # fmt: skip
_LINE = b"Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy.\r\n"
BASE64 = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n"


def message(size: int) -> bytes:
    """Return a message of two parts, of about *size* octets; a large one has an attachment."""
    rest = size - len(_HEADER) - 300
    filler, other = (_LINE, b"text/html") if size < 10_000 else (BASE64, b"image/png")
    encoding = b"8bit" if other == b"text/html" else b"base64"
    half = rest // 2 if other == b"text/html" else 1000
    return (
        _HEADER
        + b"--=_b1_0123456789\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + b"Content-Transfer-Encoding: 8bit\r\n\r\n"
        + _LINE * (half // len(_LINE))
        + b"\r\n--=_b1_0123456789\r\nContent-Type: %b; charset=utf-8\r\n" % other
        + b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding
        + filler * ((rest - half) // len(filler))
        + b"\r\n--=_b1_0123456789--\r\n"
    )


def _standard_library(octets: bytes) -> object:
    parsed = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(octets)
    names = ("from", "sender", "reply-to", "to", "cc", "bcc")
    lists = [email.utils.getaddresses(parsed.get_all(name, [])) for name in names]
    texts = [parsed[name] for name in ("date", "subject", "in-reply-to", "message-id")]
    parts = [(part.get_content_type(), part.get_params()) for part in parsed.walk()]
    return lists, texts, parts


def _microseconds(work: Callable[[], object]) -> float:
    """Return the median of rounds of about 20 ms each."""
    started = time.perf_counter()
    work()
    repeats = max(1, int(0.02 / max(time.perf_counter() - started, 1e-7)))
    rounds = []
    for _ in range(9):
        started = time.perf_counter()
        for _ in range(repeats):
            work()
        rounds.append((time.perf_counter() - started) / repeats * 1e6)
    return statistics.median(rounds)


def main() -> None:
    print(f"{'':14}{'scan':>10}{'summarise':>12}{'encode':>10}{'email':>12}   microseconds")
    for name, size in (("4 KiB", 4096), ("100 KiB", 102_400), ("10 MiB", 10_485_760)):
        octets = message(size)
        summary = summarise(octets)
        figures = [
            _microseconds(partial(scan, octets)),
            _microseconds(partial(summarise, octets)),
            _microseconds(summary.encode),
            _microseconds(partial(_standard_library, octets)),
        ]
        print(f"{name:14}{figures[0]:10.1f}{figures[1]:12.1f}{figures[2]:10.1f}{figures[3]:12.1f}")
    encoded = summarise(message(4096)).encode()
    print(f"\nan encoded summary is {len(encoded)} octets; reading it, microseconds:")
    for reader in (envelope_of, body_structure_of, structure_of, Summary.decode):
        print(f"  {reader.__name__:20}{_microseconds(partial(reader, encoded)):8.2f}")
    attachment = BASE64 * 100_000
    took = _microseconds(lambda: decode_base64(attachment))
    print(f"\nbase64: {len(attachment) / took:.0f} MB/s")


if __name__ == "__main__":
    main()
