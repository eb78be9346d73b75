"""From the octets of one command to its value (RFC 9051 section 9).

Strict where a reader could be misled, tolerant of what clients do that harms nobody: spaces at the
end of a command and just inside parentheses, a day of one digit in a date-time, ``\\Recent`` among
flags that are stored, UTF-8 in quoted strings without ENABLE.
"""

import binascii
import re
from collections.abc import Callable

from gateway.imap.commands import (
    Authenticate,
    Capability,
    Check,
    Close,
    Command,
    Compress,
    Copy,
    Create,
    Delete,
    Enable,
    Expunge,
    Id,
    Idle,
    List,
    Login,
    Logout,
    Lsub,
    Move,
    Namespace,
    Noop,
    Rename,
    StartTls,
    Status,
    Store,
    Subscribe,
    Unauthenticate,
    Unselect,
    Unsubscribe,
)
from gateway.imap.commands_acl import GetAcl, MyRights
from gateway.imap.parser_acl import delete_acl, list_rights, set_acl
from gateway.imap.parser_append import append, replace
from gateway.imap.parser_fetch import fetch
from gateway.imap.parser_metadata import (
    entries,
    get_metadata,
    get_quota,
    get_quota_root,
    set_metadata,
)
from gateway.imap.parser_notify import notify
from gateway.imap.parser_search import cancel_update, multi_search, search, sort, thread
from gateway.imap.parser_select import select
from gateway.imap.tokens import RFC, Scanner
from postroom.errors import BadSyntax

STATUS_ITEMS = (
    "MESSAGES",
    "RECENT",  # RFC 3501
    "UIDNEXT",
    "UIDVALIDITY",
    "UNSEEN",
    "DELETED",
    "SIZE",
    "HIGHESTMODSEQ",  # RFC 7162 section 3.1.2
    "APPENDLIMIT",  # RFC 7889 section 3.1
    "DELETED-STORAGE",  # RFC 9208 section 4.1.4
    "MAILBOXID",  # RFC 8474 section 4.3
)
_SELECTIONS = ("SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE")
_RETURNS = ("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS", "METADATA", "MYRIGHTS")
_SPECIAL_USES = {
    use.lower(): use
    for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
}
_STORE_ATT = re.compile(rb"[+-]?FLAGS(?:\.SILENT)?", re.IGNORECASE)
_MOST_ID_PAIRS = 30  # RFC 2971 section 3.3


def parse(command: bytes, utf8: bool = False) -> Command:
    """Return the command that the octets are, or raise BadSyntax and nothing else.

    *command* is as ``literals.CommandReader`` gives it: literals stand where they were sent, head
    and octets; the final CRLF is not there. An APPEND or REPLACE ends with the head of the literal
    of its first message, if it has one.
    *utf8*: mailbox names are UTF-8, not modified UTF-7 (after ENABLE IMAP4rev2 or UTF8=ACCEPT).
    ``tokens.tag_of`` gives the tag to answer with when this raises.
    """
    # The last word may be a literal whose spaces belong to it.
    s = Scanner(command if b"}\r\n" in command else command.rstrip(b" "), utf8)
    tag = s.tag()
    s.space()
    name = s.keyword()
    arguments = _COMMANDS.get(name)
    if arguments is None:
        raise BadSyntax("command", name.encode(), RFC)
    parsed = arguments(s, tag)
    s.end()
    return parsed


def _plain(command: type[Command]) -> Callable[[Scanner, bytes], Command]:
    return lambda _, tag: command(tag)


def _of_mailbox(
    command: Callable[[bytes, str], Command],
) -> Callable[[Scanner, bytes], Command]:
    def parse_one(s: Scanner, tag: bytes) -> Command:
        s.space()
        return command(tag, s.mailbox())

    return parse_one


def _id(s: Scanner, tag: bytes) -> Command:
    s.space()
    if not s.next_is(b"("):
        if s.nstring() is not None:
            raise s.bad("id_params_list", "RFC 2971 section 4")
        return Id(tag, None)

    def pair() -> tuple[str, str | None]:
        field = s.utf8_of(s.string())
        s.space()
        value = s.nstring()
        return field, None if value is None else s.utf8_of(value)

    pairs = s.items(pair, "id_params_list")
    if len(pairs) > _MOST_ID_PAIRS:
        raise BadSyntax("id_params_list", b"%d pairs" % len(pairs), "RFC 2971 section 3.3")
    return Id(tag, tuple(pairs))


def _authenticate(s: Scanner, tag: bytes) -> Command:
    s.space()
    mechanism = s.keyword()
    if not s.skip(b" "):
        return Authenticate(tag, mechanism, None)
    initial = s.text[s.at :]
    s.at = len(s.text)
    return Authenticate(tag, mechanism, b"" if initial == b"=" else decode_base64(initial))


def decode_base64(text: bytes) -> bytes:
    """Decode a line of an AUTHENTICATE exchange (rule ``base64``)."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        # The sentence must not show what may be a password.
        raise BadSyntax("base64", b"...", "RFC 9051 section 9") from error


def _login(s: Scanner, tag: bytes) -> Command:
    try:
        s.space()
        user = s.astring()
        s.space()
        return Login(tag, user, s.astring())
    except BadSyntax as error:
        raise BadSyntax("user and password", b"...", "RFC 9051 section 6.2.3") from error


def _enable(s: Scanner, tag: bytes) -> Command:
    capabilities = []
    while s.skip(b" "):
        capabilities.append(s.keyword())
    if not capabilities:
        raise s.bad("capability", "RFC 9051 section 6.3.1")
    return Enable(tag, tuple(dict.fromkeys(capabilities)))


def _create(s: Scanner, tag: bytes) -> Command:
    s.space()
    mailbox = s.mailbox()
    uses: list[str] = []
    if s.skip(b" "):

        def parameter() -> None:
            if s.keyword() != "USE":
                raise s.bad("create-param", "RFC 6154 section 6")
            s.space()
            uses.extend(s.items(special_use, "use-attr"))

        def special_use() -> str:
            s.expect(b"\\", "use-attr")
            use = "\\" + s.atom().decode("ascii")
            return _SPECIAL_USES.get(use.lower(), use)

        s.some(parameter, "create-params")
    return Create(tag, mailbox, tuple(uses))


def _compress(s: Scanner, tag: bytes) -> Command:
    s.space()
    return Compress(tag, s.keyword())


def _rename(s: Scanner, tag: bytes) -> Command:
    s.space()
    mailbox = s.mailbox()
    s.space()
    return Rename(tag, mailbox, s.mailbox())


def _list(s: Scanner, tag: bytes) -> Command:
    s.space()
    selection: list[str] = []
    extended = s.next_is(b"(")
    if extended:
        selection = s.items(lambda: _one_of(s, _SELECTIONS, "list-select-opt"), "list-select-opts")
        # RECURSIVEMATCH says how another option is applied (RFC 9051 section 6.3.9.1).
        if "RECURSIVEMATCH" in selection and not {"SUBSCRIBED", "SPECIAL-USE"} & {*selection}:
            raise BadSyntax("list-select-base-opt", b"RECURSIVEMATCH", "RFC 9051 section 6.3.9.1")
        s.space()
    reference = s.reference()
    s.space()
    if s.next_is(b"("):
        extended = True
        patterns = s.some(s.pattern, "mbox-or-pat")
    else:
        patterns = [s.pattern()]
    returns: list[str] = []
    status: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    if s.skip(b" "):
        extended = True
        if s.keyword() != "RETURN":
            raise s.bad("list-return-opts")
        s.space()

        def option() -> str:
            nonlocal status, metadata
            name = _one_of(s, _RETURNS, "list-return-opt")
            if name == "STATUS":
                s.space()
                status = _status_items(s)
            elif name == "METADATA":
                s.space()
                metadata = entries(s)
            return name

        returns = s.items(option, "list-return-opts")
    return List(
        tag,
        reference,
        tuple(patterns),
        frozenset(selection),
        frozenset(returns),
        status,
        extended,
        metadata,
    )


def _one_of(s: Scanner, names: tuple[str, ...], rule: str) -> str:
    name = s.keyword()
    if name not in names:
        raise BadSyntax(rule, name.encode(), RFC)
    return name


def _xlist(s: Scanner, tag: bytes) -> Command:
    s.space()
    reference = s.reference()
    s.space()
    return List(tag, reference, (s.pattern(),), verb="XLIST")


def _lsub(s: Scanner, tag: bytes) -> Command:
    s.space()
    reference = s.reference()
    s.space()
    return Lsub(tag, reference, s.pattern())


def _status(s: Scanner, tag: bytes) -> Command:
    s.space()
    mailbox = s.mailbox()
    s.space()
    return Status(tag, mailbox, _status_items(s))


def _status_items(s: Scanner) -> tuple[str, ...]:
    found = s.some(lambda: _one_of(s, STATUS_ITEMS, "status-att"), "status-att")
    return tuple(dict.fromkeys(found))


def _copy_or_move(
    command: type[Copy] | type[Move], uid: bool
) -> Callable[[Scanner, bytes], Command]:
    def parse_copy(s: Scanner, tag: bytes) -> Command:
        s.space()
        messages = s.sequence_set()
        s.space()
        return command(tag, uid, messages, s.mailbox())

    return parse_copy


def _store(uid: bool) -> Callable[[Scanner, bytes], Command]:
    def parse_store(s: Scanner, tag: bytes) -> Command:
        s.space()
        messages = s.sequence_set()
        s.space()
        unchanged_since = None
        if s.skip(b"("):
            if s.keyword() != "UNCHANGEDSINCE":
                raise s.bad("store-modifier", "RFC 7162 section 7")
            s.space()
            unchanged_since = s.number()
            s.expect(b")", "store-modifier")
            s.space()
        item = s.take(_STORE_ATT, "store-att-flags").upper()
        s.space()
        return Store(
            tag,
            uid,
            messages,
            "add" if item[:1] == b"+" else "remove" if item[:1] == b"-" else "replace",
            s.flags() if s.next_is(b"(") else _bare_flags(s),
            item.endswith(b".SILENT"),
            unchanged_since,
        )

    return parse_store


def _bare_flags(s: Scanner) -> tuple[str, ...]:
    flags = [s.flag()]
    while s.skip(b" "):
        flags.append(s.flag())
    return tuple(dict.fromkeys(flag for flag in flags if flag is not None))


def _uid_expunge(s: Scanner, tag: bytes) -> Command:
    s.space()
    return Expunge(tag, s.sequence_set())


def _uid(s: Scanner, tag: bytes) -> Command:
    s.space()
    name = s.keyword()
    arguments = _UID_COMMANDS.get(name)
    if arguments is None:
        raise BadSyntax("command", b"UID " + name.encode(), RFC)
    return arguments(s, tag)


_UID_COMMANDS: dict[str, Callable[[Scanner, bytes], Command]] = {
    "COPY": _copy_or_move(Copy, uid=True),
    "EXPUNGE": _uid_expunge,
    "FETCH": fetch(uid=True),
    "MOVE": _copy_or_move(Move, uid=True),
    "REPLACE": replace(uid=True),
    "SEARCH": search(uid=True),
    "SORT": sort(uid=True),
    "STORE": _store(uid=True),
    "THREAD": thread(uid=True),
}

_COMMANDS: dict[str, Callable[[Scanner, bytes], Command]] = {
    "APPEND": append,
    "AUTHENTICATE": _authenticate,
    "CANCELUPDATE": cancel_update,
    "CAPABILITY": _plain(Capability),
    "CHECK": _plain(Check),
    "CLOSE": _plain(Close),
    "COMPRESS": _compress,
    "COPY": _copy_or_move(Copy, uid=False),
    "CREATE": _create,
    "DELETEACL": delete_acl,
    "DELETE": _of_mailbox(Delete),
    "ENABLE": _enable,
    "ESEARCH": multi_search,
    "EXAMINE": select(read_only=True),
    "EXPUNGE": _plain(Expunge),
    "FETCH": fetch(uid=False),
    "GETACL": _of_mailbox(GetAcl),
    "GETMETADATA": get_metadata,
    "GETQUOTA": get_quota,
    "GETQUOTAROOT": get_quota_root,
    "ID": _id,
    "IDLE": _plain(Idle),
    "LIST": _list,
    "LISTRIGHTS": list_rights,
    "LOGIN": _login,
    "LOGOUT": _plain(Logout),
    "LSUB": _lsub,
    "MOVE": _copy_or_move(Move, uid=False),
    "MYRIGHTS": _of_mailbox(MyRights),
    "NAMESPACE": _plain(Namespace),
    "NOOP": _plain(Noop),
    "NOTIFY": notify,
    "RENAME": _rename,
    "REPLACE": replace(uid=False),
    "SEARCH": search(uid=False),
    "SELECT": select(read_only=False),
    "SORT": sort(uid=False),
    "SETACL": set_acl,
    "SETMETADATA": set_metadata,
    "STARTTLS": _plain(StartTls),
    "STATUS": _status,
    "STORE": _store(uid=False),
    "SUBSCRIBE": _of_mailbox(Subscribe),
    "THREAD": thread(uid=False),
    "UID": _uid,
    "UNAUTHENTICATE": _plain(Unauthenticate),
    "UNSELECT": _plain(Unselect),
    "UNSUBSCRIBE": _of_mailbox(Unsubscribe),
    "XLIST": _xlist,
}
