"""What the directory refuses."""

from postroom.errors import PostroomError


class NotThere(PostroomError):
    """No domain, account or alias of that name."""

    def __init__(self, what: str, name: str) -> None:
        self.what = what
        super().__init__(f"there is no {what} {name}")


class AlreadyThere(PostroomError):
    """The name is taken."""

    def __init__(self, what: str, name: str) -> None:
        article = "an" if what.startswith(("a", "e", "i", "o", "u")) else "a"
        super().__init__(f"there is already {article} {what} {name}")


class InUse(PostroomError):
    """What is to be removed still holds something, or the change would break a rule."""
