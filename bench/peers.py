"""Debian's Postfix and Dovecot as shipped, each with a private configuration, spool and mail.

Different from the shipped configuration: addresses and ports, no TLS, no chroot (it would need
a copied tree), more IMAP connections of one user, messages of up to 50 MB, static passwords.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from bench.machine import accepts, free_ports, tree, wait_until
from bench.sides import DOMAIN, PASSWORD, make_folder
from bench.sink import Sink

_OWNER = 5000  # uid and gid of the mail

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {spool}
data_directory = {state}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.test
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = discard.test
transport_maps = inline:{{ {{ discard.test = discard: }} }}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{maps}
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
relayhost = [127.0.0.1]:{sink}
"""

_DOVECOT_CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = {location}
mail_fsync = {fsync}
first_valid_uid = {owner}
mail_max_userip_connections = 1000
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={mail}/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""


class Dovecot:
    def __init__(self, folder: Path, location: str, fsync: str = "optimized") -> None:
        """*fsync*: ``mail_fsync``, as shipped unless given."""
        self._folder = make_folder(folder)
        for name in ("run", "state", "mail"):
            make_folder(folder / name)
        self.mail = folder / "mail"
        os.chown(self.mail, _OWNER, _OWNER)
        self.imap, self.pop3, self.lmtp = free_ports(3)
        self._conf = folder / "dovecot.conf"
        self._conf.write_text(
            _DOVECOT_CONF.format(
                folder=folder,
                location=location,
                fsync=fsync,
                owner=_OWNER,
                password=PASSWORD,
                mail=self.mail,
                imap=self.imap,
                pop3=self.pop3,
                lmtp=self.lmtp,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self._conf])
        wait_until(lambda: accepts(self.imap), "Dovecot")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def pids(self) -> list[int]:
        return tree(self._process.pid) if self._process is not None else []


class Postfix:
    def __init__(self, folder: Path, users: list[str], lmtp: int, sink: int) -> None:
        make_folder(folder)
        self._folder, self._spool = folder, make_folder(folder / "spool")
        state = make_folder(folder / "state")
        shutil.chown(state, "postfix")
        [self.port] = free_ports(1)
        maps = folder / "users"
        maps.write_text("".join(f"{user} ok\n" for user in users))
        (folder / "main.cf").write_text(
            _MAIN_CF.format(
                spool=self._spool, state=state, domain=DOMAIN, maps=maps, lmtp=lmtp, sink=sink
            )
        )
        master = Path("/etc/postfix/master.cf.proto").read_text()
        master = re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y", r"\1n", master, flags=re.MULTILINE)
        master = re.sub(
            r"^smtp(\s+)inet", rf"127.0.0.1:{self.port}\1inet", master, flags=re.MULTILINE
        )
        (folder / "master.cf").write_text(master)
        self._running = False

    def start(self) -> None:
        self._run("start")
        self._running = True
        wait_until(lambda: accepts(self.port), "Postfix")

    def stop(self) -> None:
        if self._running:
            self._run("stop")
            self._running = False

    def idle(self) -> bool:
        queues = ("incoming", "active", "deferred", "maildrop")
        return not any(files for name in queues for _, _, files in os.walk(self._spool / name))

    def pids(self) -> list[int]:
        return tree(int((self._spool / "pid" / "master.pid").read_text())) if self._running else []

    def _run(self, what: str) -> None:
        command = ["/usr/sbin/postfix", "-c", str(self._folder), what]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"postfix {what}: {done.stdout}{done.stderr}")


class Peers:
    """Postfix hands to Dovecot by LMTP, into maildirs."""

    name = "Postfix + Dovecot"
    accepting = "anyone@discard.test"
    logs_in = False  # it takes mail from this machine (mynetworks)

    def __init__(self, folder: Path, users: list[str], sink: Sink) -> None:
        self.sink = sink
        self._delivery = Dovecot(folder / "maildir", "maildir:~/Maildir")
        self._postfix = Postfix(folder / "postfix", users, self._delivery.lmtp, sink.port)
        self.smtp = self.submission = self._postfix.port
        self.imap = self._delivery.imap

    def start(self) -> None:
        self._delivery.start()
        self._postfix.start()

    def stop(self) -> None:
        self._postfix.stop()
        self._delivery.stop()

    def drain(self) -> None:
        wait_until(self._postfix.idle, "an empty queue of Postfix", 300)

    def pids(self) -> list[int]:
        return [*self._postfix.pids(), *self._delivery.pids()]
