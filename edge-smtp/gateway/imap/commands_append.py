"""APPEND and REPLACE as values: what to make, of which parts (RFC 9051 section 6.3.12, RFC 3502,
RFC 4469, RFC 8508).

The octets of a message follow its ``Text`` and are not here (see ``literals``). So a command is
known part by part: ``parts`` goes as far as its first Text, and ``parser_append.more_parts`` goes
on from there.
"""

from dataclasses import dataclass

from gateway.imap.commands import Command


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message begins. ``internal_date``: seconds since 1970, None when none was given."""

    flags: tuple[str, ...] = ()
    internal_date: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """*size* octets of the message follow as a literal.

    ``catenated``: within CATENATE's parentheses, with other parts. ``utf8``: sent as ``UTF8
    (~{…}`` (RFC 6855 section 4); ``binary``: as a literal8.
    """

    size: int
    catenated: bool = False
    utf8: bool = False
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """Octets of a message that is here already (RFC 4469 section 3)."""

    url: bytes


Part = NewMessage | Text | Url


@dataclass(frozen=True, slots=True)
class Append(Command):
    mailbox: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """*number*: of the message that goes, with ``uid`` its UID; STAR for the last one."""

    uid: bool
    number: int
    mailbox: str
    parts: tuple[Part, ...]
