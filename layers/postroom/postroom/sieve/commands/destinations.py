"""Where a message or a copy is filed: what ``fileinto`` and ``:fcc`` have in common.

RFC 5228 section 4.1, RFC 5232 section 5, RFC 5490 section 3.2, RFC 8579, RFC 8580, RFC 9042.
"""

import re
import unicodedata
from collections.abc import Callable

from postroom.sieve.actions import Copy
from postroom.sieve.commands.flags import flags_argument
from postroom.sieve.language.definitions import Call, Shape, Tag
from postroom.sieve.run import Run

EXTENSIONS = ("mailbox", "special-use", "mailboxid", "fcc")

LONGEST_NAME = 900  # octets, as of any mailbox

DESTINATION_TAGS = (
    Tag("flags", Shape.STRINGS, extension="imap4flags"),
    Tag("create", extension="mailbox"),
    Tag("specialuse", Shape.STRING, extension="special-use"),
    Tag("mailboxid", Shape.STRING, extension="mailboxid"),
)
FCC_TAGS = (Tag("fcc", Shape.STRING, extension="fcc"), *DESTINATION_TAGS)

_USE = re.compile(r"\\[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")
# Neither may be in a name (RFC 9051 section 5.1, RFC 5198 section 2).
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def mailbox_name(name: str) -> str:
    """The spelling that mailboxes have: NFC, INBOX in capitals."""
    name = unicodedata.normalize("NFC", name)
    top, slash, rest = name.partition("/")
    return top.upper() + slash + rest if top.upper() == "INBOX" else name


def mailbox_problem(name: str) -> str:
    """Why no mailbox can have this name, or "". The store may know more reasons."""
    if not name:
        return "the name of a mailbox cannot be empty"
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"the name of a mailbox cannot be longer than {LONGEST_NAME} octets"
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in name):
        return f"{name!r} cannot be a mailbox: it holds a control character"
    if "\ufffd" in name:  # what "${hex:ff}" comes to
        return f'"{name}" cannot be a mailbox: it holds octets that are not UTF-8'
    if "" in name.split("/"):
        return f'"{name}" cannot be a mailbox: a "/" must stand between two names'
    return ""


def special_use_problem(use: str) -> str:
    """Why this is no special-use attribute (RFC 6154 section 6), or ""."""
    if _USE.fullmatch(use):
        return ""
    return f'"{use}" is no special use: write a backslash and a name, as in "\\\\Archive"'


def destination(call: Call, mailbox: int | str) -> Callable[[Run], Copy]:
    """Compile where to file to; *mailbox* is the argument with its name."""
    if call.has("specialuse") and call.has("mailboxid"):
        # RFC 9042 section 4.2.
        call.wrong(":specialuse and :mailboxid cannot be used together: choose one", "mailboxid")
    _check(call, mailbox, mailbox_problem)
    _check(call, "specialuse", special_use_problem)
    name = call.text(mailbox)
    flags = flags_argument(call) if call.has("flags") else None
    use = call.text("specialuse") if call.has("specialuse") else None
    mailbox_id = call.text("mailboxid") if call.has("mailboxid") else None
    create = call.has("create")

    def at_run(run: Run) -> Copy:
        found = name(run)
        special_use = use(run) if use else ""
        problem = mailbox_problem(found) or (use and special_use_problem(special_use))
        if problem:
            raise run.failure(problem)
        return Copy(
            mailbox=mailbox_name(found),
            flags=flags(run) if flags else (),
            create=create,
            special_use=special_use,
            mailbox_id=mailbox_id(run) if mailbox_id else "",
        )

    constant = call.constant(mailbox)
    if constant is None or mailbox_problem(constant) or flags or use or mailbox_id:
        return at_run
    fixed = Copy(mailbox_name(constant), create=create)
    return lambda run: fixed


def fcc(call: Call) -> Callable[[Run], Copy | None]:
    """Compile ``:fcc`` and what goes with it (RFC 8580 section 3)."""
    if call.has("fcc"):
        return destination(call, "fcc")
    for tag in DESTINATION_TAGS:
        if call.has(tag.name):
            call.wrong(f":{tag.name} says how a copy is filed: give :fcc with a mailbox", tag.name)
    return lambda run: None


def _check(call: Call, key: int | str, problem_of: Callable[[str], str]) -> None:
    if not call.has(key):
        return
    constant = call.constant(key)
    if constant is not None and (problem := problem_of(constant)):
        call.wrong(problem, key)
