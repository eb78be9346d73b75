"""Take accepted messages through the pipeline. Fed by the Inbound queue."""

import os
from typing import Any

from postroom.app import build
from postroom.pipeline.inbound import process
from postroom.pipeline.later import letter_of
from postroom.platform.batches import Reasons, run_batch

app = build(os.environ)  # once per cold start; nothing below reads the environment
reasons = Reasons(app.platform.table, app.clock, "inbound")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """InboundFunction in template.yaml."""
    return run_batch(event, letter_of, lambda batch: process(app, batch), reasons)
