"""Many clients at one account, each checked by a model: see CONTRIBUTING.md."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.imap_model.ledger import Violation
from tests.stress_imap.crowd import KINDS
from tests.stress_imap.run import Plan, play
from tests.stress_imap.sites import two_gateways


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stress_imap", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=len(KINDS))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", action="store_true", help="kill -9 a gateway now and then")
    wanted = parser.parse_args()
    print(f"--clients {wanted.clients} --seed {wanted.seed}", flush=True)
    plan = Plan(wanted.minutes * 60, wanted.clients, wanted.seed, kills=wanted.kills)
    with tempfile.TemporaryDirectory(prefix="stress-") as name, two_gateways(Path(name)) as site:
        try:
            asyncio.run(play(site, plan))
        except* Violation as violations:
            sys.exit(f"seed {wanted.seed}: {violations.exceptions[0]}")
    print("no violation")


if __name__ == "__main__":
    main()
