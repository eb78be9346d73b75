"""``python -m bench.dkim``: DKIM signing beside dkimpy, in one run, turn by turn.

Both sign the same fields of the same message, relaxed/relaxed. dkimpy gets its private key as PEM
for each message, as its interface wants it, and signs Ed25519 with PyNaCl, if that is installed.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import dkim
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from postroom.authentication.dkim.keypairs import KeyPair, OpenedKey, make_key_pair
from postroom.authentication.dkim.records import ALGORITHMS, Algorithm
from postroom.authentication.dkim.signature import digest, signature_field
from postroom.platform.system import SystemRandomness

_TURN = 0.02  # seconds
SIZES = (4 * 1024, 100 * 1024)  # octets
DOMAIN, SELECTOR = "example.org", "s1"
_LINE = b"Two men came to look at the roof, and neither of them had brought a ladder.\r\n"


def message(size: int) -> bytes:
    """Text as people write it: no white space that a canonical form would lose."""
    header = (
        b"Received: from client.example.org (client.example.org [192.0.2.1])\r\n"
        b"\tby mail.example.org with ESMTPSA id 01ABCDEF; Wed, 25 Nov 2026 16:00:00 +0000\r\n"
        b"From: Alice Example <alice@example.org>\r\n"
        b"To: Bob <bob@elsewhere.test>, Carol <carol@elsewhere.test>\r\n"
        b"Subject: The roof, again\r\n"
        b"Date: Wed, 25 Nov 2026 16:00:00 +0000\r\n"
        b"Message-ID: <0123456789abcdef@example.org>\r\n"
        b"In-Reply-To: <fedcba9876543210@elsewhere.test>\r\n"
        b"References: <1111111111111111@elsewhere.test>\r\n <fedcba9876543210@elsewhere.test>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"User-Agent: Example 1.0\r\n\r\n"
    )
    return header + (_LINE * (size // len(_LINE) + 1))[: size - len(header) - 2] + b"\r\n"


def ours(text: bytes, pair: KeyPair) -> Callable[[], bytes]:
    key = OpenedKey(SELECTOR, pair.algorithm, pair.private)
    return lambda: signature_field(digest(text), DOMAIN, key, 1_800_000_000)


def theirs(text: bytes, pair: KeyPair) -> Callable[[], bytes]:
    key = load_der_private_key(pair.private, None)
    if pair.algorithm == "rsa-sha256":
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    else:
        import base64

        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secret = base64.b64encode(raw)
    include = [name.lower().encode() for name in dict.fromkeys(digest(text).names)]

    def sign() -> bytes:
        signed: bytes = dkim.sign(
            text,
            SELECTOR.encode(),
            DOMAIN.encode(),
            secret,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=pair.algorithm.encode(),
            include_headers=include,
        )
        return signed

    return sign


def measure(text: bytes, algorithm: Algorithm, turns: int) -> tuple[float, float]:
    """Microseconds of this thread for one signature, ours and theirs.

    Turns are short, and the least disturbed one counts: whatever else runs here slows both down.
    """
    pair = make_key_pair(algorithm, 2048, SystemRandomness())
    sides = (ours(text, pair), theirs(text, pair))
    best = [float("inf"), float("inf")]
    for _ in range(turns):
        for number, side in enumerate(sides):
            side()  # warms the caches again
            count, spent, start = 0, 0.0, time.thread_time()
            while spent < _TURN:
                side()
                count += 1
                spent = time.thread_time() - start
            best[number] = min(best[number], spent / count * 1e6)
    return best[0], best[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="DKIM signing beside dkimpy.")
    parser.add_argument("--turns", type=int, default=100)
    given = parser.parse_args()
    print(f"{'':30}{'Postroom':>12}{'dkimpy':>12}{'ratio':>9}")
    for algorithm in ALGORITHMS:
        if algorithm == "ed25519-sha256" and find_spec("nacl") is None:
            print("ed25519-sha256: dkimpy needs PyNaCl, which is not installed")
            continue
        for size in SIZES:
            ours_took, theirs_took = measure(message(size), algorithm, given.turns)
            name = f"{algorithm}, {size // 1024} KiB"
            ratio = theirs_took / ours_took
            print(f"{name:30}{ours_took:9.0f} µs{theirs_took:9.0f} µs{ratio:8.1f}×")


if __name__ == "__main__":
    main()
