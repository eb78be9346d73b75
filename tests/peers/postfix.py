"""Debian's Postfix with a private configuration: it delivers postfix.test, and hands what is for
our domain to a Postroom.

Needs root: its processes change their users.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import accepts, wait_until
from tests.running import DOMAIN, free_port

CAN_RUN = os.geteuid() == 0 and shutil.which("postfix", path="/usr/sbin") is not None
_OWNER = 5000  # uid and gid of the mail

# It takes every address at once and finds out when it delivers that there is no such user: so
# bounces come, where a refused RCPT would leave the bounce to us.
_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/state
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.postfix.test
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
smtpd_tls_security_level = none
local_header_rewrite_clients =
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = postfix.test
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ bob@postfix.test=bob/ }}
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
relay_domains = {domain}
transport_maps = inline:{{ {{ {domain} = smtp:[127.0.0.1]:{postroom} }} }}
default_transport = error:5.1.2 mail goes nowhere else from here
"""


class Postfix:
    domain = "postfix.test"

    def __init__(self, folder: Path, port: int, postroom: int) -> None:
        self._folder, self.port = folder, port
        for name in ("spool", "state", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "state", "postfix")
        os.chown(folder / "mail", _OWNER, _OWNER)
        text = _MAIN_CF.format(folder=folder, owner=_OWNER, domain=DOMAIN, postroom=postroom)
        (folder / "main.cf").write_text(text)
        master = Path("/etc/postfix/master.cf.proto").read_text()
        master = re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", master, flags=re.MULTILINE)
        master = re.sub(
            r"^smtp(\s+)inet", rf"127.0.0.1:{self.port}\1inet", master, flags=re.MULTILINE
        )
        (folder / "master.cf").write_text(master)

    def run(self, program: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """One of Postfix's programs, with this configuration."""
        option = "-C" if program == "sendmail" else "-c"
        command = [f"/usr/sbin/{program}", option, str(self._folder), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout!r} {done.stderr!r}"
        return done.stdout

    def said(self) -> str:
        return (self._folder / "log").read_text()

    def mail(self, count: int) -> list[bytes]:
        """The *count* messages that have come for bob, which are taken away."""
        new = self._folder / "mail" / "bob" / "new"
        wait_until(lambda: new.exists() and len(list(new.iterdir())) >= count, "mail for bob", 60)
        paths = list(new.iterdir())
        texts = [path.read_bytes() for path in paths]
        for path in paths:
            path.unlink()
        assert len(texts) == count
        return texts


@contextmanager
def postfix(postroom: int) -> Iterator[Postfix]:
    """A Postfix that hands mail for our domain to that port."""
    # Not in pytest's folder, which is closed to the users that Postfix's processes become.
    with free_port() as port, tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Postfix(folder, port, postroom)
        server.run("postfix", "start")
        try:
            wait_until(lambda: accepts(server.port), "Postfix")
            yield server
        except BaseException:
            print(server.said()[-8000:])
            raise
        finally:
            server.run("postfix", "stop")
