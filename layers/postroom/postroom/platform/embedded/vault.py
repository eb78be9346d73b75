"""The Vault port over AES-256-GCM, with a key that lies beside the data: ``secrets/key``."""

import os
from pathlib import Path

from postroom.errors import SecretUnreadable, StoreUnavailable, TooLarge
from postroom.platform.vault import LARGEST_SECRET

_KEY = 32  # octets
_NONCE = 12  # octets (NIST SP 800-38D section 5.2.1.1)


class EmbeddedVault:
    """A copy of the data folder without ``secrets`` reveals nothing that was sealed."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "secrets" / "key"
        self._key = b""

    def seal(self, secret: bytes, context: str) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(secret) > LARGEST_SECRET:
            raise TooLarge("a secret in octets", len(secret), LARGEST_SECRET)
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._our_key(make=True)).encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        # What is sealed has a key. If that is lost, a new one would not open it: do not make one
        # in the place to which the old one may yet be restored.
        key = self._our_key(make=False)
        nonce, text = sealed[:_NONCE], sealed[_NONCE:]
        try:
            return AESGCM(key).decrypt(nonce, text, context.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(
                f"the secret for {context} does not open with {self._file}"
            ) from error

    def _our_key(self, *, make: bool) -> bytes:
        """Read the key, made by whoever comes first and never again."""
        if not self._key:
            try:
                if make and not self._file.exists():
                    self._make_key()
                key = self._file.read_bytes()
            except FileNotFoundError as error:
                raise SecretUnreadable(f"{self._file} is gone: restore it") from error
            except OSError as error:
                raise StoreUnavailable(f"{self._file}: {error}") from error
            if len(key) != _KEY:
                raise StoreUnavailable(f"{self._file} is not a key: restore it from a backup")
            self._key = key
        return self._key

    def _make_key(self) -> None:
        folder = self._file.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
        draft = folder / f"key.{os.getpid()}.{os.urandom(4).hex()}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, os.urandom(_KEY))
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, self._file)  # unlike a rename, never over one that is there
        except FileExistsError:
            pass  # another process was faster: its key is the key
        finally:
            draft.unlink()
        # Also for the process that lost: what it seals must not outlive the name of its key.
        _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
