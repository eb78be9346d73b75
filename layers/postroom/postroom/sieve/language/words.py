"""What somebody may have meant who wrote a name that there is not."""

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str:
    """``: did you mean "…"?`` when one of the names looks like it, else ""."""
    from difflib import get_close_matches  # only those who err wait for it

    found = get_close_matches(word.lower()[:64], list(known), n=1, cutoff=0.7)
    return f': did you mean "{found[0]}"?' if found else ""
