"""Do what is due: feed the queues with what waited for its time, renew DKIM keys, report on TLS,
remove what was expunged longer ago than the grace period, from search indexes too. Fed by a
schedule."""

import os
from typing import Any

from postroom.app import build
from postroom.pipeline.due import do_each
from postroom.relay.waiting import feed
from postroom.relaying import report_on_tls, rotate_keys

app = build(os.environ)  # once per cold start; nothing below reads the environment

_MOST_FED = 5000  # in one tick; the next one is a minute away


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """TickFunction in template.yaml."""
    return do_each(
        {
            "fed": lambda: feed(app.table, app.platform, app.clock, app.settings.lease, _MOST_FED),
            "swept": app.mailboxes.sweep,
            "indexes": lambda: app.search_index.tell_swept(app.queue("index")),
            "keys": lambda: rotate_keys(app),
            "tls_reports": lambda: report_on_tls(app),
        }
    )
