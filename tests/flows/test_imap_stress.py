"""Many clients of all kinds at one account, served by two gateways, each checked by a model.

Longer, with other seeds and with kill -9: ``python -m tests.stress_imap`` (CONTRIBUTING.md).
"""

import asyncio
from pathlib import Path

import pytest

from tests.stress_imap.run import Plan, play
from tests.stress_imap.sites import two_gateways

CLIENTS = 12
SECONDS = 15
SEED = 5
FEWEST_STEPS = 100  # even where the cores are busy with other things


@pytest.mark.slow
def test_what_clients_are_told_is_consistent(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as site:
        ledger = asyncio.run(play(site, Plan(SECONDS, CLIENTS, SEED)))
    assert sum(ledger.steps.values()) > FEWEST_STEPS
