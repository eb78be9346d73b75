"""Annotations and quotas, as octets (RFC 5464 section 4.4, RFC 9208 section 4.2)."""

from collections.abc import Mapping, Sequence

from gateway.imap.responses import astring, mailbox, nstring


def metadata(name: str, values: Mapping[str, bytes | None], utf8: bool) -> bytes:
    """*name*: of a mailbox, "" for the server. *values*: by entry; None is NIL."""
    pairs = (astring(entry.encode("ascii")) + b" " + _value(values[entry]) for entry in values)
    return b"* METADATA %b (%b)\r\n" % (mailbox(name, utf8), b" ".join(pairs))


def changed_entries(name: str, entries: Sequence[str], utf8: bool) -> bytes:
    """Unsolicited: their names, without the values (RFC 5464 section 4.4.2)."""
    names = b" ".join(astring(entry.encode("ascii")) for entry in entries)
    return b"* METADATA %b %b\r\n" % (mailbox(name, utf8), names)


def _value(value: bytes | None) -> bytes:
    if value is not None and b"\x00" in value:
        return b"~{%d}\r\n%b" % (len(value), value)
    return nstring(value)


def quota(root: str, resources: Mapping[str, tuple[int, int]]) -> bytes:
    """*resources*: usage and limit, by name."""
    triplets = " ".join(f"{name} {usage} {limit}" for name, (usage, limit) in resources.items())
    return b"* QUOTA %b (%b)\r\n" % (astring(root.encode()), triplets.encode("ascii"))


def quota_root(name: str, roots: Sequence[str], utf8: bool) -> bytes:
    words = (mailbox(name, utf8), *(astring(root.encode()) for root in roots))
    return b"* QUOTAROOT " + b" ".join(words) + b"\r\n"
