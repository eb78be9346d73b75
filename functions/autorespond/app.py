"""Answer for people who are away and for addresses that acknowledge. Fed by the Answers queue."""

import os
from typing import Any

from postroom.app import build
from postroom.autoreply.answers import from_json
from postroom.pipeline.answers import process
from postroom.platform.batches import Reasons, run_batch

app = build(os.environ)  # once per cold start; nothing below reads the environment
reasons = Reasons(app.platform.table, app.clock, "answers")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """AutorespondFunction in template.yaml."""
    return run_batch(event, from_json, lambda batch: process(app, batch), reasons)
