"""What delivering a message costs on AWS: every call counted, every unit priced.

Writes docs/COSTS.md, which is committed: a change that makes mail dearer shows in its diff. Run
``POSTROOM_WRITE_COSTS=1 .venv/bin/pytest tests/aws/test_costs.py tests/aws/test_reading_costs.py
tests/aws/test_pop3_costs.py`` to write it anew.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from postroom.app import App, wire
from postroom.directory.records import Domain
from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.inbound import process
from postroom.platform.aws.store import AwsStore
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.blobs import BlobKey
from tests.aws.letters import letter
from tests.aws.meter import READS, WRITES, Meter, metered
from tests.aws.sending import SENDER, send
from tests.aws_account import ROOT, account_in_process, make_stores, resources

MESSAGES = 100
BATCH = 10
QUOTA = 10 * 1024**3
# Of one batch of ten in the inbound function, rounded up: a dozen round trips, most side by side.
SECONDS_A_BATCH = 0.4
COSTS = ROOT / "docs" / "COSTS.md"

# Section 6 of the design.
MOST_DOLLARS = 12.0
MOST_WRITES = 2.0  # DynamoDB requests
MOST_READS = 3.0


@dataclass
class SteadyClock:
    time: float = 1_795_525_200.0  # 2026-11-24 13:00 UTC

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def seconds(self) -> float:
        return self.time


@dataclass
class SteadyRandomness:
    """Always the same, never repeating: sizes of records must not depend on luck."""

    count: int = 0

    def octets(self, count: int) -> bytes:
        self.count += 1
        return hashlib.sha256(self.count.to_bytes(8, "big")).digest()[:count]


@dataclass(frozen=True)
class Ledger:
    """What MESSAGES messages took."""

    calls: Counter[str]
    units: Counter[str]

    def a_message(self, *names: str) -> float:
        return sum(self.calls[name] for name in names) / MESSAGES

    @property
    def writes(self) -> float:
        return self.a_message(*(f"dynamodb.{name}" for name in WRITES))

    @property
    def reads(self) -> float:
        return self.a_message(*(f"dynamodb.{name}" for name in READS))


def accept(app: App, number: int, address: str, without: Sequence[bytes] = ()) -> Accepted:
    """What the gateway does from RCPT TO to 250 (gateway/smtp/dialogue.py, incoming.py).

    *without*: header fields that the letter lacks.
    """
    verdict = app.directory.verdict(address)
    assert verdict.kind == "local"
    assert app.mailboxes.usage(verdict.account) < verdict.quota
    text = letter(number, address)
    for field in without:
        text = re.sub(rb"\r\n%b: [^\r]*" % field, b"", text, count=1)
    message_id = next(line for line in text.decode().split("\r\n") if line[:11] == "Message-ID:")
    message_id = message_id[12:]
    now = app.clock.seconds()
    queue_id = new_queue_id(now, app.randomness.octets(RANDOM_OCTETS), message_id)
    app.blobs.put_soon(BlobKey(queue_id), text).result()
    return Accepted(
        queue_id=queue_id,
        blob=BlobKey(queue_id),
        size=len(text),
        received=int(now * 1000),
        reverse_path=f"robert.sender{number}@sender.example",
        recipients=(Recipient(address),),
        message_id=message_id,
        client="192.0.2.41",
        client_name="mail-ej1-f41.sender.example",
        helo="mail-ej1-f41.sender.example",
        tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
    )


def deliver(app: App, meter: Meter, addresses: list[str], without: Sequence[bytes]) -> Ledger:
    """Deliver MESSAGES messages, one to each of the addresses in turn."""
    meter.start()
    queue = app.platform.queue("inbound")
    for number in range(MESSAGES):
        entry = accept(app, number, addresses[number % len(addresses)], without)
        queue.send_soon(entry.to_json()).result()  # alone: the dearest case
    reasons = Reasons(app.platform.table, app.clock, "inbound")
    done = 0
    # As the event source mapping does: receive ten, call the function, delete ten.
    while letters := queue.receive(BATCH):
        event = {"Records": [{"messageId": one.id, "body": one.body} for one in letters]}
        failed = run_batch(event, Accepted.from_json, lambda batch: process(app, batch), reasons)
        assert failed == {"batchItemFailures": []}
        queue.delete([one.receipt for one in letters])
        meter.calls["lambda.Invoke"] += 1
        done += len(letters)
    assert done == MESSAGES
    meter.calls["sqs.ReceiveMessage"] -= 1  # the last one, which found nothing
    return Ledger(meter.calls.copy(), meter.units.copy())


def count(accounts: int, without: Sequence[bytes] = ()) -> Ledger:
    clock = SteadyClock()
    with account_in_process(), metered() as meter:
        settings = make_stores()
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())
        try:
            app.directory.add_domain(Domain("example.test"))
            addresses = [f"account{number:03}@example.test" for number in range(accounts)]
            for address in addresses:
                account = app.directory.add_account(address, "x", QUOTA)
                app.mailboxes.create_account(account.id)
            ledger = deliver(app, meter, addresses, without)
            for address in addresses:
                found = app.directory.account(address)
                assert found is not None
                assert app.mailboxes.find(found.id, "INBOX").messages == MESSAGES // accounts
            return ledger
        finally:
            app.platform.close()


def count_sent() -> Ledger:
    """MESSAGES messages of one user, each to one recipient in one of ten other domains."""
    clock = SteadyClock()
    with account_in_process(), metered() as meter:
        settings = make_stores()
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())
        try:
            app.directory.add_domain(Domain("example.test"))
            account = app.directory.add_account(SENDER, "x", QUOTA)
            app.mailboxes.create_account(account.id)
            meter.start()
            entries = [accept(app, number, SENDER) for number in range(MESSAGES)]
            accepting = meter.calls.copy(), meter.units.copy()
            send(app, meter, entries, 10, BATCH)
            calls, units = meter.calls + accepting[0], meter.units + accepting[1]
            return Ledger(calls, units)
        finally:
            app.platform.close()


def prices() -> dict[str, float]:
    with (ROOT / "docs" / "prices.tsv").open(newline="") as file:
        return {
            row["name"]: float(row["dollars_per_million"])
            for row in csv.DictReader((line for line in file if line[0] != "#"), delimiter="\t")
        }


def bill(ledger: Ledger) -> list[tuple[str, float, float]]:
    """Rows of: what, how many a message, dollars a million messages."""
    price = prices()
    gigabytes = resources()["InboundFunction"]["Properties"]["MemorySize"] / 1024
    sqs = [name for name in ledger.calls if name.startswith("sqs.")]
    rows = [
        ("S3 PUT", ledger.a_message("s3.PutObject"), price["s3.put"]),
        ("S3 GET", ledger.a_message("s3.GetObject"), price["s3.get"]),
        ("DynamoDB write units", ledger.units["write"] / MESSAGES, price["dynamodb.write"]),
        ("DynamoDB read units", ledger.units["read"] / MESSAGES, price["dynamodb.read"]),
        ("SQS requests", ledger.a_message(*sqs), price["sqs.request"]),
        ("SNS publishes", ledger.a_message("sns.Publish"), price["sns.publish"]),
        ("Lambda requests", ledger.a_message("lambda.Invoke"), price["lambda.request"]),
        (
            "Lambda GB-seconds",
            ledger.a_message("lambda.Invoke") * SECONDS_A_BATCH * gigabytes,
            price["lambda.gb_second"],
        ),
    ]
    return [(what, number, number * dollars) for what, number, dollars in rows]


def dollars(ledger: Ledger) -> float:
    return sum(cost for _, _, cost in bill(ledger))


def page(one: Ledger, many: Ledger, sent: Ledger, by_reply: dict[str, Ledger]) -> str:
    lines = [
        "# What mail costs on AWS",
        "",
        f"Counted by `tests/aws/test_costs.py`, from the calls that accepting and delivering "
        f"{MESSAGES} messages",
        "make, with the sizes of the records they write; list prices of `docs/prices.tsv`. All",
        f"{MESSAGES} to one mailbox, and one to each of {MESSAGES} mailboxes. Accounts have a "
        f"quota. Six of ten",
        "messages are plain text, three have HTML, one an attachment of 100 KB. Batches of "
        f"{BATCH}.",
        "",
        "In it: the gateway's look at the recipient, blob and queue entry, the inbound function "
        "with",
        "its event source mapping, the news to the gateways. Not in it: storage, the gateway's "
        "containers,",
        "reading mail, data transfer. Each queue entry is sent alone here; a busy gateway sends "
        "up to ten",
        "in a request.",
        "",
        f"| a message | one mailbox | dollars a million | {MESSAGES} mailboxes | "
        "dollars a million |",
        "|---|---:|---:|---:|---:|",
    ]
    for (what, a, a_cost), (_, b, b_cost) in zip(bill(one), bill(many), strict=True):
        lines.append(f"| {what} | {a:.3f} | {a_cost:.2f} | {b:.3f} | {b_cost:.2f} |")
    lines += [
        f"| **all** | | **{dollars(one):.2f}** | | **{dollars(many):.2f}** |",
        "",
        f"The budget is {MOST_DOLLARS:.0f} dollars a million. A batch is taken to last "
        f"{SECONDS_A_BATCH} s in a function of "
        f"{resources()['InboundFunction']['Properties']['MemorySize']} MB.",
        "",
        "## Requests",
        "",
        f"| a message | one mailbox | {MESSAGES} mailboxes |",
        "|---|---:|---:|",
    ]
    for name in sorted({*one.calls, *many.calls} - {"lambda.Invoke"}):
        lines.append(f"| {name} | {one.a_message(name):.2f} | {many.a_message(name):.2f} |")
    lines += [
        f"| DynamoDB writes (at most {MOST_WRITES:.0f}, and one a batch) "
        f"| {one.writes:.2f} | {many.writes:.2f} |",
        f"| DynamoDB reads (at most {MOST_READS:.0f}) | {one.reads:.2f} | {many.reads:.2f} |",
        "",
        "## Replies",
        "",
        "The messages above are replies, with References of two. Finding its thread costs a "
        "message nothing, unless",
        "it leaves open which one that is ([decision 8](decisions/0008-threads.md)); here to one "
        "mailbox.",
        "",
        "| a message | DynamoDB writes | write units | reads | read units | dollars a million |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {what} | {ledger.writes:.2f} | {ledger.units['write'] / MESSAGES:.3f} "
            f"| {ledger.reads:.2f} | {ledger.units['read'] / MESSAGES:.3f} "
            f"| {dollars(ledger):.2f} |"
            for what, ledger in by_reply.items()
        ),
        "",
        "## Sending",
        "",
        f"{MESSAGES} messages of one user, each to one recipient in one of ten other domains, "
        "taken at the",
        "first attempt: the gateway's blob and queue entry, the pipeline with the outbound entry "
        "and its",
        "journey, the relay with its claim, the outcome and the removal of the text. Every "
        "further attempt",
        "of a message that is deferred is a feed by `tick`, a claim and an outcome.",
        "",
        "| a message | | dollars a million |",
        "|---|---:|---:|",
        *(f"| {what} | {number:.3f} | {cost:.2f} |" for what, number, cost in bill(sent)),
        f"| **all** | | **{dollars(sent):.2f}** |",
        "",
        "| requests | a message |",
        "|---|---:|",
        *(
            f"| {name} | {sent.a_message(name):.2f} |"
            for name in sorted(set(sent.calls) - {"lambda.Invoke"})
        ),
        "",
    ]
    return "\n".join(lines)


@pytest.mark.aws
def test_delivering_stays_within_the_budgets_and_the_page_says_what_it_costs() -> None:
    one, many = count(accounts=1), count(accounts=MESSAGES)
    first = count(accounts=1, without=[b"References", b"In-Reply-To"])
    bare = count(accounts=1, without=[b"References"])
    by_reply = {
        "a first message": first,
        "a reply with its References": one,
        "a reply with In-Reply-To alone": bare,
    }
    text = page(one, many, count_sent(), by_reply)
    _, *reading = COSTS.read_text().partition("## Reading\n")
    if os.environ.get("POSTROOM_WRITE_COSTS"):
        COSTS.write_text(text + "\n" + "".join(reading))
    for ledger in (one, many):
        assert ledger.a_message("s3.PutObject") == 1
        assert ledger.a_message("s3.GetObject") == 1
        # What a whole batch writes at once counts as a tenth, as SQS and Lambda do.
        assert ledger.writes <= MOST_WRITES + 1 / BATCH, text
        assert ledger.reads <= MOST_READS, text
        assert dollars(ledger) <= MOST_DOLLARS, text
    assert one.units["read"] == first.units["read"]
    assert one.calls == first.calls
    written = COSTS.read_text().partition("\n## Reading\n")[0]
    assert written == text, "docs/COSTS.md is out of date: see this module's first lines"
