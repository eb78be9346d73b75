"""Tell senders what became of their mail, credit what others report. Fed by the Bounces queue."""

import os
from typing import Any

from postroom.app import build
from postroom.pipeline.bounces import decode, process
from postroom.platform.batches import Reasons, run_batch

app = build(os.environ)  # once per cold start; nothing below reads the environment
reasons = Reasons(app.platform.table, app.clock, "bounces")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """BounceFunction in template.yaml."""
    return run_batch(event, decode, lambda batch: process(app, batch), reasons)
