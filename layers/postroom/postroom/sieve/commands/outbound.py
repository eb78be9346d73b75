"""Addresses that mail is sent to, as scripts write them (RFC 5228 section 2.4.2.3). Pure.

``bob@example.test`` or ``Bob <bob@example.test>``: no routes, no groups. What is read leniently in
messages is refused here: an address that is only guessed at would lose the message.
"""

import re

LONGEST_LOCAL_PART = 256  # octets: return paths of VERP and SRS are longer than 64
LONGEST_DOMAIN = 255  # octets (RFC 5321 section 4.5.3.1.2)

_TOKEN = re.compile(
    r'[ \t\r\n]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"|\[[\x21-\x5a\x5e-\x7e]*\]|[<>@,]'
    # Dots are atoms here, wherever they stand: "nobody..@example.test" receives mail.
    r"|[^\x00-\x20\x7f-\x9f()<>@,;:\\\"\[\]]+"
)
_COMMENT_SIGN = re.compile(r"[()\\]")
_SPECIALS = frozenset("<>@,")
# Underscores are not in the grammar of SMTP, but in names that receive mail.
_LABEL = r"(?!-)[A-Za-z0-9_\u00a1-\U0010ffff-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[.+\]")


def parse_outbound(text: str) -> str | None:
    """Return the ``local@domain`` of a sieve-address, or None when *text* is none."""
    found = parse_mailbox_list(text)
    return found[0] if found is not None and len(found) == 1 else None


def parse_mailbox_list(text: str) -> tuple[str, ...] | None:
    """Return each ``local@domain`` of a mailbox-list (RFC 5322 section 3.4), or None."""
    tokens = _tokens(text)
    if tokens is None:
        return None
    found = []
    item: list[str] = []
    for word in [*tokens, ","]:
        if word != ",":
            item.append(word)
            continue
        address = _mailbox(item)
        if address is None:
            return None
        found.append(address)
        item = []
    return tuple(found)


def _mailbox(tokens: list[str]) -> str | None:
    if tokens and tokens[-1] == ">":
        if "<" not in tokens:
            return None
        start = tokens.index("<")
        if not _SPECIALS.isdisjoint(tokens[:start]):
            return None
        tokens = tokens[start + 1 : -1]
    match tokens:
        case [local, "@", domain] if _fits(local, domain):
            return f"{local}@{domain}"
    return None


def _fits(local: str, domain: str) -> bool:
    return (
        local not in _SPECIALS
        and not local.startswith("[")
        and len(local.encode("utf-8", "replace")) <= LONGEST_LOCAL_PART
        and len(domain.encode("utf-8", "replace")) <= LONGEST_DOMAIN
        and _DOMAIN.fullmatch(domain) is not None
    )


def _tokens(text: str) -> list[str] | None:
    """Split into words and signs, without white space and comments; None when it cannot be."""
    found = []
    at = 0
    while at < len(text):
        if text[at] == "(":
            at = _end_of_comment(text, at + 1)
            if at < 0:
                return None
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        if not match[0].isspace():
            found.append(match[0])
        at = match.end()
    return found


def _end_of_comment(text: str, at: int) -> int:
    depth = 1
    while depth:
        match = _COMMENT_SIGN.search(text, at)
        if match is None:
            return -1
        at = match.end()
        if match[0] == "\\":
            at += 1
        else:
            depth += 1 if match[0] == "(" else -1
    return at
