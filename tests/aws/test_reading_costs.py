"""What reading mail by IMAP costs on AWS: a part of docs/COSTS.md. ``test_costs`` says how it is
written anew."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.app import wire
from postroom.directory.records import Domain
from postroom.platform.aws.store import AwsStore
from tests.aws.filling import huge_mailboxes
from tests.aws.meter import READS, WRITES, metered
from tests.aws.reading import ADDRESS, HUGE, INDEXING, LARGE, Row, read_mail
from tests.aws.test_costs import COSTS, QUOTA, SteadyClock, SteadyRandomness, prices
from tests.aws_account import account_in_process, make_stores, resources
from tests.conversations.imap_world import PASSWORD

HEADING = "## Reading\n"
NEXT = "\n## Reading by POP3\n"
# Of the index function, rounded up: a thousand bodies come side by side, their texts take a second.
SECONDS_A_STEP = 4


def count(folder: Path) -> list[Row]:
    clock = SteadyClock()
    with account_in_process(), huge_mailboxes() as huge, metered() as meter:
        settings = replace(make_stores(), cache=folder / "cache")
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())
        try:
            app.directory.add_domain(Domain("example.test"))
            account = app.directory.add_account(ADDRESS, PASSWORD, QUOTA)
            app.mailboxes.create_account(account.id)
            return asyncio.run(read_mail(app, meter, huge, folder, settings.cache))
        finally:
            app.platform.close()


def requests(calls: Counter[str], service: str, names: set[str]) -> int:
    return sum(calls[f"{service}.{name}"] for name in names)


def dollars(row: Row) -> float:
    """A million times."""
    price = prices()
    gigabytes = resources()["IndexFunction"]["Properties"]["MemorySize"] / 1024
    return (
        row.units["read"] * price["dynamodb.read"]
        + row.units["write"] * price["dynamodb.write"]
        + row.calls["s3.GetObject"] * price["s3.get"]
        + row.calls["s3.PutObject"] * price["s3.put"]
        + row.calls["sns.Publish"] * price["sns.publish"]
        + requests(row.calls, "sqs", {"SendMessage", "ReceiveMessage", "DeleteMessage"})
        * price["sqs.request"]
        + row.calls["lambda.Invoke"] * price["lambda.request"]
        + row.calls["lambda.Invoke"] * SECONDS_A_STEP * gigabytes * price["lambda.gb_second"]
    )


def page(rows: Sequence[Row]) -> str:
    lines = [
        HEADING,
        "Counted by `tests/aws/test_reading_costs.py`, from the calls that an IMAP session makes. "
        "News come by the topic",
        "to a queue of the gateway's own, which it polls for all its sessions together (a request "
        "every 20 seconds). Nobody",
        "polls the table for news; as the topic may lose some, a session that idles reads the "
        "record of its mailbox every",
        "two minutes. The first session of a gateway makes the queue. A mailbox is read in pages "
        "of a megabyte.",
        "",
        "A search that has to read many messages asks for an index ([decision 7]"
        "(decisions/0007-search-index.md)), and pays for it once;",
        f"a step of the function that makes it is taken to last {SECONDS_A_STEP} s. A gateway "
        "fetches an index when it is first searched there,",
        "and then asks for no more than the record that says which segments there are. The letter "
        "that asks is part of what the",
        "index costs.",
        "",
        *table(rows),
    ]
    return "\n".join([*lines, ""])


def table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| command | DynamoDB reads | read units | writes | write units | S3 | SNS | "
        "dollars a million |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        s3 = requests(row.calls, "s3", {"GetObject", "PutObject"})
        lines.append(
            f"| {row.what} | {requests(row.calls, 'dynamodb', READS)} | {row.units['read']} "
            f"| {requests(row.calls, 'dynamodb', WRITES)} | {row.units['write']} "
            f"| {s3} | {row.calls['sns.Publish']} | {dollars(row):.2f} |"
        )
    return lines


@pytest.mark.aws
def test_reading_makes_few_requests_and_the_page_says_what_they_cost(tmp_path: Path) -> None:
    rows = count(tmp_path)
    text = page(rows)
    delivering, _, reading = COSTS.read_text().partition(HEADING)
    written, *rest = reading.partition(NEXT)
    if os.environ.get("POSTROOM_WRITE_COSTS"):
        COSTS.write_text(delivering + text + "".join(rest))
        written = text.removeprefix(HEADING)
    took = {
        row.what: sum(row.calls[name] for name in row.calls if name[:3] == "dyn") for row in rows
    }
    # Nothing is asked for each message, and what the gateway knows is not read again.
    assert took[f"SELECT, {LARGE:,} messages"] == took["SELECT, 100 messages"] + 1  # a page
    assert took[f"SELECT, {HUGE:,} messages"] == took["SELECT, 100 messages"] + 18  # pages
    assert took[f"SELECT, {LARGE:,} messages, known"] == 2
    assert took[f"SELECT, {HUGE:,} messages, known"] == 2
    assert took[f"FETCH of {HUGE:,}: flags"] == 0
    assert took["FETCH of 1,000: flags"] == took["FETCH of 1,000: once more"] == 0
    assert took["FETCH of 1,000: first sync"] <= 15
    assert took["STORE of one flag"] == 1  # its write tells whether the view is new
    assert took["STORE of 1,000 flags"] <= 11
    assert took["COPY of 100"] <= 20
    # An index reads each body once more; then none is read, whatever is found.
    calls = {row.what: row.calls for row in rows}
    assert calls[INDEXING]["s3.GetObject"] == 1000
    assert calls[INDEXING]["s3.PutObject"] == calls[INDEXING]["lambda.Invoke"] == 1
    assert calls["SEARCH TEXT, index not yet on this machine"]["s3.GetObject"] == 1
    for what in ("SEARCH TEXT, a word in each message", "SEARCH TEXT, a word in none"):
        assert calls[what] == {"dynamodb.GetItem": 1}
    assert took["IDLE while nothing happens"] == 0
    assert took["IDLE: a delivery is told"] <= 3
    assert written == text.removeprefix(HEADING), "docs/COSTS.md is out of date: see test_costs"
