"""The Vault port over KMS: what is for one context does not open in another."""

from botocore.exceptions import ClientError

from postroom.errors import BadSetting, SecretUnreadable, TooLarge
from postroom.platform.aws.clients import Clients, code_of, unavailable
from postroom.platform.vault import LARGEST_SECRET

_UNREADABLE = {"InvalidCiphertextException", "IncorrectKeyException", "NotFoundException"}


class KmsVault:
    def __init__(self, clients: Clients, key: str) -> None:
        """*key*: ARN or alias of a symmetric KMS key."""
        self._clients = clients
        self._key = key

    def seal(self, secret: bytes, context: str) -> bytes:
        if len(secret) > LARGEST_SECRET:
            raise TooLarge("a secret in octets", len(secret), LARGEST_SECRET)
        if not self._key:
            raise BadSetting("POSTROOM_KEY is not set: it names the KMS key that seals secrets")
        with unavailable(f"KMS {self._key}"):
            answer = self._clients.kms.encrypt(
                KeyId=self._key, Plaintext=secret, EncryptionContext={"postroom": context}
            )
        return answer["CiphertextBlob"]

    def open(self, sealed: bytes, context: str) -> bytes:
        with unavailable(f"KMS {self._key}"):
            try:
                answer = self._clients.kms.decrypt(
                    CiphertextBlob=sealed, EncryptionContext={"postroom": context}
                )
            except ClientError as error:
                if code_of(error) in _UNREADABLE:
                    raise SecretUnreadable(
                        f"the secret for {context} does not open with KMS {self._key}"
                    ) from error
                raise
        return answer["Plaintext"]
