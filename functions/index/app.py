"""Bring the search indexes of mailboxes up to date. Fed by the Index queue."""

import os
from typing import Any

from postroom.app import build
from postroom.mailboxes.indexing import process
from postroom.mailboxes.search_index import Task
from postroom.platform.batches import Reasons, run_batch

app = build(os.environ)  # once per cold start; nothing below reads the environment
queue = app.queue("index")
reasons = Reasons(app.platform.table, app.clock, "index")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """IndexFunction in template.yaml."""
    return run_batch(
        event, Task.from_json, lambda batch: process(app.indexing, queue, batch), reasons
    )
