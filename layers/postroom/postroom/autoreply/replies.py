"""What addresses answer by themselves: ``autoreply/<address>``, beside a mark in the directory."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from postroom.autoreply.answered import SHORTEST
from postroom.autoreply.entity import text_entity
from postroom.autoreply.original import Original, plain
from postroom.autoreply.templates import BadTemplate, check, render
from postroom.errors import PostroomError
from postroom.platform.table import Body, Delete, Key, Put, Record, Table

DAY = 86_400  # seconds
LONGEST_INTERVAL = 365 * DAY
_LONGEST_SUBJECT = 500  # characters
USUAL_SUBJECT = "[#{{ ticket }}] {{ subject or 'We got your message' }}"


@dataclass(frozen=True, slots=True)
class Reply:
    """Templates, and how often the same correspondent gets what they write."""

    text: str
    subject: str = USUAL_SUBJECT
    html: str = ""
    interval: int = DAY  # seconds


class BadReply(PostroomError):
    """A reply that cannot be saved, and what is wrong with it."""


class Marks(Protocol):
    """The part of the directory that tells the pipeline who answers."""

    def set_answering(self, address: str, on: bool) -> str:
        """Return the address as `Route.answering` will name it. Raises NotThere, BadAddress."""


class Replies:
    def __init__(self, table: Table, marks: Marks) -> None:
        self._table = table
        self._marks = marks

    def put(self, address: str, reply: Reply) -> str:
        """Let an address answer; return its name in records. Raises BadReply, NotThere."""
        check_reply(reply)
        name = self._marks.set_answering(address, True)
        body: Body = {
            "subject": reply.subject,
            "text": reply.text,
            "html": reply.html,
            "interval": reply.interval,
        }
        self._table.write(Put(_key(name), body))
        return name

    def remove(self, address: str) -> None:
        """Let it answer no more. Raises NotThere (no such address)."""
        name = self._marks.set_answering(address, False)
        self._table.write(Delete(_key(name)))


def reply_of(table: Table, name: str) -> Reply | None:
    """What an address answers. *name*: what `Replies.put` returned, as in `Route.answering`."""
    record = table.get(_key(name))
    return None if record is None else _reply(record)


def check_reply(reply: Reply) -> None:
    """Raises BadReply."""
    if not SHORTEST <= reply.interval <= LONGEST_INTERVAL:
        raise BadReply(f"the interval can be {SHORTEST} seconds to {LONGEST_INTERVAL // DAY} days")
    if not reply.text.strip():
        raise BadReply("the text is empty")
    for name, source in (("subject", reply.subject), ("text", reply.text), ("HTML", reply.html)):
        try:
            check(source, html=name == "HTML")
        except BadTemplate as error:
            raise BadReply(f"the template of the {name} cannot be used: {error}") from error


def write(reply: Reply, original: Original, address: str, ticket: str) -> tuple[str, bytes]:
    """Subject and MIME entity of the answer to a message. Raises BadTemplate."""
    arrived = datetime.fromtimestamp(original.received / 1000, UTC)
    values = {
        "sender": original.reverse_path,
        "author": original.author,
        "subject": original.subject,
        "ticket": ticket,
        "date": arrived.strftime("%Y-%m-%d"),
        "time": arrived.strftime("%H:%M"),
        "address": address,
        "message_id": original.message_id,
        "queue_id": original.queue_id,
    }
    subject = plain(render(reply.subject, values), _LONGEST_SUBJECT)
    html = render(reply.html, values, html=True) if reply.html else ""
    return subject, text_entity(render(reply.text, values), html)


def _key(name: str) -> Key:
    return Key(f"autoreply/{name}", "0")


def _reply(record: Record) -> Reply:
    body = record.body
    interval = body["interval"]
    return Reply(
        str(body["text"]),
        str(body["subject"]),
        str(body["html"]),
        interval if isinstance(interval, int) else DAY,
    )
