"""``python -m bench``: Postfix with Dovecot, and Postroom, side by side on this machine.

Needs Debian's postfix, dovecot-imapd, -pop3d and -lmtpd, and root to start them. Everything it
starts is private: own configuration, ports, spool and mail in a temporary folder.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contests import compete
from bench.figures import GROWTHS, QUICK, SCENARIOS, Growth, Scenario, Sizes, warm_up
from bench.imap import CONTESTS
from bench.machine import free_ports
from bench.ours import Postroom
from bench.peers import Peers
from bench.report import contest_rows, rows, write
from bench.sides import Side, users
from bench.sink import Sink

PAGE = Path(__file__).parents[1] / "docs" / "BENCHMARKS.md"
console = Console()


def main() -> None:
    every = [*SCENARIOS, *CONTESTS, *GROWTHS]
    parser = argparse.ArgumentParser(description="Postroom beside Postfix and Dovecot.")
    parser.add_argument("--quick", action="store_true", help="small sizes, one turn, no page")
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--turns", type=int, help="repetitions of every figure")
    parser.add_argument("--reader", type=int, help="messages in the INBOX that is read")
    parser.add_argument("--page", type=Path, help=f"where to write; {PAGE.name} when all ran")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    missing = [name for name in ("postfix", "dovecot", "smtp-source") if not _installed(name)]
    if missing or os.geteuid():
        sys.exit(f"needs root and Debian's {', '.join(missing) or 'postfix and dovecot'}")
    sizes = QUICK if given.quick else Sizes()
    sizes = Sizes(**{**sizes.fields(), "turns": given.turns or sizes.turns})
    sizes = replace(sizes, reader=given.reader or sizes.reader)
    load = f"load before the run: {os.getloadavg()[0]:.1f}"
    results = run({name: SCENARIOS[name] for name in given.only if name in SCENARIOS}, sizes)
    compete({name: CONTESTS[name] for name in given.only if name in CONTESTS}, sizes, results)
    for name in given.only:
        if name in GROWTHS:
            grow(name, GROWTHS[name], sizes, results)
    _show(results)
    page = given.page
    if page is None and not given.quick and set(given.only) == set(every):
        page = PAGE
    if page is not None:
        write(page, results, sizes, load)


def run(scenarios: dict[str, Scenario], sizes: Sizes) -> dict[str, tuple[list[float], list[float]]]:
    """Every scenario on both sides in turn. Returns by figure the peer's values, and ours."""
    results: dict[str, tuple[list[float], list[float]]] = {}
    if not scenarios:
        return results
    with tempfile.TemporaryDirectory(prefix="postbench-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        folder.chmod(0o755)
        console.print("Making two empty sides.", style="dim")
        people = users(sizes.turns)
        sink = Sink(*free_ports(1))
        sides: list[Side] = [Peers(folder, people, sink), Postroom(folder, people, sink)]
        running = {name: each for name, each in scenarios.items() if not each.fresh}
        with _started(sides if running else [], sink):
            _turns(running, sides, sizes, results)
        fresh = {name: each for name, each in scenarios.items() if each.fresh}
        _turns(fresh, sides, sizes, results)
    return results


def grow(
    name: str, growth: Growth, sizes: Sizes, results: dict[str, tuple[list[float], list[float]]]
) -> None:
    """Measure with little and with much, in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="postbench-", ignore_cleanup_errors=True) as path,
        ExitStack() as stack,
    ):
        both = []
        for count in (growth.few(sizes), growth.many(sizes)):
            both.append(growth.start(Path(path), count))
            stack.callback(both[-1].close)
        for turn in range(sizes.turns):
            for position, found in enumerate(both):
                figures = found.figures()
                shown = ", ".join(f"{figure} {value:,.4g}" for figure, value in figures.items())
                console.print(f"{name:8} {turn + 1}/{sizes.turns} {found.name:18} {shown}")
                for figure, value in figures.items():
                    results.setdefault(figure, ([], []))[position].append(value)


def _turns(
    scenarios: dict[str, Scenario],
    sides: list[Side],
    sizes: Sizes,
    results: dict[str, tuple[list[float], list[float]]],
) -> None:
    for name, scenario in scenarios.items():
        for turn in range(sizes.turns):
            for position, side in enumerate(sides):
                figures = scenario.measure(side, sizes, turn)
                shown = ", ".join(f"{figure} {value:,.4g}" for figure, value in figures.items())
                console.print(f"{name:8} {turn + 1}/{sizes.turns} {side.name:18} {shown}")
                for figure, value in figures.items():
                    results.setdefault(figure, ([], []))[position].append(value)


@contextmanager
def _started(sides: list[Side], sink: Sink) -> Iterator[None]:
    try:
        sink.start()
        for side in sides:
            side.start()
            warm_up(side)
        yield
    finally:
        for side in sides:
            side.stop()
        sink.stop()


def _show(results: dict[str, tuple[list[float], list[float]]]) -> None:
    table = Table("figure", "Postfix + Dovecot", "Postroom", "ratio", "must", "aim", "")
    for _, cells in rows(results, SCENARIOS):
        table.add_row(*cells)
    if table.rows:
        console.print(table)
    table = Table("figure", "peer", "Postroom", "ratio", "must", "aim", "")
    for cells in contest_rows(results):
        table.add_row(*cells)
    if table.rows:
        console.print(table)
    table = Table("figure", "little", "much", "ratio", "must", "aim", "")
    for _, cells in rows(results, GROWTHS):
        table.add_row(*cells)
    if table.rows:
        console.print(table)


def _installed(name: str) -> bool:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None


if __name__ == "__main__":
    main()
