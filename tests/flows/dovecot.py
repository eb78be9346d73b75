"""A private Dovecot of Debian's, to ask what it thinks of a message."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
CAN_RUN = PROGRAM is not None and os.geteuid() == 0  # its processes change their users

_SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:{folder}/mail/%u
mail_fsync = never
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
}}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%u
}}
"""


@contextmanager
def dovecot() -> Iterator[int]:
    """The port of an IMAP server that takes any name with any password."""
    assert PROGRAM is not None
    # Its processes run as other users, who may not enter pytest's folders; and the names of its
    # sockets must be short.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "mail", "mail")
        settings = folder / "dovecot.conf"
        settings.write_text(_SETTINGS.format(folder=folder, port=port))
        process = subprocess.Popen([PROGRAM, "-F", "-c", str(settings)])
        try:
            _wait_for(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(log.read_text() if log.exists() else "Dovecot did not start")
