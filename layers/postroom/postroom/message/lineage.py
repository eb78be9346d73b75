"""What a message itself tells of its thread: which message began it, and about what.

A thread is what goes back to one message, its *root*, under one base subject (RFC 8621 section 3).
See docs/decisions/0008-threads.md.
"""

import hashlib
import re
from typing import NamedTuple

from postroom.message.base_subject import base_subject
from postroom.message.collation import casemap
from postroom.message.summary import Summary

_OCTETS_OF_ROOT = 10
_OCTETS_OF_SUBJECT = 6
# Reply and forward marks of other languages: mail programs write them, RFC 5256 section 2.1 does
# not know them. One too many does no harm, for a thread is told by its root as well.
_MARKS = re.compile(
    r"(?:antw|atb|aw|bls|doorst|enc|[iİ]lt|odp|pd|res|rif|rv|sv|tr|trs|vb|vl|vs|vá|wg|yml|ynt"
    r"|απ|πρθ|σχετ|回复|回覆|答复|转发|轉寄|返信|転送)(?:\[[0-9]{1,4}\])?[ \t]{0,4}[:\uff1a]",
    re.IGNORECASE,
)
_MOST_MARKS = 50  # of one subject
_QUOTED_LOCAL_PART = re.compile(r'<"((?:[^"\\]|\\.)*)"@')
_QUOTED_PAIR = re.compile(r"\\(.)")
_SPACE = re.compile(r"\s+")


class Lineage(NamedTuple):
    """What a message says of those before it. Identifiers have their angle brackets."""

    own: str  # its Message-ID, or a name that only this message has
    root: str  # the oldest message it goes back to, as far as it tells; ``own`` when to none
    doubtful: bool  # there may be older ones, which it does not name

    @property
    def is_reply(self) -> bool:
        return self.root != self.own


def lineage(summary: Summary, otherwise: str) -> Lineage:
    """*otherwise*: a name of this message in the place of a Message-ID that is missing.

    Who answers adds the parent to the parent's References (RFC 5322 section 3.6.4), and who has
    to cut these keeps the first (RFC 5537 section 3.4.4). So the first of several names the
    root. One alone may be the parent of somebody who did not look further.
    """
    own = normal_id(summary.message_id) or otherwise
    above = [each for each in dict.fromkeys(map(normal_id, summary.references)) if each != own]
    parents = [each for each in map(normal_id, summary.in_reply_to) if each != own]
    chain = above or parents[:1]
    if not chain:
        return Lineage(own, own, doubtful=False)
    strange = bool(parents) and not any(each in above for each in parents)
    return Lineage(own, chain[0], doubtful=len(chain) == 1 or strange)


def normal_id(message_id: str) -> str:
    """One way to write it of several: without quotes that an identifier can have and need not."""
    match = _QUOTED_LOCAL_PART.match(message_id)
    if match is None:
        return message_id
    return "<" + _QUOTED_PAIR.sub(r"\1", match[1]) + message_id[match.end() - 1 :]


def root_hash(message_id: str) -> bytes:
    """What a message is called where threads are told apart: 80 bits."""
    return _digest(message_id, _OCTETS_OF_ROOT)


def thread_of(root: bytes, subject: str) -> bytes:
    """The thread of messages that go back to *root* (a ``root_hash``) under that subject."""
    return root + _digest(subject_of_thread(subject), _OCTETS_OF_SUBJECT)


def subject_of_thread(subject: str) -> str:
    """Return what stays the same in all answers: no marks, no tags of lists, no white space."""
    text = base_subject(subject).text
    for _ in range(_MOST_MARKS):
        mark = _MARKS.match(text)
        if mark is None:
            break
        text = base_subject(text[mark.end() :]).text
    return _SPACE.sub("", casemap(text))


def _digest(text: str, octets: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=octets).digest()
