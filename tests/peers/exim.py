"""Debian's Exim 4 as tests/peers/setup.sh unpacked it: it delivers exim.test, hands what is for
our domain to a Postroom, and what is for behind.exim.test to another server.

Needs root, for it becomes Debian-exim at once and stays that.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import accepts, wait_until
from tests.running import DOMAIN, free_port

PROGRAM = Path(__file__).parents[2] / ".cache" / "exim" / "usr" / "sbin" / "exim4"
_USER = "Debian-exim"  # compiled in

# exim_path: where it finds itself for deliveries. deliver_drop_privilege: those need no root.
# It takes every address and bounces what has no router; see tests/peers/postfix.py. However many
# messages come by one connection, it delivers each at once: nothing here runs its queue.
_CONF = """\
exim_path = {folder}/exim4
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/spool/pid
primary_hostname = mx.exim.test
qualify_domain = exim.test
local_interfaces = 127.0.0.1
keep_environment =
disable_ipv6
tls_advertise_hosts =
dsn_advertise_hosts = *
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
deliver_drop_privilege
smtp_accept_queue_per_connection = 0
log_selector = +pipelining +smtp_confirmation +received_recipients
acl_smtp_rcpt = taken

begin acl
taken:
  accept

begin routers
postroom:
  driver = manualroute
  domains = {domain}
  route_list = * 127.0.0.1::{postroom}
  self = send
  transport = smtp
behind:
  driver = manualroute
  domains = behind.exim.test
  route_list = * 127.0.0.1::{behind}
  self = send
  transport = smtp
bob:
  driver = accept
  domains = exim.test
  local_parts = bob
  transport = maildir

begin transports
smtp:
  driver = smtp
  allow_localhost
maildir:
  driver = appendfile
  directory = {folder}/mail/bob
  create_directory
  maildir_format
  return_path_add
  envelope_to_add
  delivery_date_add
"""


def _missing() -> str:
    """Why it cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if not PROGRAM.exists():
        return "Exim is not in .cache/exim: see tests/peers/setup.sh"
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return f"there is no user {_USER}: see tests/peers/setup.sh"
    return ""


MISSING = _missing()


class Exim:
    domain = "exim.test"

    def __init__(self, folder: Path, port: int, postroom: int, behind: int) -> None:
        self._folder, self.port = folder, port
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
            shutil.chown(folder / name, _USER)
        # A copy without the setuid bit, where its user may read.
        self._program = folder / "exim4"
        shutil.copyfile(PROGRAM, self._program)
        self._program.chmod(0o755)
        self._conf = folder / "exim.conf"
        text = _CONF.format(folder=folder, domain=DOMAIN, postroom=postroom, behind=behind)
        self._conf.write_text(text)

    def start(self) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [
            self._program,
            "-C",
            self._conf,
            "-bdf",
            "-oX",
            f"127.0.0.1.{self.port}",
        ]
        output = (self._folder / "output").open("wb")
        with output:
            return subprocess.Popen(command, stdout=output, stderr=output)

    def log(self) -> list[str]:
        """What became of messages, a line for each step."""
        return self._text("mainlog").splitlines()

    def said(self) -> str:
        names = ("output", "log/mainlog", "log/rejectlog", "log/paniclog")
        return "".join(f"--- {name}\n{self._text(name)}" for name in names)

    def _text(self, name: str) -> str:
        for path in (self._folder / name, self._folder / "log" / name):
            if path.exists():
                return path.read_text(errors="replace")
        return ""

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
def exim(postroom: int, behind: int) -> Iterator[Exim]:
    """An Exim that hands mail for our domain, and for behind.exim.test, to these ports."""
    with free_port() as port, tempfile.TemporaryDirectory(prefix="exim-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Exim(folder, port, postroom, behind)
        process = server.start()
        try:
            wait_until(lambda: accepts(server.port) or process.poll() is not None, "Exim", 30)
            assert process.poll() is None, server.said()
            yield server
        except BaseException:
            print(server.said()[-8000:])
            raise
        finally:
            process.terminate()
            process.wait(30)
