"""What the keeping of scripts refuses. A script that is wrong is a `postroom.sieve` ScriptError."""

from typing import Literal

from postroom.errors import PostroomError

Quota = Literal["MAXSCRIPTS", "MAXSIZE", ""]  # which limit (RFC 5804 section 1.3), "" for another


class BadScriptName(PostroomError):
    """No name that a script can have (RFC 5804 section 1.6)."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this is no name for a script: {why}")


class EmptyScript(PostroomError):
    """RFC 5804 section 2.6 would have scripts without a single octet disallowed."""

    def __init__(self) -> None:
        super().__init__("a script cannot be empty: a comment alone makes one that does nothing")


class NoSuchScript(PostroomError):
    def __init__(self, name: str) -> None:
        super().__init__(f'there is no script "{name}"')


class ScriptExists(PostroomError):
    def __init__(self, name: str) -> None:
        super().__init__(f'there is already a script "{name}"')


class ScriptActive(PostroomError):
    def __init__(self, name: str) -> None:
        super().__init__(f'the script "{name}" is active: activate another one, or none, first')


class OverQuota(PostroomError):
    def __init__(self, quota: Quota, what: str) -> None:
        self.quota = quota
        super().__init__(what)
