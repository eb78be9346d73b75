"""Runs the contests of ``imap``: a peer and Postroom in turn, as often as is wanted."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bench.figures import Sizes
from bench.imap import OURS, Contest, Mailboxes, make, named

Results = dict[str, tuple[list[float], list[float]]]
console = Console()


def compete(contests: Mapping[str, Contest], sizes: Sizes, results: Results) -> None:
    """Add the peers' values, and ours, to the results."""
    if not contests:
        return
    with tempfile.TemporaryDirectory(prefix="postbench-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        folder.chmod(0o755)
        sides = {
            name: make(name, folder)
            for name in (*{peer for each in contests.values() for peer in each.peers}, OURS)
        }
        try:
            for name, side in sides.items():
                needed = [each for each in contests.values() if name == OURS or name in each.peers]
                if any(each.filled for each in needed):
                    console.print(f"Filling {name}.", style="dim")
                    crowded = any(each.crowded for each in needed)
                    side.fill(sizes.reader, sizes.crowd if crowded else 0)
            for name, contest in contests.items():
                for turn in range(sizes.turns):
                    for peer in contest.peers:
                        _take_turns(name, contest, sides[peer], sides[OURS], sizes, turn, results)
        finally:
            for side in sides.values():
                side.stop()


def _take_turns(
    name: str,
    contest: Contest,
    peer: Mailboxes,
    ours: Mailboxes,
    sizes: Sizes,
    turn: int,
    results: Results,
) -> None:
    for position, side in enumerate((peer, ours)):
        side.begin(fresh=contest.fresh)
        found = contest.measure(side, sizes, turn)
        shown = ", ".join(f"{figure} {value:,.4g}" for figure, value in found.items())
        console.print(f"{name:12} {turn + 1}/{sizes.turns} {side.name:10} {shown}")
        for figure, value in found.items():
            results.setdefault(named(figure, peer.name), ([], []))[position].append(value)
