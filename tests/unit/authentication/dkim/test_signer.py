"""The signer remembers keys for a while, and that there are none."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from postroom.authentication.dkim.keys import DkimKey
from postroom.authentication.dkim.signer import REMEMBERED, Signer
from postroom.errors import SecretUnreadable, StoreUnavailable
from tests.unit.authentication.dkim.material import DOMAIN, MESSAGE, Office

ED25519 = ("ed25519-sha256",)


@pytest.fixture
def signer(rooms: Office) -> Signer:
    return Signer(rooms.keys, rooms.clock)


def selectors(fields: bytes) -> list[str]:
    return re.findall(r"\ss=([^;]+);", fields.decode())


def test_rsa_on_top(rooms: Office, signer: Signer) -> None:
    rooms.keys.make(DOMAIN)
    fields = signer.fields(DOMAIN, MESSAGE)
    assert fields.count(b"DKIM-Signature: v=1; a=") == 2
    assert fields.endswith(b"==\r\n")
    assert selectors(fields) == ["pr20270115r", "pr20270115e"]


def test_only_keys_that_sign(rooms: Office, signer: Signer) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.make(DOMAIN, ED25519)
    assert selectors(signer.fields(DOMAIN, MESSAGE)) == ["pr20270115e"]


def test_a_domain_without_keys(rooms: Office, signer: Signer) -> None:
    assert signer.fields("other.test", MESSAGE) == b""
    rooms.keys.make("other.test", ED25519)
    assert signer.fields("other.test", MESSAGE) == b""  # remembered, too
    rooms.clock.time += REMEMBERED
    assert signer.fields("other.test", MESSAGE)


def test_a_change_is_noticed_in_time(rooms: Office, signer: Signer) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    assert selectors(signer.fields(DOMAIN, MESSAGE)) == ["pr20270115e"]
    rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.activate(DOMAIN, "pr20270115e2")
    assert selectors(signer.fields(DOMAIN, MESSAGE)) == ["pr20270115e"]
    rooms.clock.time += REMEMBERED
    assert selectors(signer.fields(DOMAIN, MESSAGE)) == ["pr20270115e2"]
    rooms.keys.retire(DOMAIN, "pr20270115e2")
    rooms.clock.time += REMEMBERED
    assert signer.fields(DOMAIN, MESSAGE) == b""


def test_messages_cost_no_reads(
    rooms: Office, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.keys.make(DOMAIN)
    reads: list[str] = []
    opens: list[DkimKey] = []
    ring, open_key = rooms.keys.ring, rooms.keys.open
    monkeypatch.setattr(rooms.keys, "ring", lambda domain: reads.append(domain) or ring(domain))
    monkeypatch.setattr(rooms.keys, "open", lambda key: opens.append(key) or open_key(key))
    for _ in range(50):
        signer.fields(DOMAIN, MESSAGE)
        signer.fields("none.test", MESSAGE)
    assert sorted(reads) == [DOMAIN, "none.test"]
    rooms.clock.time += REMEMBERED
    signer.fields(DOMAIN, MESSAGE)
    assert len(opens) == 2  # KMS is not asked for what is open


def test_many_domains_are_not_kept_for_ever(
    rooms: Office, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.authentication.dkim.signer._MOST_DOMAINS", 10)
    for number in range(50):
        signer.fields(f"d{number}.test", MESSAGE)
    assert len(signer._ready) <= 10


def test_signatures_may_end(rooms: Office, signer: Signer) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    now = int(rooms.clock.time)
    assert b"x=" not in signer.fields(DOMAIN, MESSAGE)
    rooms.keys.set(DOMAIN, rotation=180, lifetime=10)
    rooms.clock.time += REMEMBERED
    assert f"x={now + REMEMBERED + 864_000};".encode() in signer.fields(DOMAIN, MESSAGE)


def test_mail_does_not_leave_unsigned_because_a_key_is_lost(
    rooms: Office, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    monkeypatch.setattr(rooms.store.vault, "_key", b"x" * 32)
    with pytest.raises(SecretUnreadable, match=r"dkim/example\.org/pr20270115e"):
        signer.fields(DOMAIN, MESSAGE)


def test_nor_because_the_store_is_away(
    rooms: Office, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(domain: str) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(rooms.keys, "ring", away)
    with pytest.raises(StoreUnavailable):
        signer.fields(DOMAIN, MESSAGE)


def test_many_threads(rooms: Office, signer: Signer) -> None:
    """Ed25519 and RSA PKCS #1 signatures are the same each time."""
    rooms.keys.make(DOMAIN)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: signer.fields(DOMAIN, MESSAGE), range(100)))
    assert len(set(results)) == 1
