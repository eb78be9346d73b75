"""APPEND and REPLACE: their messages come in pieces, between words (RFC 9051 section 4.3). The
session hands over what the reader has; what becomes of it is in ``execute_append``."""

from typing import TYPE_CHECKING

from gateway.imap import responses
from gateway.imap.commands_append import Append, Replace
from gateway.imap.execute_append import Upload, begin_upload
from gateway.imap.executions import EXECUTIONS
from gateway.imap.literals import MessageLiteral
from gateway.imap.news import check_rights
from gateway.imap.outcomes import Bad
from gateway.imap.parser import parse
from gateway.imap.tokens import tag_of
from postroom.errors import PostroomError

if TYPE_CHECKING:
    from gateway.imap.session import Session


async def take_literal(session: "Session", event: MessageLiteral) -> None:
    tag, name = tag_of(event.command), "APPEND"
    try:
        if session.upload is not None:
            tag, name = session.upload.command.tag, session.upload.name
            await session.upload.go_on(event.command)
        else:
            command = parse(event.command, session.utf8)
            if not isinstance(command, Append | Replace):
                raise Bad("This command has no literal here")
            session.check(command)
            await check_rights(session)
            session.upload = await begin_upload(session, command)
        if not session.upload.waits:
            raise Bad("A literal was not expected here")
    except PostroomError as error:
        session.reader.refuse()
        drop(session)
        session.failed(tag, name, error)
        return
    session.reader.accept()
    if event.waits:
        session.write(responses.continuation())


def drop(session: "Session") -> None:
    if session.upload is not None:
        session.upload.abandon()
        session.upload = None
        if session.notifications is not None:
            session.wire.wake()  # news have waited for it


async def finish(session: "Session", upload: Upload, words: bytes) -> None:
    session.upload = None
    command = upload.command
    await session.finish(EXECUTIONS[type(command)], command, upload.finish(words))
