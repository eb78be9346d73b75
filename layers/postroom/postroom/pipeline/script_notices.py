"""Whoever owns a script that fails is told once, in a message of ours."""

from datetime import UTC, datetime
from email.utils import format_datetime

from postroom.directory.records import Target
from postroom.errors import ConditionFailed
from postroom.message.compose import header
from postroom.pipeline.posting import post
from postroom.pipeline.work import Rooms, Work
from postroom.platform.table import Absent, Holds, Key, Put
from postroom.sieve.letter import Letter

_TOLD = 90 * 86_400  # seconds for which it is remembered

_TEXT = """\
Your filter could not be carried out for the message

    From:    {sender}
    Subject: {subject}

What went wrong:

    {trouble}

Nothing is lost: the message is in your mailbox, in INBOX where the filter did not come to file it.
The same will happen to other messages until the filter is changed, in your mail program
(ManageSieve) or by the people who run this server. You are told of it once.
"""


def tell_owner(app: Rooms, work: Work, target: Target, trouble: str) -> None:
    """Once for each version of the scripts: the next message meets the same trouble.

    The record names the message that met it first, so that a repeat of that one says it again,
    under the same queue id, and is not said twice.
    """
    accepted = work.accepted
    versions = f"{target.scripts} {target.domain_scripts}"
    key = Key(f"account/{target.account}", "script-trouble")
    found = app.table.get(key)
    if found is None or found.body["versions"] != versions:
        condition = Absent() if found is None else Holds("versions", str(found.body["versions"]))
        body = {"versions": versions, "queue_id": accepted.queue_id}
        expires = int(app.clock.seconds()) + _TOLD
        try:
            app.table.write(Put(key, body, expires=expires, condition=condition))
        except ConditionFailed:
            return  # another message was first
    elif found.body["queue_id"] != accepted.queue_id:
        return
    name = f"script trouble {accepted.queue_id} {target.account}"
    message = _notice(app, work, target, trouble)
    post(app, name, message, "", (target.address,), accepted.received / 1000)


def _notice(app: Rooms, work: Work, target: Target, trouble: str) -> bytes:
    accepted = work.accepted
    now = datetime.fromtimestamp(accepted.received / 1000, UTC)
    fields = [
        b"Date: " + format_datetime(now).encode() + b"\r\n",
        header("From", f"Mail filter <postmaster@{app.hostname}>"),
        header("To", f"<{target.address}>"),
        header("Subject", "Your mail filter failed"),
        header("Message-ID", f"<{accepted.queue_id}.filter@{app.hostname}>"),
        header("Auto-Submitted", "auto-generated"),
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: text/plain; charset=utf-8\r\n",
        b"Content-Transfer-Encoding: 8bit\r\n",
    ]
    text = _TEXT.format(
        sender=accepted.reverse_path or "<>",
        subject=subject[0] if (subject := Letter(work.text).values("subject")) else "",
        trouble=trouble[:4000].replace("\n", "\n    "),
    )
    return b"".join(fields) + b"\r\n" + text.replace("\n", "\r\n").encode("utf-8", "replace")
