"""The state of one run: what a script has read and decided so far."""

from typing import NamedTuple

from postroom.sieve.actions import Action, Notify, Redirect
from postroom.sieve.errors import Position, ScriptFailure
from postroom.sieve.language.scope import Variables
from postroom.sieve.letter import Letter
from postroom.sieve.limits import Limits
from postroom.sieve.parts import MimePart
from postroom.sieve.world import Envelope, World

_NOWHERE = Position(1, 1)
_A_STEP = 256  # characters kept
_A_STEP_OF_TEXT = 2048  # octets of another text of the message that is held


class Reason(NamedTuple):
    """Why: one test or command at its line, and how it went."""

    line: int
    what: str
    outcome: str


class Run:
    """One message, one recipient. Steps change it; nothing else does."""

    __slots__ = (
        "actions",
        "captures",
        "earlier",
        "enabled",
        "envelope",
        "flags",
        "included",
        "keeps",
        "letter",
        "limits",
        "matched",
        "part",
        "position",
        "scripts",
        "steps",
        "variables",
        "why",
        "world",
    )

    def __init__(self, letter: Letter, envelope: Envelope, world: World, limits: Limits) -> None:
        self.letter = letter
        self.envelope = envelope
        self.world = world
        self.part: MimePart | None = None  # where foreverypart has come to (RFC 5703 section 3)
        self.limits = limits
        self.variables = Variables({})  # of the script at work
        self.captures: list[str] = []  # ${0}, ${1}, … of the last match (RFC 5229 section 3.2)
        self.flags: list[str] = []  # the internal variable of RFC 5232 section 2
        self.actions: list[Action] = []
        self.earlier = 0  # how many of the actions are of programs that ran before this one
        self.keeps = True  # implicit keep is in effect (RFC 5228 section 2.10.2)
        self.position = _NOWHERE  # of the command at work
        self.steps = limits.steps
        self.enabled: set[str] = set()  # extensions that ihave found (RFC 5463 section 4)
        self.scripts: list[bytes] = []  # digests of those at work, the outermost first
        self.included: list[tuple[str, str]] = []  # (personal|global, name), in order
        self.why: list[Reason] = []  # when the program is a traced one
        self.matched = ""  # by the last test, when it is traced

    def spend(self, steps: int = 1) -> None:
        """Count work; raises ScriptFailure when there was too much of it."""
        self.steps -= steps
        if self.steps < 0:
            raise self.failure("the script does too much for one message")

    def assign(self, name: str, value: str) -> None:
        """Set a variable, cut at the limit (RFC 5229 section 6). Raises ScriptFailure when there
        are too many."""
        value = value[: self.limits.string]
        self.spend(1 + len(value) // _A_STEP)
        self.variables[name] = value
        if len(self.variables) > self.limits.variables:
            raise self.failure(f"more than {self.limits.variables} variables")

    def decide(self, action: Action, *, cancels_keep: bool = False) -> None:
        """Add an action. Raises ScriptFailure when there are too many."""
        limits = self.limits
        if len(self.actions) >= limits.actions:
            raise self.failure(f"more than {limits.actions} actions for one message")
        for kind, most, what in (
            (Redirect, limits.redirects, "redirects"),
            (Notify, limits.notifications, "notifications"),
        ):
            if isinstance(action, kind) and self._count(kind) >= most:
                raise self.failure(f"more than {most} {what} for one message")
        text = getattr(action, "message", None)
        held = [getattr(other, "message", None) for other in self.actions]
        if isinstance(text, bytes) and not any(text is other for other in held):
            self.spend(len(text) // _A_STEP_OF_TEXT)
        self.actions.append(action)
        if cancels_keep:
            self.keeps = False

    def failure(self, message: str) -> ScriptFailure:
        return ScriptFailure(self.position, message)

    def _count(self, kind: type) -> int:
        return sum(isinstance(action, kind) for action in self.actions)
