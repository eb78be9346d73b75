"""The keys of a domain, from the first one to the last."""

import re
from collections.abc import Iterator

import pytest

from postroom.authentication.dkim.keypairs import read_key_pair
from postroom.authentication.dkim.keys import KeysBusy, KeyTaken, NoSuchKey
from postroom.authentication.dkim.records import parse_key_record
from postroom.errors import BadSetting, SecretUnreadable
from postroom.platform.table import Key
from tests.unit.authentication.dkim.examples import KEY_6376, RSA_8463
from tests.unit.authentication.dkim.material import DOMAIN, Office

RSA = ("rsa-sha256",)
ED25519 = ("ed25519-sha256",)


def test_first_keys_sign_at_once(rooms: Office) -> None:
    made = rooms.keys.make("Example.ORG")
    assert [(key.algorithm, key.state) for key in made] == [
        ("rsa-sha256", "signing"),
        ("ed25519-sha256", "signing"),
    ]
    assert rooms.states() == [("pr20270115e", "signing"), ("pr20270115r", "signing")]
    assert [key.bits for key in made] == [2048, 0]
    assert rooms.keys.domains() == [DOMAIN]
    assert rooms.keys.list("other.test") == ()


def test_their_records(rooms: Office) -> None:
    made = {key.selector: key for key in rooms.keys.make(DOMAIN)}
    published = dict(rooms.keys.published(DOMAIN))
    assert set(published) == set(made)
    for selector, text in published.items():
        assert parse_key_record(text).public == made[selector].public
    assert made["pr20270115r"].name == "pr20270115r._domainkey.example.org"


def test_the_next_key_only_announces_itself(rooms: Office) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    [following] = rooms.keys.make(DOMAIN, ED25519)
    assert rooms.states() == [("pr20270115e", "signing"), ("pr20270115e2", "announced")]
    assert rooms.keys.make(DOMAIN, ED25519) == []  # one is enough
    assert rooms.keys.activate(DOMAIN, following.selector).state == "signing"
    assert rooms.states() == [("pr20270115e", "retired"), ("pr20270115e2", "signing")]
    assert len(rooms.keys.published(DOMAIN)) == 2
    # And back, if something is wrong with the new one.
    rooms.keys.activate(DOMAIN, "pr20270115e")
    assert rooms.states() == [("pr20270115e", "signing"), ("pr20270115e2", "retired")]


def test_algorithms_do_not_touch_each_other(rooms: Office) -> None:
    rooms.keys.make(DOMAIN)
    [following] = rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.activate(DOMAIN, following.selector)
    assert ("pr20270115r", "signing") in rooms.states()


def test_private_keys_are_sealed_for_their_place(rooms: Office) -> None:
    first, second = rooms.keys.make(DOMAIN, ED25519) + rooms.keys.make("other.test", ED25519)
    record = rooms.store.table.get(Key(f"dkim/{DOMAIN}", first.selector))
    assert record is not None
    private = rooms.store.vault.open(first.sealed, f"dkim/{DOMAIN}/{first.selector}")
    assert all(private not in value for value in record.body.values() if isinstance(value, bytes))
    with pytest.raises(SecretUnreadable):
        rooms.store.vault.open(first.sealed, f"dkim/other.test/{second.selector}")
    assert "sealed" not in repr(first)
    assert "private" not in repr(read_key_pair(KEY_6376))


def test_retire_and_remove(rooms: Office) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    assert rooms.keys.retire(DOMAIN, "PR20270115E").state == "retired"
    rooms.keys.set(DOMAIN, rotation=30, lifetime=7)
    rooms.keys.remove(DOMAIN, "pr20270115e")
    assert rooms.keys.domains() == []
    assert rooms.keys.ring(DOMAIN).rotation == 180  # nothing is left
    for change in (rooms.keys.retire, rooms.keys.remove, rooms.keys.activate, rooms.keys.get):
        with pytest.raises(NoSuchKey):
            change(DOMAIN, "pr20270115e")


def test_how_a_domain_signs(rooms: Office) -> None:
    with pytest.raises(NoSuchKey):
        rooms.keys.set(DOMAIN, rotation=30, lifetime=0)
    rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.set(DOMAIN, rotation=0, lifetime=7)
    ring = rooms.keys.ring(DOMAIN)
    assert (ring.rotation, ring.lifetime, len(ring.keys)) == (0, 7, 1)
    for rotation, lifetime in ((-1, 0), (0, -1), (10**9, 0)):
        with pytest.raises(BadSetting):
            rooms.keys.set(DOMAIN, rotation=rotation, lifetime=lifetime)


def test_a_key_of_another_system_is_taken_over(rooms: Office) -> None:
    rooms.keys.make(DOMAIN, RSA)
    key = rooms.keys.adopt(DOMAIN, "Mail2019", RSA_8463)
    assert (key.selector, key.state, key.bits) == ("mail2019", "signing", 1024)
    assert rooms.states() == [("mail2019", "signing"), ("pr20270115r", "retired")]
    assert rooms.keys.open(key).sign(b"x")
    with pytest.raises(KeyTaken):
        rooms.keys.adopt(DOMAIN, "mail2019", KEY_6376)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (RSA_8463.replace(b"MIIC", b"MIID"), "no private key"),
    ],
)
def test_what_is_no_key(rooms: Office, pem: bytes, reason: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(reason)):
        rooms.keys.adopt(DOMAIN, "s1", pem)
    assert rooms.keys.list(DOMAIN) == ()


@pytest.mark.parametrize("name", ["", "a b", "a..b", "a/b", "-a", "é", "a." * 130, "!", "a\n"])
def test_names_are_those_of_the_dns(rooms: Office, name: str) -> None:
    with pytest.raises(BadSetting, match="no domain name"):
        rooms.keys.make(name)
    with pytest.raises(BadSetting, match="no domain name"):
        rooms.keys.adopt(DOMAIN, name, KEY_6376)


@pytest.mark.parametrize("bits", [512, 1024, 2047, 8192])
def test_lengths_of_rsa_keys(rooms: Office, bits: int) -> None:
    with pytest.raises(BadSetting, match="2048 to 4096 bits"):
        rooms.keys.make(DOMAIN, RSA, bits)


def test_a_key_that_somebody_else_has_changed(
    rooms: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second looks again, rather than undo what the first has done."""
    rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.make(DOMAIN, ED25519)
    stale = rooms.keys.ring(DOMAIN)
    rooms.keys.activate(DOMAIN, "pr20270115e2")
    monkeypatch.setattr(rooms.keys, "ring", lambda domain: stale)
    with pytest.raises(KeysBusy):
        rooms.keys.activate(DOMAIN, "pr20270115e2")
    monkeypatch.undo()
    assert rooms.states() == [("pr20270115e", "retired"), ("pr20270115e2", "signing")]


@pytest.fixture(autouse=True)
def _no_key_is_made_twice(rooms: Office) -> Iterator[None]:
    yield
    keys = [key for domain in rooms.keys.domains() for key in rooms.keys.list(domain)]
    assert len({key.public for key in keys}) == len(keys)
