"""Actions replace and enclose (RFC 5703 sections 5 and 6): parts, or the message, written anew."""

import base64
import hashlib
import re

from postroom.message.headers import fields
from postroom.sieve.commands.dates import date_field
from postroom.sieve.commands.editing import composed, count_added, count_reading
from postroom.sieve.commands.fields import names
from postroom.sieve.commands.outbound import parse_mailbox_list
from postroom.sieve.header import Header
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.parts import MimePart
from postroom.sieve.run import Run

EXTENSIONS = ("replace", "enclose")

_LINE_END = re.compile(r"\r\n|\r|\n")
_UNFIT_FOR_7BIT = re.compile(rb"(?m)^--|[^\x01-\x7f]|[^\n]{998}")
_A_STEP = 1024  # octets of a message that is written anew


def _replace(call: Call) -> Step:
    text = call.text(0)
    subject = call.text("subject") if call.has("subject") else None
    sender = call.text("from") if call.has("from") else None
    is_entity = call.has("mime")
    constant = call.constant("from") if sender else None
    if constant is not None and parse_mailbox_list(constant) is None:
        call.wrong(f'"{constant[:80]}" is no address to write from, nor a list of such', "from")

    def step(run: Run) -> None:
        letter = run.letter
        entity = _entity(text(run)) if is_entity else _text_entity(text(run))
        part = None if run.part is None else letter.current(run.part)
        count_added(run, len(entity))
        if part is not None and part is not letter.current(letter.root):
            _check_boundaries(run, part, entity)
            run.letter = letter.with_part(part, MimePart.read(entity, part.parent), len(entity))
            return
        count_reading(run)
        new = []
        if subject is not None:
            new.append(composed(run, "Subject", subject(run)))
        # An address of variables that is none is passed over (RFC 5703 section 5).
        if sender is not None and parse_mailbox_list(address := sender(run)) is not None:
            new.append(composed(run, "From", address))
        written = _with_header_of(letter.header, new, entity)
        run.letter = letter.with_text(written, len(entity) + sum(map(len, new)))

    return step


def _enclose(call: Call) -> Step:
    text = call.text(0)
    subject = call.text("subject") if call.has("subject") else None
    copied = names(call, "headers") if call.has("headers") else lambda run: ()

    def step(run: Run) -> None:
        letter = run.letter
        whole = letter.text
        count_reading(run)
        run.spend(len(whole) // _A_STEP)
        wanted = frozenset(copied(run))
        kept = [
            (field.name.lower(), letter.header.octets[field.start : field.end])
            for field in fields(letter.header.octets)
        ]
        head = [octets for name, octets in kept if name in wanted and not _is_mime(name)]
        have = {name for name, _ in kept if name in wanted}
        if "date" not in have:
            head.append(date_field(run.world.now()))
        if "from" not in have:
            head.append(composed(run, "From", run.envelope.recipient))
        if subject is not None:
            head = [octets for octets in head if not octets.lower().startswith(b"subject:")]
            head.append(composed(run, "Subject", subject(run)))
        elif "subject" not in have:
            head += [octets for name, octets in kept if name == "subject"][:1]
        digest = hashlib.sha256(whole).hexdigest()
        if "message-id" not in have:
            domain = run.envelope.recipient.rpartition("@")[2]
            head.append(composed(run, "Message-ID", f"<{digest[40:]}@{domain}>"))
        wrapped = _enclosed(b"".join(head), _text_entity(text(run)), whole, digest[:40].encode())
        count_added(run, len(wrapped) - len(whole))
        run.letter = letter.within_text(wrapped, len(wrapped) - len(whole))

    return step


def _entity(text: str) -> bytes:
    return _LINE_END.sub("\r\n", text).encode("utf-8", "replace")


def _text_entity(text: str) -> bytes:
    """Text as a MIME part. No line of it can be taken for a boundary."""
    octets = _entity(text)
    encoding = b"7bit"
    if _UNFIT_FOR_7BIT.search(octets):
        encoding = b"base64"
        octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        encoding,
        octets,
    )


def _check_boundaries(run: Run, part: MimePart, entity: bytes) -> None:
    around = part.parent
    while around is not None:
        boundary = around.boundary
        if boundary and re.search(rb"(?m)^--" + re.escape(boundary), entity):
            raise run.failure("the replacement holds a boundary of the message around it")
        around = around.parent


def _with_header_of(header: Header, new: list[bytes], entity: bytes) -> bytes:
    """A message of what an entity says, with the other fields of a header. Of what *new* fields
    take the place, the name gets an ``Original-`` before it (RFC 5703 section 5)."""
    replaced = {field.partition(b":")[0].lower() for field in new}
    head = []
    for field in fields(header.octets):
        octets = header.octets[field.start : field.end]
        name = field.name.lower()
        if not _is_mime(name):
            head.append(b"Original-" + octets if name.encode() in replaced else octets)
    if head and not head[-1].endswith(b"\n"):
        head.append(b"\r\n")
    own = Header.of(entity)
    mime = [
        own.octets[field.start : field.end]
        for field in fields(own.octets)
        if field.name.lower().startswith("content-")
    ]
    body = entity[len(own.octets) :] or b"\r\n"
    return b"".join([*head, *new, b"MIME-Version: 1.0\r\n", *mime, body])


def _enclosed(head: bytes, text: bytes, message: bytes, digest: bytes) -> bytes:
    boundary = b"=_" + digest  # a message does not hold the hash of itself
    header = Header.of(message).octets
    lines = [
        head.removesuffix(b"\r\n"),
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="%b"' % boundary,
        b"",
        b"--" + boundary,
        text,
        b"--" + boundary,
        # A header with UTF-8 in it is of RFC 6532.
        b"Content-Type: message/" + (b"rfc822" if header.isascii() else b"global"),
        b"Content-Transfer-Encoding: " + (b"7bit" if message.isascii() else b"8bit"),
        b"",
        message,
        b"--%b--" % boundary,
        b"",
    ]
    return b"\r\n".join(lines)


def _is_mime(name: str) -> bool:
    return name == "mime-version" or name.startswith("content-")


DEFINITIONS = (
    Definition(
        "replace",
        "action",
        _replace,
        takes=(Shape.STRING,),
        tags=(Tag("mime"), Tag("subject", Shape.STRING), Tag("from", Shape.STRING)),
        extension="replace",
    ),
    Definition(
        "enclose",
        "action",
        _enclose,
        takes=(Shape.STRING,),
        tags=(Tag("subject", Shape.STRING), Tag("headers", Shape.STRINGS)),
        extension="enclose",
    ),
)
