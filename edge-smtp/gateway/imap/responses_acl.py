"""Access control lists, as octets (RFC 4314 sections 3.6 to 3.8)."""

from collections.abc import Iterable

from gateway.imap.responses import astring, mailbox, string
from postroom.mailboxes.rights import ALL, Rights, shown


def acl(name: str, entries: Iterable[tuple[str, Rights]], utf8: bool) -> bytes:
    words = [mailbox(name, utf8)]
    for identifier, rights in entries:
        words += [_identifier(identifier, utf8), _rights(rights)]
    return b"* ACL " + b" ".join(words) + b"\r\n"


def list_rights(name: str, identifier: str, required: Rights, utf8: bool) -> bytes:
    """None of the rights are tied. The virtual ones come with the others."""
    always = shown(required)
    rest = [letter.encode() for letter in shown(ALL) if letter not in always]
    words = (mailbox(name, utf8), _identifier(identifier, utf8), _rights(required), *rest)
    return b"* LISTRIGHTS " + b" ".join(words) + b"\r\n"


def my_rights(name: str, rights: Rights, utf8: bool) -> bytes:
    return b"* MYRIGHTS %b %b\r\n" % (mailbox(name, utf8), _rights(rights))


def _identifier(text: str, utf8: bool) -> bytes:
    octets = text.encode()
    return astring(octets) if octets.isascii() else string(octets, utf8)


def _rights(rights: Rights) -> bytes:
    return shown(rights).encode() or b'""'
