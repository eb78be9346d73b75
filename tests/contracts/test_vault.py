"""The contract of postroom.platform.vault.Vault, and how the embedded one keeps its key."""

import multiprocessing
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.errors import BadSetting, SecretUnreadable, StoreUnavailable, TooLarge
from postroom.platform.aws.clients import Clients
from postroom.platform.aws.vault import KmsVault
from postroom.platform.embedded.vault import EmbeddedVault
from postroom.platform.vault import LARGEST_SECRET, Vault
from tests.aws_account import account_in_process

# Opens the same vault once more, as another process would.
Open = Callable[[], Vault]


@contextmanager
def embedded(folder: Path) -> Iterator[Open]:
    yield lambda: EmbeddedVault(folder)


@contextmanager
def aws(_: Path) -> Iterator[Open]:
    with account_in_process():
        key = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
        clients = Clients()
        try:
            yield lambda: KmsVault(clients, key)
        finally:
            clients.close()


@pytest.fixture(params=[aws, embedded], ids=["aws", "embedded"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with request.param(tmp_path) as opened:
        yield opened


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    secret=st.binary(min_size=1, max_size=300),
    context=st.text("abcdefgé/.-_0", min_size=1, max_size=60),
)
def test_what_is_sealed_opens(reopen: Open, secret: bytes, context: str) -> None:
    sealed = reopen().seal(secret, context)
    assert secret not in sealed or len(secret) < 4
    assert reopen().open(sealed, context) == secret


def test_the_largest_secret(reopen: Open) -> None:
    secret = b"s" * LARGEST_SECRET
    assert reopen().open(reopen().seal(secret, "dkim/a/b"), "dkim/a/b") == secret
    with pytest.raises(TooLarge):
        reopen().seal(secret + b"s", "dkim/a/b")


def test_equal_secrets_are_sealed_differently(reopen: Open) -> None:
    vault = reopen()
    assert vault.seal(b"secret", "route/x") != vault.seal(b"secret", "route/x")


def test_a_secret_opens_in_its_own_context_only(reopen: Open) -> None:
    sealed = reopen().seal(b"secret", "dkim/example.org/s1")
    with pytest.raises(SecretUnreadable) as caught:
        reopen().open(sealed, "dkim/example.net/s1")
    assert "dkim/example.net/s1" in str(caught.value)


@pytest.mark.parametrize("place", [-20, -1])
def test_an_altered_secret_does_not_open(reopen: Open, place: int) -> None:
    sealed = bytearray(reopen().seal(b"secret", "c"))
    sealed[place] ^= 1
    with pytest.raises(SecretUnreadable):
        reopen().open(bytes(sealed), "c")


@pytest.mark.parametrize("sealed", [b"x", b"x" * 11, b"x" * 40])
def test_noise_does_not_open(reopen: Open, sealed: bytes) -> None:
    reopen().seal(b"secret", "c")
    with pytest.raises(SecretUnreadable):
        reopen().open(sealed, "c")


# Embedded: the key's file.


def _seal_when_told(folder: Path, number: int, gate: "multiprocessing.synchronize.Barrier") -> None:
    vault = EmbeddedVault(folder)
    gate.wait()
    (folder / f"sealed-{number}").write_bytes(vault.seal(b"secret", "c"))


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(6)
    processes = [
        context.Process(target=_seal_when_told, args=(tmp_path, number, gate))
        for number in range(6)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    vault = EmbeddedVault(tmp_path)
    for number in range(6):
        assert vault.open((tmp_path / f"sealed-{number}").read_bytes(), "c") == b"secret"
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["key"]


def test_only_the_owner_reads_the_key(tmp_path: Path) -> None:
    EmbeddedVault(tmp_path).seal(b"secret", "c")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets/key").stat().st_mode) == 0o600


def test_a_lost_key_is_told_and_no_other_takes_its_place(tmp_path: Path) -> None:
    sealed = EmbeddedVault(tmp_path).seal(b"secret", "c")
    (tmp_path / "secrets/key").rename(tmp_path / "away")
    with pytest.raises(SecretUnreadable, match="is gone: restore it"):
        EmbeddedVault(tmp_path).open(sealed, "c")
    assert not (tmp_path / "secrets/key").exists()
    (tmp_path / "away").rename(tmp_path / "secrets/key")
    assert EmbeddedVault(tmp_path).open(sealed, "c") == b"secret"


def test_a_damaged_key_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/key").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="restore it from a backup"):
        EmbeddedVault(tmp_path).seal(b"secret", "c")


# AWS.


def test_without_a_key_it_says_which_setting_is_missing() -> None:
    with pytest.raises(BadSetting, match="POSTROOM_KEY"):
        KmsVault(Clients(), "").seal(b"secret", "c")


def test_a_key_that_is_not_there_is_told() -> None:
    with account_in_process():
        clients = Clients()
        with pytest.raises(StoreUnavailable):
            KmsVault(clients, "arn:aws:kms:us-east-1:123456789012:key/none").seal(b"s", "c")
        clients.close()
