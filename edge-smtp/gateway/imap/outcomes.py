"""How a command can end (RFC 9051 section 7.1; codes: RFC 5530)."""

import logging
from dataclasses import dataclass

from gateway.imap.fetch import UnknownEncoding
from gateway.imap.parser_search import BadCharset
from postroom.directory.identifiers import UnknownIdentifier
from postroom.errors import BadSyntax, PostroomError, StoreUnavailable, TooLarge
from postroom.mailboxes.errors import TooManyIdentifiers
from postroom.mailboxes.store import (
    BadFlag,
    BadMailboxName,
    MailboxExists,
    MailboxMissing,
    NotPermitted,
    OverQuota,
)

log = logging.getLogger("postroom.imap")


@dataclass(frozen=True, slots=True)
class Done:
    """Tagged OK. No text: "<command> completed". ``silent``: the reply comes later. ``bye``: the
    command is done, and why the connection ends then."""

    text: str = ""
    code: bytes = b""
    silent: bool = False
    bye: "Bye | None" = None


DONE = Done()


class _Unhappy(PostroomError):
    def __init__(self, text: str, code: bytes = b"") -> None:
        self.text = text
        self.code = code
        super().__init__(text)


class No(_Unhappy):
    """Tagged NO: the command is right and cannot be done."""


class Bad(_Unhappy):
    """Tagged BAD: the client made a mistake."""


class Bye(_Unhappy):
    """The connection ends now."""


def outcome_of(error: PostroomError) -> No | Bad | Bye:
    """What to tell the client about an error of the domain."""
    if isinstance(error, No | Bad | Bye):
        return error
    match error:
        case BadCharset():  # the one mistake of grammar that is a NO (RFC 9051 section 6.4.4)
            return No(str(error), b"BADCHARSET (UTF-8 US-ASCII)")
        case BadSyntax():
            return Bad(str(error))
        case MailboxMissing():
            return No("There is no such mailbox", b"NONEXISTENT")
        case MailboxExists():
            return No("There is a mailbox of that name already", b"ALREADYEXISTS")
        case BadMailboxName():
            return No(str(error), b"CANNOT")
        case NotPermitted():
            return No("The owner of the mailbox does not let you do this", b"NOPERM")
        case UnknownIdentifier():
            return No(str(error), b"CANNOT")
        case TooManyIdentifiers():
            return No(str(error), b"LIMIT")
        case BadFlag():
            return No(str(error), b"LIMIT")
        case OverQuota():
            return No("The account would hold more than its quota", b"OVERQUOTA")
        case UnknownEncoding():
            return No(str(error), b"UNKNOWN-CTE")
        case TooLarge():
            return No(str(error), b"LIMIT")
        case StoreUnavailable():
            return No("The store does not answer now, try again later", b"UNAVAILABLE")
    log.error("unexpected error", exc_info=error)
    return No("Internal error, see the server's log", b"SERVERBUG")
