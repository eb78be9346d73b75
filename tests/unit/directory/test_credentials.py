"""What SCRAM is told of passwords, and that it tells nobody which accounts there are."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.directory import credentials, scram
from postroom.directory.credentials import BadPassword, credentials_key
from postroom.directory.saslprep import saslprep
from postroom.directory.scram import ITERATIONS, make_verifier
from postroom.directory.store import Directory
from postroom.errors import BadSyntax
from postroom.platform.table import Put


def forget_scram(directory: Directory, account: str) -> None:
    """The credentials as they were written before there was SCRAM."""
    found = directory._table.get(credentials_key(account))
    assert found is not None
    old = {name: found.body[name] for name in ("hash", "version")}
    directory._table.write(Put(found.key, old))


def test_a_password_has_a_verifier(directory: Directory) -> None:
    account = directory.add_account("alice@example.test", "secret")
    made = directory.scram_verifier("ALICE+x@example.test")
    assert made.account == account.id
    assert made == make_verifier(account.id, "secret", made.salt, made.version)
    assert made.version == directory.credential_version(account.id)
    directory.set_password("alice@example.test", "other")
    changed = directory.scram_verifier("alice@example.test")
    assert changed.stored_key != made.stored_key
    assert changed.salt != made.salt
    assert "other" not in repr(changed)
    assert str(changed.server_key) not in repr(changed)


def test_strangers_look_like_users(directory: Directory) -> None:
    account = directory.add_account("alice@example.test", "secret")
    gone = directory.add_account("gone@example.test", "secret")
    directory.set_account(replace(gone, enabled=False))
    real = directory.scram_verifier("alice@example.test")
    for name in ("nobody@example.test", "gone@example.test", "not an address", "", "\udcff"):
        first, second = directory.scram_verifier(name), directory.scram_verifier(name)
        assert first == second
        assert not first.account
        assert (len(first.salt), first.iterations) == (len(real.salt), real.iterations)
    salts = {directory.scram_verifier(f"{name}@example.test").salt for name in "abc"}
    assert len(salts) == 3
    assert (  # every spelling of a stranger is the same stranger, as with users
        directory.scram_verifier("Nobody@EXAMPLE.test").salt
        == directory.scram_verifier("nobody@example.test").salt
    )
    # Another process, or another day: the secret is in the store.
    again = Directory(directory._table, directory._clock, directory._randomness)
    assert again.scram_verifier("nobody@example.test") == directory.scram_verifier(
        "nobody@example.test"
    )
    assert directory.scram_verifier("alice@example.test").account == account.id


def test_old_accounts_get_theirs_when_the_password_is_next_used(
    directory: Directory,
) -> None:
    account = directory.add_account("alice@example.test", "secret")
    version = directory.credential_version(account.id)
    forget_scram(directory, account.id)
    assert not directory.scram_verifier(account.address).account
    assert directory.authenticate(account.address, "wrong") is None
    assert not directory.scram_verifier(account.address).account
    assert directory.authenticate(account.address, "secret") == account
    assert directory.scram_verifier(account.address).account == account.id
    assert directory.credential_version(account.id) == version


def test_a_password_that_scram_cannot_have(directory: Directory) -> None:
    account = directory.add_account("alice@example.test", "bell\a")
    assert not directory.scram_verifier(account.address).account
    assert directory.authenticate(account.address, "bell\a") == account
    for bad in ("", "x" * 1025):
        with pytest.raises(BadPassword):
            directory.set_password(account.address, bad)


def test_each_spelling_of_a_letter_is_the_same(directory: Directory) -> None:
    composed, decomposed = "caf\u00e9 1", "cafe\u0301 1"
    first = directory.add_account("c@example.test", decomposed)
    for spelling in (composed, decomposed):
        assert directory.authenticate("c@example.test", spelling) == first
    assert directory.authenticate("c@example.test", "cafe 1") is None


def test_a_password_that_was_kept_as_it_came(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(credentials, "_spellings", lambda password: [password])
        account = directory.add_account("d@example.test", "cafe\u0301")
    assert directory.authenticate("d@example.test", "cafe\u0301") == account
    assert directory.authenticate("d@example.test", "caf\u00e9") is None


def test_the_keys_of_rfc_7677(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 3: user "user", password "pencil", 4,096 iterations."""
    assert ITERATIONS >= 4096
    monkeypatch.setattr(scram, "ITERATIONS", 4096)
    made = make_verifier("1", "pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(made.server_key, message, hashlib.sha256)
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        pytest.param("I\u00adX", "IX", id="soft hyphen mapped to nothing"),
        pytest.param("user", "user", id="no transformation"),
        pytest.param("USER", "USER", id="case preserved"),
        pytest.param("\u00aa", "a", id="output is NFKC, input in ISO 8859-1"),
        pytest.param("\u2168", "IX", id="output is NFKC, will match the first"),
        pytest.param("a\u00a0b", "a b", id="no-break space"),
        pytest.param("\u0627\u0628", "\u0627\u0628", id="right to left"),
        pytest.param("\U0001fae0", "\U0001fae0", id="newer than Unicode 3.2"),
        pytest.param("", "", id="nothing"),
        pytest.param("\u00ad", "", id="nothing left"),
    ],
)
def test_saslprep(text: str, prepared: str) -> None:
    """The examples of RFC 4013 section 3, and some more."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271", "a\u0627", "\ud800", "\ue000", "\u200e"])
def test_what_saslprep_forbids(text: str) -> None:
    with pytest.raises(BadSyntax) as caught:
        saslprep(text)
    assert text not in str(caught.value)


@given(st.text())
def test_saslprep_is_stable_and_raises_one_error_only(text: str) -> None:
    try:
        prepared = saslprep(text)
    except BadSyntax:
        return
    assert saslprep(prepared) == prepared
