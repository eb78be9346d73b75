"""Take accepted messages through the pipeline. Fed by the Inbound queue."""

import os
from typing import Any

from postroom.app import build
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.inbound import process
from postroom.platform.batches import Reasons, run_batch

app = build(os.environ)  # once per cold start; nothing below reads the environment
reasons = Reasons(app.platform.table, app.clock, "inbound")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """InboundFunction in template.yaml."""
    return run_batch(event, Accepted.from_json, lambda batch: process(app, batch), reasons)
