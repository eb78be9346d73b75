"""The base subject: what a subject says once reply and forward marks are gone (RFC 5256 section
2.1). Threads and sorting by subject are built on it."""

import re
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\r\n]+")
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\] *+)*+")
_LAST_BLOB = re.compile(r"\[[^\[\]]*\] *\Z")
_REFWD = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?+:", re.ASCII | re.IGNORECASE)
_FWD_TRAILER = "(fwd)"
_FWD_HEADER = "[fwd:"


class BaseSubject(NamedTuple):
    text: str  # "" when there is none
    is_reply: bool  # a reply or a forward (RFC 5256 section 3, REFERENCES)


def base_subject(subject: str) -> BaseSubject:
    """Return the base of a decoded subject, in time that grows as its length."""
    text = _SPACE.sub(" ", subject)
    start, end = 0, len(text)
    is_reply = False
    while True:
        end, trailed = _without_trailers(text, start, end)
        start, led = _without_leaders(text, start, end)
        is_reply |= trailed or led
        # Step 6: "[fwd: ...]" wraps a subject of its own.
        wrapped = text[start : start + len(_FWD_HEADER)].lower() == _FWD_HEADER
        if not (wrapped and end - start > len(_FWD_HEADER) and text[end - 1] == "]"):
            return BaseSubject(text[start:end], is_reply)
        start += len(_FWD_HEADER)
        end -= 1
        is_reply = True


def _without_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Step 2. Returns the new end, and whether a "(fwd)" went."""
    forwarded = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif text[max(start, end - 5) : end].lower() == _FWD_TRAILER:
            end -= 5
            forwarded = True
        else:
            break
    return end, forwarded


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5. Returns the new start, and whether a "re:" or "fwd:" went.

    A leader is blobs with a mark behind them. Where none is behind the blobs, step 4 removes these
    one by one, looking for a leader again each time, which cannot be there: so all go
    at once, but for the last when it is all that would be left.
    """
    replied = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs is not None else start
        mark = _REFWD.match(text, after, end)
        if mark is not None:
            start = mark.end()
            replied = True
            continue
        if after < end:
            return after, replied
        last = _LAST_BLOB.search(text, text.rfind("[", start, end), end) if after > start else None
        return (last.start() if last is not None else start), replied
