"""Errors we raise on purpose. Each builds its own sentence, so that a log line stands alone."""

from collections.abc import Sequence


class PostroomError(Exception):
    """An error we raise on purpose."""


class BadSyntax(PostroomError):
    """The peer broke a grammar rule. The session answers it; the connection may live on."""

    def __init__(self, rule: str, found: bytes, reference: str) -> None:
        self.rule = rule
        self.reference = reference
        super().__init__(f"{found[:80]!r} is not a {rule} ({reference})")


class BadSetting(PostroomError):
    """A setting, a template or a command line says something we cannot follow."""


class StoreUnavailable(PostroomError):
    """A store did not answer, or answered that it cannot now: trying again later may work."""


class MuchToRead(PostroomError):
    """There is more than may be read while others wait: call again where nobody does."""


class TooLarge(PostroomError):
    """A write is over a limit that holds on every platform."""

    def __init__(self, what: str, found: int, limit: int) -> None:
        super().__init__(f"{what} is {found}, the limit is {limit}")


class SecretUnreadable(PostroomError):
    """A sealed secret was altered, is for another purpose, or its key is gone."""


class BlobMissing(PostroomError):
    """No blob is stored under the key."""

    def __init__(self, key: str, store: str) -> None:
        self.key = key
        super().__init__(f"blob {key} is not in {store}")


class ConditionFailed(PostroomError):
    """A conditional write found something else; nothing of its transaction was written.

    ``failed`` holds the positions, in the order given to ``Table.write``, of the writes whose
    condition did not hold. It is empty when another transaction touched the same records at the
    same moment: read again and repeat.
    """

    def __init__(self, failed: Sequence[int]) -> None:
        self.failed = tuple(failed)
        super().__init__(f"conditions of writes {list(failed)} did not hold")
