"""The arguments of SETACL, DELETEACL and LISTRIGHTS (RFC 4314 section 7)."""

from gateway.imap.commands import Command
from gateway.imap.commands_acl import DeleteAcl, ListRights, SetAcl
from gateway.imap.tokens import Scanner
from postroom.directory.saslprep import saslprep
from postroom.errors import BadSyntax
from postroom.mailboxes.rights import parse_rights

_LONGEST_IDENTIFIER = 1000  # octets: an address is far shorter


def set_acl(s: Scanner, tag: bytes) -> Command:
    mailbox, identifier = _mailbox_and_identifier(s)
    s.space()
    modification = s.text_string()
    letters = modification.lstrip("+-") if modification[:1] in ("+", "-") else modification
    if len(modification) - len(letters) > 1:
        raise BadSyntax("mod-rights", modification.encode(), "RFC 4314 section 7")
    rights = parse_rights(letters)
    if modification.startswith("+"):
        return SetAcl(tag, mailbox, identifier, "add", rights)
    if modification.startswith("-"):
        return SetAcl(tag, mailbox, identifier, "remove", rights)
    return SetAcl(tag, mailbox, identifier, "replace", rights)


def delete_acl(s: Scanner, tag: bytes) -> Command:
    return DeleteAcl(tag, *_mailbox_and_identifier(s))


def list_rights(s: Scanner, tag: bytes) -> Command:
    return ListRights(tag, *_mailbox_and_identifier(s))


def _mailbox_and_identifier(s: Scanner) -> tuple[str, str]:
    s.space()
    mailbox = s.mailbox()
    s.space()
    text = s.text_string()
    # What cannot be prepared, or is empty then, is a mistake (section 3).
    if len(text.encode()) > _LONGEST_IDENTIFIER or not saslprep(text.removeprefix("-")):
        raise BadSyntax("identifier", text.encode(), "RFC 4314 section 3")
    return mailbox, text
