"""From replies to what became of a recipient."""

import re

from postroom.relay.parcel import Outcome
from postroom.relay.smtp.replies import Reply, SessionEnded

# RFC 3463: system not accepting, congestion; 4.7.28 is what Gmail says of a rate (IANA registry).
_LOAD_CODES = frozenset(("4.3.2", "4.4.5", "4.7.28"))
_LOAD_WORDS = re.compile(
    r"too many (?:concurrent )?(?:connections|sessions|messages|mails)|rate[- ]?limit|throttl"
    r"|too fast|unusual rate|rate that|overload|server (?:is )?busy|too busy",
    re.IGNORECASE,
)
_WHY = {"lost": "4.4.2", "slow": "4.4.2", "garbled": "4.5.0", "busy": "4.3.2"}


def of_reply(reply: Reply, stage: str, peer: str) -> Outcome:
    """What a reply other than 2xx means; *stage* is the command that it answers.

    A reply that does not fit there (3xx, or 2xx to DATA) is no verdict: deferred.
    """
    if reply.kind == 5:
        return Outcome("failed", reply.status, f"{stage} was refused", reply.text, peer)
    if reply.kind == 4:
        return Outcome("deferred", reply.status, f"{stage} was put off", reply.text, peer)
    return Outcome("deferred", "4.5.0", f"{stage} got an odd reply", reply.text, peer)


def of_end(ended: SessionEnded, peer: str, *, unsure: bool = False) -> Outcome:
    """What the end of a session means for those who have no verdict yet."""
    status, text = _WHY[ended.why], ""
    if ended.reply is not None:
        text = ended.reply.text
        if ended.reply.kind == 4:
            status = ended.reply.status
    return Outcome("deferred", status, str(ended), text, peer, unsure=unsure)


def softened(outcome: Outcome) -> Outcome:
    """A 5xx that speaks of the server, or of our settings, rather than of the mail: deferred."""
    if outcome.kind != "failed":
        return outcome
    status = "4" + outcome.status[1:]
    return Outcome("deferred", status, outcome.reason, outcome.reply, outcome.peer)


def speaks_of_load(outcome: Outcome) -> bool:
    """Whether a deferral means: send less."""
    return outcome.kind == "deferred" and (
        outcome.reply.startswith("421")
        or outcome.status in _LOAD_CODES
        or _LOAD_WORDS.search(outcome.reply) is not None
    )
