"""Commands on access control lists, as values (RFC 4314 section 3)."""

from dataclasses import dataclass
from typing import Literal

from gateway.imap.commands import Command
from postroom.mailboxes.rights import Rights


@dataclass(frozen=True, slots=True)
class SetAcl(Command):
    """``identifier``: as the client names it; with "-" before it, rights are taken away."""

    mailbox: str
    identifier: str
    mode: Literal["add", "remove", "replace"]
    rights: Rights


@dataclass(frozen=True, slots=True)
class DeleteAcl(Command):
    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True)
class GetAcl(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class ListRights(Command):
    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True)
class MyRights(Command):
    mailbox: str
