"""Which actions go together (RFC 5228 sections 2.10.1 and 2.10.3, RFC 5429 section 2.4,
RFC 5230 section 4.7), and that each thing is done once."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from postroom.sieve.actions import (
    Action,
    Discard,
    FileInto,
    Keep,
    Notify,
    Redirect,
    Reject,
    Remember,
    Vacation,
)
from postroom.sieve.commands.mailto import BadMailto, parse_mailto
from postroom.sieve.run import Run

_DELIVERIES = {Keep: "keep", FileInto: "fileinto", Redirect: "redirect"}


def decide(run: Run, action: Action, *, cancels_keep: bool = False) -> None:
    """Add an action to what was decided; one that repeats another merges with it.

    Raises ScriptFailure when it conflicts with another of this script, or is one too many.
    """
    problem = conflict(run.actions[run.earlier :], action)
    if problem:
        raise run.failure(problem)
    if _merge(run.actions, action):
        run.keeps = run.keeps and not cancels_keep
    else:
        run.decide(action, cancels_keep=cancels_keep)


def conflict(earlier: Iterable[Action], action: Action) -> str:
    """Why *action* cannot follow the *earlier* ones of the same script, or ""."""
    for other in earlier:
        for one, two in ((action, other), (other, action)):
            if isinstance(one, Reject):
                name = "ereject" if one.extended else "reject"
                if isinstance(two, Reject):
                    return "a message can be rejected only once"
                if isinstance(two, Vacation):
                    return f"{name} and vacation both answer the sender: use one of them"
                if delivery := _DELIVERIES.get(type(two)):
                    return (
                        f"{name} and {delivery} cannot be used together: "
                        "a message is either delivered or refused"
                    )
        if isinstance(action, Vacation) and isinstance(other, Vacation):
            return "vacation can be used only once for a message"
    return ""


def settle(actions: Iterable[Action]) -> tuple[Action, ...]:
    """What is left to do: each thing once, and nothing that another action makes void.

    Scripts that run one after the other do not know of one another. So a rejection, or an answer
    of a script before, is no conflict here: who rejects does not answer, and the first answers.
    """
    settled: list[Action] = []
    for action in actions:
        if not _merge(settled, action):
            settled.append(action)
    if any(isinstance(action, Reject) for action in settled):
        settled = [action for action in settled if not isinstance(action, Vacation)]
    if any(isinstance(action, Reject) or type(action) in _DELIVERIES for action in settled):
        # Discard cancels the implicit keep, and nothing else (RFC 5228 section 4.4).
        settled = [action for action in settled if not isinstance(action, Discard)]
    return tuple(_told_once(settled))


def _told_once(actions: Iterable[Action]) -> Iterator[Action]:
    """Nobody is notified twice of one message (RFC 5436 section 2.7)."""
    told: set[str] = set()
    for action in actions:
        if isinstance(action, Notify):
            again = told & (recipients := _recipients(action.method))
            told |= recipients
            if again:
                if again == recipients:
                    continue
                yield replace(action, told=tuple(sorted(again)))
                continue
        yield action


def _merge(actions: list[Action], action: Action) -> bool:
    """Merge *action* with the one that it repeats; False when there is none."""
    identity = _identity(action)
    if identity is None:
        return False
    for index, other in enumerate(actions):
        if _identity(other) == identity:
            actions[index] = _merged(other, action)
            return True
    return False


def _identity(action: Action) -> Hashable | None:
    """Equal for actions of which one is enough; None when there is no such thing."""
    match action:
        case Keep():
            return "file", "INBOX", "", "", action.message
        case FileInto():
            use = action.special_use.lower()
            return "file", action.mailbox, use, action.mailbox_id, action.message
        case Redirect():
            # Case matters in a local part, as far as anyone but its domain knows.
            local, _, domain = action.address.rpartition("@")
            return "redirect", local, domain.lower(), action.list_name, action.message
        case Notify():
            return "notify", _recipients(action.method)
        case Remember():
            return "remember", action.handle, action.unique_id
        case Vacation() | Discard():
            return (type(action),)
        case Reject():
            return None


def _merged(first: Action, again: Action) -> Action:
    match first, again:
        case (Keep() | FileInto(), Keep(implicit=True)):
            return first
        case Keep(), (Keep() | FileInto()):
            return Keep(again.flags, first.message)  # RFC 5232 section 3: the last flags win
        case FileInto(), (Keep() | FileInto()):
            create = first.create or (isinstance(again, FileInto) and again.create)
            return replace(first, flags=again.flags, create=create)
        case Remember(), Remember():
            return again  # RFC 7352 section 3.3
    return first


def _recipients(method: str) -> frozenset[str]:
    """The addresses that a notification tells, in lower case."""
    try:
        mailto = parse_mailto(method)
    except BadMailto:
        return frozenset([method])
    return frozenset(address.lower() for address in (*mailto.to, *mailto.cc))
