"""Actions reject and ereject (RFC 5429). `postroom.sieve.outcome` says what conflicts with them."""

from postroom.sieve.actions import Reject
from postroom.sieve.language.definitions import Call, Definition, Shape, Step
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("reject", "ereject")


def _reject(call: Call) -> Step:
    reason = call.text(0)
    extended = call.name == "ereject"

    def step(run: Run) -> None:
        text = reason(run)
        if len(text) > run.limits.reason:
            raise run.failure(f"a reason longer than {run.limits.reason} characters")
        decide(run, Reject(text, extended), cancels_keep=True)

    return step


DEFINITIONS = (
    Definition("reject", "action", _reject, takes=(Shape.STRING,), extension="reject"),
    Definition("ereject", "action", _reject, takes=(Shape.STRING,), extension="ereject"),
)
