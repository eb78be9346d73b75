"""What can be wrong with a script: found when it is checked, or met when it runs."""

from collections.abc import Sequence
from typing import NamedTuple

from postroom.errors import PostroomError


class Position(NamedTuple):
    line: int  # from 1
    column: int  # from 1, in characters


class Problem(NamedTuple):
    """One thing that is wrong, in words its writer understands."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"line {self.position.line}, column {self.position.column}: {self.message}"


class ScriptError(PostroomError):
    """A script that cannot be used. ``problems`` is never empty and in the order of the script."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ScriptFailure(PostroomError):
    """A script that was right stopped while it ran: a limit, or values that make no sense."""

    def __init__(self, position: Position, message: str) -> None:
        self.problem = Problem(position, message)
        super().__init__(str(self.problem))
