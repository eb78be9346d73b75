"""Attempt to deliver to other servers. Fed by the Outbound queue."""

import os
from collections.abc import Sequence
from typing import Any

from postroom.app import build
from postroom.platform.batches import Reasons, run_batch
from postroom.relay.waiting import Ticket, tickets_of
from postroom.relaying import relay_of

app = build(os.environ)  # once per cold start; nothing below reads the environment
relay = relay_of(app)
reasons = Reasons(app.platform.table, app.clock, "outbound")
close = relay.close

_MARGIN = 20.0  # seconds before Lambda ends the call: outcomes are written down by then


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """RelayFunction in template.yaml."""
    # Nor longer than the lease: somebody else takes over then.
    left = min(context.get_remaining_time_in_millis() / 1000, app.settings.lease)
    budget = max(left - _MARGIN, left / 2)

    def process(letters: Sequence[list[Ticket]]) -> dict[int, Exception]:
        relay.process([ticket for tickets in letters for ticket in tickets], budget)
        return {}

    return run_batch(event, tickets_of, process, reasons)
