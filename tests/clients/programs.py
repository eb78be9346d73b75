"""Runs mail programs as a person's shell would, in a home folder of their own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60  # seconds a program may take


@dataclass(frozen=True)
class Home:
    folder: Path

    def write(self, name: str, text: str | bytes) -> Path:
        """A configuration file; private, as some programs insist on it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        return path

    def run(self, *command: str | Path, stdin: bytes = b"", status: int = 0) -> bytes:
        """Return what the program printed. It must end with *status*."""
        # Not our own environment: nothing of a developer's configuration may decide a test.
        environment = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
        }
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
        )
        said = (done.stdout + done.stderr)[-4000:].decode(errors="replace")
        assert done.returncode == status, f"{command[0]} ended with {done.returncode}:\n{said}"
        return done.stdout
