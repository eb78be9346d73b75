"""kill -9 of what `postroom up` runs, and a template whose letters come back soon after it."""

import random
import re
import time
from pathlib import Path

from tests.running import Postroom, kill

VISIBILITY = 10  # seconds that a letter stays hidden after a worker has taken it
RELAY_TIMEOUT = 30  # seconds; the relay function leaves 20 of them to writing down and Lambda
LEASE = 20  # seconds; longer than attempts go on under RELAY_TIMEOUT


def impatient_template(folder: Path) -> Path:
    """template.yaml, but what a killed worker had taken comes back soon, not after minutes."""
    source = Path(__file__).parents[2]
    text, count = re.subn(
        r"(?m)^( +VisibilityTimeout:) \d+$",
        rf"\1 {VISIBILITY}",
        (source / "template.yaml").read_text(),
    )
    assert count
    text, count = re.subn(
        r"(?ms)^(  RelayFunction:$.*?^ +Timeout:) \d+$", rf"\1 {RELAY_TIMEOUT}", text, count=1
    )
    assert count
    (folder / "functions").symlink_to(source / "functions")
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def kill_one(postroom: Postroom, chance: random.Random) -> str:
    """kill -9 a gateway or a worker, as soon as there is one. Returns which."""
    deadline = time.monotonic() + 20
    alive: dict[str, int] = {}
    while not alive:
        health = postroom.health()
        assert time.monotonic() < deadline, f"nobody was started again: {health}"
        alive = {child["name"]: child["pid"] for child in health["processes"] if child["alive"]}
        time.sleep(0.05)
    name = chance.choice(sorted(alive))
    kill([alive[name]])
    return name


def fall(postroom: Postroom) -> None:
    """kill -9 the supervisor and all its children at once, as good as a power cut for processes;
    then start on the same data."""
    pids = postroom.pids()
    assert postroom.process is not None
    postroom.process.kill()
    kill(pids.values())
    postroom.process.wait()
    postroom.start()


def empty_queues(postroom: Postroom, patience: float) -> None:
    """Wait until every letter has been dealt with."""
    deadline = time.monotonic() + patience
    while postroom.waiting():
        assert time.monotonic() < deadline, f"still waiting: {postroom.health()}"
        time.sleep(0.2)
