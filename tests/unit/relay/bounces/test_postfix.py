"""A bounce that Debian's Postfix writes about a message of ours is credited."""

import json
import os
import re
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.machine import accepts, free_ports, wait_until
from postroom.relay.bounces.crediting import credit
from postroom.relay.bounces.incoming import looks_like_report
from postroom.relay.bounces.reading import read_bounce
from tests.unit.relay.bounces.test_crediting import QUEUE_ID, Rooms, rooms  # noqa: F401

PROGRAM = shutil.which("postfix", path="/usr/sbin:/usr/bin")
CAN_RUN = PROGRAM is not None and os.geteuid() == 0  # its processes change their users

# Mail for the world stays in the queue, where the bounce can be read.
_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/state
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.other.test
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = other.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ eva@other.test = eva/ }} }}
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
transport_maps = inline:{{ {{ full.test = error:5.2.2 mailbox is full }} }}
defer_transports = smtp
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"""


class Postfix:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        [self.port] = free_ports(1)
        for name in ("spool", "state", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "state", "postfix")
        os.chown(folder / "mail", 5000, 5000)
        (folder / "main.cf").write_text(_MAIN_CF.format(folder=folder))
        master = Path("/etc/postfix/master.cf.proto").read_text()
        master = re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", master, flags=re.MULTILINE)
        master = re.sub(
            r"^smtp(\s+)inet", rf"127.0.0.1:{self.port}\1inet", master, flags=re.MULTILINE
        )
        (folder / "master.cf").write_text(master)

    def run(self, program: str, *arguments: str) -> bytes:
        command = [f"/usr/sbin/{program}", "-c", str(self._folder), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def waiting(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run("postqueue", "-j").splitlines()]

    def bounce(self) -> bytes:
        """The bounce that waits to leave, as it would be sent."""

        def found() -> list[dict[str, Any]]:
            return [entry for entry in self.waiting() if entry["sender"] == "MAILER-DAEMON"]

        wait_until(lambda: bool(found()), "a bounce", 60)
        name = found()[0]["queue_id"]
        return self.run("postcat", "-bhq", name).replace(b"\n", b"\r\n")


@contextmanager
def postfix() -> Iterator[Postfix]:
    # Not in pytest's folder: its daemons, which are others, could not reach it.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postfix(folder)
        server.run("postfix", "start")
        try:
            wait_until(lambda: accepts(server.port), "Postfix")
            yield server
        finally:
            server.run("postfix", "stop")


MESSAGE = (
    f"Received: from pc (unknown [192.0.2.9])\r\n\tby mx.example.test (Postroom) with ESMTPSA"
    f" id {QUEUE_ID};\r\n\tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    "From: anna@example.test\r\nTo: bob@other.test\r\nSubject: Hello\r\n"
    "Message-ID: <1@example.test>\r\n\r\nHello Bob\r\n"
)


@pytest.mark.skipif(not CAN_RUN, reason="needs Debian's postfix, and root")
@pytest.mark.parametrize(
    ("address", "status", "options", "suppressed"),
    [
        ("bob@other.test", "5.1.1", (), {"bob@other.test": "bounce"}),
        ("bob@full.test", "5.2.2", (), {}),
        ("bob@other.test", "5.1.1", ("RET=HDRS",), {"bob@other.test": "bounce"}),
    ],
    ids=["no such user", "mailbox full", "header only"],
)
def test_a_bounce_of_postfix(
    rooms: Rooms,  # noqa: F811
    address: str,
    status: str,
    options: tuple[str, ...],
    suppressed: dict[str, str],
) -> None:
    rooms.sent(address, "eva@other.test")
    with postfix() as server:
        client = smtplib.SMTP("127.0.0.1", server.port)
        client.sendmail("anna@example.test", [address], MESSAGE, options)
        client.quit()
        bounce = server.bounce()
    header = bounce.partition(b"\r\n\r\n")[0]
    assert looks_like_report(header, "anna@example.test")  # even were it not sent as one
    reading = read_bounce(bounce)
    assert reading.queue_ids == (QUEUE_ID,)
    [made] = credit(rooms, reading)
    assert (made.address, made.what, made.status) == (address, "failed", status)
    assert rooms.suppressed() == suppressed
    [(place, detail)] = rooms.told()
    assert place == f"<bounced {address}"
    assert detail.startswith(f"{address}: mx.other.test: {status}")
