"""What the directory refuses."""

from postroom.errors import PostroomError


class NotThere(PostroomError):
    """No domain, account or alias of that name."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} {name}")


class AlreadyThere(PostroomError):
    """The name is taken."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is already a {what} {name}")


class InUse(PostroomError):
    """What is to be removed still holds something, or the change would break a rule."""
