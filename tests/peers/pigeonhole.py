"""Debian's Pigeonhole: what its `sieve-test` decides about a script and a message."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MISSING = "" if shutil.which("sieve-test") else "no sieve-test: see tests/setup.sh"

COMPILE_ERROR = ("compile error",)
RUN_ERROR = ("run error",)

# An action as both engines can tell it: its kind, then what distinguishes it.
Told = tuple[object, ...]

_EXTENSIONS = (
    "+editheader +spamtest +spamtestplus +virustest +vacation-seconds +special-use"
    " +mboxmetadata +servermetadata"
)
_FILED = re.compile(r"store message in (?:folder: (.*)|default mailbox)")
_REDIRECTED = re.compile(r"redirect message to: <(.*)>")
_REJECTED = re.compile(r"reject message with reason: (.*)", re.DOTALL)
_FLAGS = re.compile(r"\+ add IMAP flags: (.*)")
_FACT = re.compile(r"=> (\w+) *: (.*?)(?=\n *=>|\n\n|\Z)", re.DOTALL)
_RECIPIENT = re.compile(r"\+ (?:To|Cc): (.*)")
_ANSWER = re.compile(r"START MESSAGE\n(.*)\nEND MESSAGE", re.DOTALL)


class Panicked(Exception):
    """The peer met a message that it cannot bear."""


class Pigeonhole:
    """A folder in which scripts are run, one process each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "home").mkdir()
        who = ("nobody", "nogroup") if os.getuid() == 0 else (str(os.getuid()), str(os.getgid()))
        if os.getuid() == 0:  # which sieve-test refuses to be
            for path in (folder, folder / "home"):
                shutil.chown(path, *who)
        (folder / "dovecot.conf").write_text(
            f"mail_uid = {who[0]}\nmail_gid = {who[1]}\nmail_home = {folder}/home\n"
            f"mail_location = maildir:{folder}/mail\n"
            "postmaster_address = postmaster@example.test\n"
            "namespace inbox {\n  inbox = yes\n  separator = /\n}\n"
            f"plugin {{\n  sieve_extensions = {_EXTENSIONS}\n  sieve_max_redirects = 5\n"
            "  sieve_spamtest_status_type = score\n  sieve_spamtest_max_value = 10\n"
            "  sieve_spamtest_status_header = X-Spam-Score: ([0-9.]+)\n"
            "  sieve_vacation_min_period = 1s\n  sieve_vacation_max_period = 365d\n}\n"
        )

    def decide(self, script: str, message: bytes, sender: str, recipient: str) -> list[Told]:
        """What becomes of the message, implicit keep included."""
        files = ("s.sieve", "m.eml")
        (self._folder / "s.sieve").write_text(script, newline="")
        (self._folder / "m.eml").write_bytes(message)
        done = subprocess.run(  # its arguments are ours
            [
                "sieve-test",
                "-C",
                "-c",
                "dovecot.conf",
                "-f",
                sender,
                "-r",
                recipient,
                *files,
            ],
            cwd=self._folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        complaints = done.stderr.decode("utf-8", "replace")
        if "failed to compile" in complaints or "validation failed" in complaints:
            return [COMPILE_ERROR]
        if "final result: failed" in complaints:
            return [RUN_ERROR]
        if "Panic:" in complaints:
            raise Panicked(complaints)
        assert done.returncode == 0, complaints
        return list(_actions(done.stdout.decode("utf-8", "replace")))


@contextmanager
def pigeonhole() -> Iterator[Pigeonhole]:
    # Not below pytest's own folder, where another user cannot go.
    with tempfile.TemporaryDirectory(prefix="sieve-test-") as folder:
        yield Pigeonhole(Path(folder))


def _actions(printed: str) -> Iterator[Told]:
    decided, _, implicit = printed.partition("\nImplicit keep:\n")
    for block in re.split(r"^ \* ", decided, flags=re.MULTILINE)[1:]:
        if not block.startswith("track "):  # duplicate: where it is kept shows only when executed
            yield _action(block)
    for block in re.split(r"^ \* ", implicit, flags=re.MULTILINE)[1:]:
        yield _action(block)


def _action(block: str) -> Told:
    if filed := _FILED.match(block):
        flags = _FLAGS.search(block)
        return "file", filed[1] or "INBOX", frozenset(flags[1].lower().split() if flags else ())
    if redirected := _REDIRECTED.match(block):
        return "redirect", redirected[1]
    if rejected := _REJECTED.match(block):
        # Line ends are printed as "??".
        return "reject", rejected[1].replace("??", "\n").strip()
    if block.startswith("discard"):
        return ("discard",)
    facts = {name: text.strip() for name, text in _FACT.findall(block)}
    if block.startswith("send notification"):
        told = frozenset(_RECIPIENT.findall(block))
        return "notify", facts["importance"], facts.get("subject", ""), told
    if block.startswith("send vacation"):
        answer = _ANSWER.search(block)
        assert answer, block
        return "vacation", facts["seconds"], facts.get("subject", ""), answer[1].strip()
    raise AssertionError(f"sieve-test does something we do not know: {block}")
