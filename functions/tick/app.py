"""Do what is due: remove what was expunged longer ago than the grace period. Fed by a schedule."""

import os
from typing import Any

from postroom.app import build

app = build(os.environ)  # once per cold start; nothing below reads the environment


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """TickFunction in template.yaml."""
    return {"swept": app.mailboxes.sweep()}
