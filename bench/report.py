"""The table of ratios, as a page."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.figures import GROWTHS, SCENARIOS, Figure, Growth, Scenario, Sizes
from bench.imap import CONTESTS, named
from bench.machine import description, output_of
from bench.words import WORDS

Results = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # by figure: the peer's, ours

_HEAD = """\
# Benchmarks

`make bench` starts Debian's Postfix and Dovecot and a Postroom on one machine, drives both with
the same clients over loopback, in turn (A B A B …), and writes this page. Everything is durable:
each side syncs to disk before it says 250 or OK. Figures are medians of {turns} turns
[lowest-highest]; a ratio is ours divided by the peer's. Rates of a virtual machine vary by
10-40 % from run to run, so read the ratios, not the rates.

- {date}, {load}
- {machine}
- {versions}

| figure | Postfix + Dovecot | Postroom | ratio | must | aim | |
|---|---|---|---|---|---|---|
"""

_CONTESTS = """
IMAP, each figure beside the peer that it names:

| figure | peer | Postroom | ratio | must | aim | |
|---|---|---|---|---|---|---|
"""

_GROWTH = """
Postroom beside itself, with {few:,} deferred messages and {many:,}, {few:,} aliases and
{aliases:,}, a mailbox of {small:,} messages and one of {huge:,}, {quiet:,} idle sessions and
{crowded:,}:

| figure | little | much | ratio | must | aim | |
|---|---|---|---|---|---|---|
"""

_FOOT = """
How it is measured:

- Accepting: `smtp-source -d -s 20`, a C program, for both. Postfix throws the mail away after its
  250 (`discard:`); Postroom has no such thing and delivers it meanwhile, on the same cores.
- Final dot → 250: one uvloop process, 20 sessions, no pipelining.
- Visible: Postfix hands over by LMTP to Dovecot with maildir; the clock stops when STATUS counts
  every message.
- Relay: one uvloop process, 20 sessions kept open, no pipelining; the next server is Postfix's own
  `smtp-sink` for both, by `relayhost` and by `route set '*'`, without TLS and DNS. Its counter
  stops the clock. Postfix takes the mail from `mynetworks`, Postroom from a user who logged in once
  a session. Nobody signs. Processor time is that of all processes of a side, until its queues are
  empty.
- Deferred: entries straight in the store, the best of 30 rounds in one process. The part of `tick`
  that feeds the queue, and what `queue list` reads.
- RCPT TO: `Directory.verdict` in one process, medians of 9 rounds of 2,000 addresses. The million
  aliases are filed as any alias is, but not one by one.
- EXISTS: one SMTP session, one idling IMAP session. Dovecot waits half a second by design
  (`mailbox_idle_check_interval` and its notify delay) to save work.
- IMAP: Dovecot keeps sdbox or maildir, as the row says; Cyrus is started by hand from Debian's
  packages. All got their messages (4 KiB, two parts, all different) by APPEND. Before each turn of
  the first sync the servers start afresh, and Dovecot's caches are as APPEND left them; `again` is
  the same command in the same session. One client is a blocking socket, eight are one uvloop
  process; they look for the tagged line and at nothing else.
- STORE: Dovecot as shipped (sdbox, maildir) does not sync flag changes to disk; Postroom's are
  durable before the OK, and so are Dovecot's with mail_fsync=always.
- Login: Cyrus keeps a process for the next client and compares plain text (sasldb).
- Idle sessions: each has a mailbox of its own, selected; 20 of them are INBOXes that get mail by
  SMTP. The clock runs from the final dot until epoll names that session, and no other.
- SELECT again and QRESYNC: one gateway process, whose client has had the mailbox open before. The
  ten changed flags are spread over the mailbox; another session set them.
- Memory: the proportional share of all processes of a side in anonymous pages (Pss_Anon), so that
  shared pages count once, and pages of files not at all.
- Passwords: Dovecot compares plain text; Postroom hashes with argon2id once, then a keyed cache
  answers repeated logins.
- Postfix and Dovecot as shipped but for addresses and ports, no TLS, no chroot, more sessions of
  one user and a higher message size limit. There is no syslog daemon, so Postfix writes no
  log; Postroom logs from warnings upwards (its default line for each message costs some 5 %).
"""


def versions() -> str:
    dovecot = output_of("/usr/sbin/dovecot", "--version").split()[0]
    postfix = output_of("/usr/sbin/postconf", "-hd", "mail_version")
    python = output_of("python3", "--version")
    return f"Postfix {postfix}, Dovecot {dovecot}, {python}, uvloop {version('uvloop')}"


def rows(
    results: Results, scenarios: Mapping[str, Scenario | Growth]
) -> list[tuple[Figure, tuple[str, ...]]]:
    return [
        (figure, _row(figure, *results[figure.name]))
        for scenario in scenarios.values()
        for figure in scenario.figures
        if figure.name in results
    ]


def contest_rows(results: Results) -> list[tuple[str, ...]]:
    return [
        (f"{words} ({peer})", *cells)
        for contest in CONTESTS.values()
        for peer, figures in contest.peers.items()
        for figure in figures
        if (name := named(figure.name, peer)) in results
        for words, *cells in [_row(figure, *results[name])]
    ]


def _row(figure: Figure, peer: Sequence[float], ours: Sequence[float]) -> tuple[str, ...]:
    peers = statistics.median(peer)
    if peers <= 0:  # memory that does not grow
        return (WORDS[figure.name], _span(peer, figure.unit), _span(ours, figure.unit), *[""] * 4)
    ratio = statistics.median(ours) / peers
    verdict = "**missed**"
    if figure.most is not None and statistics.median(ours) > figure.most:
        pass
    elif figure.must is None or figure.aim is None:
        verdict = "must" if figure.most is not None else ""
    elif figure.holds(ratio, figure.aim):
        verdict = "aim"
    elif figure.holds(ratio, figure.must):
        verdict = "must"
    return (
        WORDS[figure.name],
        _span(peer, figure.unit),
        _span(ours, figure.unit),
        f"{ratio:.2f}×" if not 0 < ratio < 0.1 else f"1/{1 / ratio:.0f}",
        _must(figure),
        _bound(figure, figure.aim),
        verdict,
    )


def _span(values: Sequence[float], unit: str) -> str:
    middle, low, high = (_number(take(values)) for take in (statistics.median, min, max))
    return f"{middle} {unit} [{low}-{high}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _must(figure: Figure) -> str:
    alone = f"≤ {figure.most:g} {figure.unit}" if figure.most is not None else ""
    return ", ".join(filter(None, (alone, _bound(figure, figure.must))))


def _bound(figure: Figure, bound: float | None) -> str:
    if bound is None:
        return ""
    sign = "≥" if figure.more_is_better else "≤"
    return f"{sign} {bound:g}×" if bound >= 0.1 else f"{sign} 1/{1 / bound:.0f}"


def write(path: Path, results: Results, sizes: Sizes, load: str) -> None:
    head = _HEAD.format(
        turns=sizes.turns,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        load=load,
        machine=description(),
        versions=versions(),
    )
    table = _lines(rows(results, SCENARIOS))
    if contests := contest_rows(results):
        table += _CONTESTS + "".join(f"| {' | '.join(cells)} |\n" for cells in contests)
    if growth := rows(results, GROWTHS):
        table += _GROWTH.format(**sizes.fields()) + _lines(growth)
    path.write_text(head + table + _FOOT)


def _lines(found: Sequence[tuple[Figure, tuple[str, ...]]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for _, cells in found)
