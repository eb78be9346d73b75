"""The functions as AWS runs them: built by SAM, in a Lambda runtime, against a moto server."""

import contextlib
import fcntl
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from postroom.settings import Settings
from tests.aws_account import ENVIRONMENT, ROOT

SAM = ROOT / ".venv-sam" / "bin" / "sam"
EMULATOR_PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
PATIENCE = 60  # seconds
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def python_of_lambda() -> str:
    """The Python that template.yaml names, "" when it is not installed here."""
    found = subprocess.run(
        ["sh", ROOT / "tests/aws/python.sh"], capture_output=True, text=True, timeout=PATIENCE
    )
    return found.stdout.strip() if EMULATOR_PYTHON.exists() else ""


def sam(*arguments: str, folder: Path) -> str:
    """Run AWS SAM; return what it said. It builds with the Python of Lambda from PATH."""
    environment = os.environ | ENVIRONMENT | {"SAM_CLI_TELEMETRY": "0"}
    environment["PATH"] = f"{Path(python_of_lambda()).parent}:{environment['PATH']}"
    done = subprocess.run(
        [str(SAM), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def build_once(shared: Path) -> Path:
    """Build everything below *shared*, unless another worker of the test run has done so.

    Returns the folder with one folder a function and one a layer.
    """
    folder = shared / "sam-build"
    with (shared / "sam-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for part in ("functions", "layers"):
                shutil.copytree(
                    ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
                )
            # For this machine, where it will run, if that is not Graviton.
            template = (ROOT / "template.yaml").read_text()
            (folder / "template.yaml").write_text(template.replace("arm64", ARCHITECTURE))
            sam("build", "--template", "template.yaml", "--build-dir", "built", folder=folder)
            (folder / "done").touch()
    return folder / "built"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Run moto in a process of its own; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, folder / "moto.log", folder, dict(os.environ)):
        wait_for(port)
        yield f"http://127.0.0.1:{port}"


def call(
    built: Path, function: str, event: Mapping[str, Any], settings: Settings, endpoint: str
) -> Any:
    """Call the built function in a Lambda runtime of its own: the emulator dies on a second call
    that comes while one runs, and here none sees what another left behind."""
    folder = built / function
    emulator = next(ROOT.glob(".venv-sam/lib/python*/site-packages/samcli/local/rapid"))
    front, back = free_port(), free_port()
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONPATH": str(built / "PostroomLayer" / "python"),
        "POSTROOM_STORE": "aws",
        "POSTROOM_TABLE": settings.table,
        "POSTROOM_BUCKET": settings.bucket,
        "POSTROOM_TOPIC": settings.topic,
        "POSTROOM_KEY": settings.key,
        **{f"POSTROOM_QUEUE_{name.upper()}": url for name, url in settings.queues.items()},
    }
    command = [
        str(emulator / f"aws-lambda-rie-{ARCHITECTURE}"),
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{front}",
        "--runtime-api-address",
        f"127.0.0.1:{back}",
        str(EMULATOR_PYTHON),
        "-m",
        "awslambdaric",
        "app.handler",
    ]
    log = built.parent / f"{function}-{front}.log"
    with running(command, log, folder, environment):
        wait_for(front)
        request = urllib.request.Request(
            f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations",
            data=json.dumps(event).encode(),
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            result = json.load(answer)
        assert "errorType" not in (result or {}), f"{result}\n{log.read_text()}"
        return result


@contextmanager
def running(
    command: list[str], log: Path, folder: Path, environment: dict[str, str]
) -> Iterator[None]:
    """Run a server while the block runs, then end it and its children."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
