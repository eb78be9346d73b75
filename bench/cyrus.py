"""Debian's Cyrus IMAP, started by hand from its unpacked packages.

Its package and Dovecot's cannot be installed together, so `apt-get download` fetches it, and it
runs from a folder. Accounts are in a sasldb, passwords in the clear; no TLS, no syslog.
"""

import os
import shutil
import subprocess
from pathlib import Path

from bench.machine import accepts, free_ports, tree, wait_until
from bench.sides import DOMAIN, PASSWORD, make_folder

_PACKAGES = (
    "cyrus-common",
    "cyrus-imapd",
    "sasl2-bin",
    "libdb5.3",
    "libical3",
    "libpcre3",
    "libzephyr4",
)
_OWNER = "mail"  # who runs it, in place of the user that the package would make
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")

_IMAPD_CONF = """\
configdirectory: {folder}/config
defaultpartition: default
partition-default: {folder}/mail
sievedir: {folder}/sieve
cyrus_user: {owner}
servername: {domain}
autocreate_quota: 0
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb
sasl_mech_list: PLAIN
imapidlepoll: 1
duplicatesuppression: no
"""

_CYRUS_CONF = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {folder}/imapd.conf -U 30" listen="127.0.0.1:{port}" prefork=0
}}
EVENTS {{
  checkpoint cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -c" period=1440
}}
"""


class Cyrus:
    name = "Cyrus"
    pop3 = 0  # not served here

    def __init__(self, folder: Path, users: list[str]) -> None:
        self._folder = make_folder(folder)
        packages = make_folder(folder / "packages")
        root = folder / "root"
        subprocess.run(
            ["/usr/bin/apt-get", "-q", "download", *_PACKAGES],
            cwd=packages,
            check=True,
            capture_output=True,
        )
        for package in packages.iterdir():
            subprocess.run(["/usr/bin/dpkg", "-x", package, root], check=True)
        self._bin = root / "usr/lib/cyrus/bin"
        self._environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(str(root / each) for each in _LIBRARIES),
        }
        [self.imap] = free_ports(1)
        words = {
            "folder": folder,
            "bin": self._bin,
            "port": self.imap,
            "owner": _OWNER,
            "domain": DOMAIN,
        }
        (folder / "imapd.conf").write_text(_IMAPD_CONF.format(**words))
        (folder / "cyrus.conf").write_text(_CYRUS_CONF.format(**words))
        for name in ("config", "config/db", "config/socket", "config/proc", "mail", "sieve"):
            shutil.chown(make_folder(folder / name), _OWNER, _OWNER)
        for user in users:
            self._add(root / "usr/sbin/saslpasswd2", user)
        shutil.chown(folder / "sasldb", _OWNER, _OWNER)
        self._process: subprocess.Popen[bytes] | None = None

    def _add(self, program: Path, user: str) -> None:
        command = [str(program), "-p", "-c", "-f", str(self._folder / "sasldb"), "-u", DOMAIN, user]
        subprocess.run(
            command, input=PASSWORD.encode(), check=True, env=self._environment, capture_output=True
        )

    def start(self) -> None:
        configured = [
            "-C",
            str(self._folder / "imapd.conf"),
            "-M",
            str(self._folder / "cyrus.conf"),
        ]
        pid = self._folder / "master.pid"
        self._process = subprocess.Popen(
            [self._bin / "master", *configured, "-p", pid],
            env={**self._environment, "CYRUS_VERBOSE": "0"},
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: accepts(self.imap), "Cyrus")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def pids(self) -> list[int]:
        return tree(self._process.pid) if self._process is not None else []
