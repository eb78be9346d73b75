"""Many clients of all kinds at one account, served by two gateways, each checked by a model.

Longer, with other seeds and with kill -9: ``python -m tests.stress_imap`` (CONTRIBUTING.md).
"""

import asyncio
from pathlib import Path

import pytest

from tests.contracts.conftest import aws
from tests.stress_imap.crowd import KINDS
from tests.stress_imap.run import Plan, play
from tests.stress_imap.sites import two_gateways, two_houses

SEED = 5
FEWEST_STEPS = 100  # even where the cores are busy with other things


@pytest.mark.slow
def test_two_processes_tell_everybody_the_same(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as site:
        ledger = asyncio.run(play(site, Plan(seconds=15, clients=len(KINDS), seed=SEED)))
    assert sum(ledger.steps.values()) > FEWEST_STEPS


@pytest.mark.slow
def test_two_gateways_tell_everybody_the_same_over_aws(tmp_path: Path, tls_folder: Path) -> None:
    with aws(tmp_path) as world, two_houses(world, tls_folder) as site:
        ledger = asyncio.run(play(site, Plan(seconds=15, clients=6, seed=SEED)))
    assert sum(ledger.steps.values()) > FEWEST_STEPS
