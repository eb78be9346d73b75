"""Each role allows the calls that its program makes, and nothing on top.

What a role lacks is AccessDenied on AWS and nothing at all in moto. So the calls are noted and
held against the policies.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from msgspec.structs import replace

from postroom.app import App, wire
from postroom.autoreply.answers import VacationAnswer, from_json, to_json
from postroom.autoreply.original import Original
from postroom.directory.records import Account, Alias, Domain
from postroom.mailboxes import indexing
from postroom.mailboxes.records import DELETED, NewMessage
from postroom.mailboxes.search_index import Task
from postroom.message.summary import summarise
from postroom.pipeline import answers, bounces
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.bounces import decode
from postroom.pipeline.inbound import process
from postroom.pipeline.later import letter_of
from postroom.platform.aws.blobs import PART
from postroom.platform.aws.store import AwsStore
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.blobs import BlobKey
from postroom.relay.bounces.incoming import Incoming
from postroom.relay.run import Relay
from postroom.relay.waiting import Ticket, feed, tickets_of
from postroom.relaying import paces_of, relay_of, report_on_tls, rotate_keys, routes_of
from postroom.sieve.actions import Copy, Vacation
from tests.aws.meter import metered
from tests.aws.test_costs import SteadyClock, SteadyRandomness, accept
from tests.aws_account import account_in_process, make_stores, resources
from tests.sinks import Sink, refuse

ALICE = "alice@example.test"
DAY = 86_400

# The rights behind a call, where they have another name.
RIGHTS = {
    "dynamodb:TransactWriteItems": {
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    },
    "s3:CompleteMultipartUpload": {"s3:PutObject"},
    "s3:CreateMultipartUpload": {"s3:PutObject"},
    "s3:UploadPart": {"s3:PutObject"},
    "s3:DeleteObjects": {"s3:DeleteObject"},
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "sesv2:SendEmail": {"ses:SendEmail", "ses:SendRawEmail"},
}
# Rights that no call of ours shows. All who use the table have the same ones there: which call
# the adapter makes depends on how many records there are.
SILENT = {
    "s3:ListBucket",  # so that a missing blob is NoSuchKey
    *(f"dynamodb:{call}" for call in ("BatchGetItem", "BatchWriteItem", "ConditionCheckItem")),
    *(f"dynamodb:{call}" for call in ("DeleteItem", "GetItem", "PutItem", "Query")),
}
OF_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",  # by the event source mapping, as the next two
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}

OF_VPC = {  # for a function in one
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
}

Act = Callable[[], None]

SCRIPT = b"""
require ["fileinto", "mailbox", "duplicate", "editheader", "vacation", "copy"];
if duplicate { stop; }
addheader "X-Filtered" "yes";
fileinto :create "New";
redirect :copy "carol@elsewhere.test";
vacation :addresses "alice@example.test" "I am away.";
"""


def accepted(app: App, number: int, address: str) -> Accepted:
    """A message for any address, whether or not the dialogue would take it."""
    return replace(accept(app, number, ALICE), recipients=(Recipient(address),))


def inbound(app: App, account: Account, clock: SteadyClock) -> Act:
    app.dkim_keys.make("example.test")
    app.directory.add_alias(Alias("away@example.test", ("alice@elsewhere.test",)))
    reasons = Reasons(app.platform.table, clock, "inbound")
    here = accepted(app, 1, ALICE)
    there = replace(accepted(app, 2, "bob@elsewhere.test"), account=account.id, reverse_path=ALICE)
    forwarded = accepted(app, 3, "away@example.test")
    unknown = accepted(app, 4, "gone@example.test")
    in_vain = replace(accepted(app, 5, "gone@example.test"), reverse_path="")
    scripted = accepted(app, 6, "filters@example.test")
    filters = app.directory.add_account("filters@example.test", "x")
    app.mailboxes.create_account(filters.id)
    app.scripts.put(filters.id, "main", SCRIPT)
    app.scripts.set_active(filters.id, "main")
    every = (here, here, there, forwarded, unknown, in_vain, scripted)
    bodies = [each.to_json() for each in every]

    def act() -> None:
        for body in (*bodies, "poison"):
            event = {"Records": [{"messageId": "1", "body": body}]}
            run_batch(event, letter_of, lambda batch: process(app, batch), reasons)

    return act


def relay(app: App, account: Account, clock: SteadyClock) -> Act:
    routes = routes_of(app)
    routes.set("smart.test", "smtps://user@127.0.0.1:9", "secret")
    routes.set("ses.test", "ses:")
    boto3.client("sesv2").create_email_identity(EmailIdentity="example.test")
    reasons = Reasons(app.platform.table, clock, "outbound")
    domains = ("sink.test", "smart.test", "ses.test")
    entries = [
        replace(accepted(app, number, f"bob@{domain}"), account=account.id, reverse_path=ALICE)
        for number, domain in enumerate(domains)
    ]
    process(app, entries)

    def act() -> None:
        with Sink(refuse("<bob@")) as sink:
            routes.set("sink.test", f"smtp://127.0.0.1:{sink.port}?tls=none")
            found, app_paces = relay_of(app), paces_of(app)
            for _ in range(2):
                letters = app.queue("outbound").receive(10)
                event = {"Records": [{"messageId": each.id, "body": each.body} for each in letters]}
                run_batch(event, tickets_of, lambda some: _relay(found, some), reasons)
                app_paces.limit("sink.test", 1, 60_000)
            found.close()

    return act


def _relay(found: Relay, letters: Sequence[list[Ticket]]) -> dict[int, Exception]:
    found.process([ticket for tickets in letters for ticket in tickets], 20)
    return {}


def bounce(app: App, account: Account, clock: SteadyClock) -> Act:
    unknown = replace(accepted(app, 1, "gone@example.test"), account=account.id, reverse_path=ALICE)
    report_in = accepted(app, 2, ALICE)
    process(app, [unknown])
    reasons = Reasons(app.platform.table, clock, "bounces")
    incoming = Incoming(report_in.queue_id, report_in.blob, (ALICE,))

    def act() -> None:
        letters = [each.body for each in app.queue("bounces").receive(10)]
        assert letters
        for body in (*letters, incoming.to_json(), "poison"):
            event = {"Records": [{"messageId": "1", "body": body}]}
            run_batch(event, decode, lambda batch: bounces.process(app, batch), reasons)

    return act


def autorespond(app: App, account: Account, clock: SteadyClock) -> Act:
    original = Original("q", int(clock.time * 1000), "bob@elsewhere.test", "<1@elsewhere.test>")
    away = Vacation("I am away.", DAY, fcc=Copy("Answers", create=True))
    asked = VacationAnswer(original, account.id, ALICE, (ALICE,), away)
    reasons = Reasons(app.platform.table, clock, "answers")

    def act() -> None:
        for body in (to_json(asked), to_json(asked), "poison"):
            event = {"Records": [{"messageId": "1", "body": body}]}
            run_batch(event, from_json, lambda batch: answers.process(app, batch), reasons)

    return act


def index(app: App, account: Account, clock: SteadyClock) -> Act:
    append_some(app, account)
    inbox = app.mailboxes.find(account.id, "INBOX").id
    reasons = Reasons(app.platform.table, clock, "index")
    queue = app.queue("index")

    def act() -> None:
        bodies = [Task(account.id, inbox).to_json(), "poison"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(indexing, "MOST_MESSAGES", 2)
            for body in bodies:
                event = {"Records": [{"messageId": "1", "body": body}]}
                run_batch(
                    event,
                    Task.from_json,
                    lambda batch: indexing.process(app.indexing, queue, batch),
                    reasons,
                )
                # The next step makes one segment of the first and what is new.
                bodies += [letter.body for letter in queue.receive()]
        assert [each.messages for each in app.search_index.read(account.id, inbox).segments] == [4]

    return act


def append_some(app: App, account: Account) -> None:
    inbox = app.mailboxes.find(account.id, "INBOX").id
    for number in range(4):
        octets = b"Subject: %d\r\n\r\nHello" % number
        key = BlobKey(f"indexed-{number}")
        app.blobs.put(key, octets)
        message = NewMessage(key, summarise(octets), int(app.clock.seconds()))
        app.mailboxes.append(account.id, inbox, [message])


def tick(app: App, account: Account, clock: SteadyClock) -> Act:
    append_some(app, account)
    app.indexing.step(Task(account.id, app.mailboxes.find(account.id, "INBOX").id))
    append_and_expunge(app, account)
    app.dkim_keys.make("example.test")
    there = replace(accepted(app, 1, "bob@elsewhere.test"), account=account.id, reverse_path=ALICE)
    later = replace(accepted(app, 2, ALICE), hold_until=int((clock.time + DAY) * 1000))
    unknown = accepted(app, 3, "gone@example.test")
    assert process(app, [there, later, unknown]) == {}
    clock.time += 200 * DAY

    def act() -> None:
        assert app.mailboxes.sweep() > 0
        assert feed(app.table, app.platform, clock, 600, 100) == 3
        assert rotate_keys(app) > 0
        report_on_tls(app)
        assert app.search_index.tell_swept(app.queue("index")) == 1

    return act


def gateway(app: App, account: Account, clock: SteadyClock) -> Act:
    def act() -> None:
        listening = app.platform.topic.subscribe(lambda news: None)
        app.platform.queue("inbound").send_soon(accept(app, 1, ALICE).to_json()).result()
        large, given_up = (app.blobs.draft(BlobKey(name)) for name in ("large", "given-up"))
        for draft in (large, given_up):
            draft.write(b"x" * (PART + 1))
        given_up.abandon()
        large.commit_soon().result()
        app.blobs.delete([BlobKey("large")])
        assert app.forwarding.original("SRS0=aaaaaaaa=aa=x.test=y@example.test") is None
        append_and_expunge(app, account)
        listening.close()
        app.platform.close()

    return act


def append_and_expunge(app: App, account: Account) -> None:
    inbox = app.mailboxes.inbox(account.id)
    text, key = b"Subject: x\r\n\r\n", BlobKey("appended")
    app.blobs.put(key, text)
    [appended] = app.mailboxes.append(account.id, inbox, [NewMessage(key, summarise(text), 0)])
    app.blobs.get(key)
    app.mailboxes.store_flags(account.id, inbox, [appended.uid], add=[DELETED])
    app.mailboxes.expunge(account.id, inbox, [appended.uid])


@pytest.mark.parametrize(
    ("template", "role", "prepare", "others"),
    [
        pytest.param("template.yaml", "InboundRole", inbound, OF_LAMBDA, id="inbound"),
        pytest.param(
            "template.yaml",
            "RelayRole",
            relay,
            OF_LAMBDA | OF_VPC | {"sqs:SendMessage"},
            id="relay",
        ),
        pytest.param("template.yaml", "BounceRole", bounce, OF_LAMBDA, id="bounce"),
        pytest.param("template.yaml", "AutorespondRole", autorespond, OF_LAMBDA, id="autorespond"),
        pytest.param("template.yaml", "IndexRole", index, OF_LAMBDA, id="index"),
        pytest.param(
            "template.yaml",
            "TickRole",
            tick,
            {"logs:CreateLogStream", "logs:PutLogEvents"},
            id="tick",
        ),
        pytest.param(
            "infra/edge.yaml",
            "GatewayRole",
            gateway,
            {
                "sqs:ReceiveMessage",  # on the thread that waits for news, and the next
                "sqs:DeleteMessage",
                "sns:ListSubscriptionsByTopic",  # when another listener was killed
            },
            id="gateway",
        ),
    ],
)
def test_a_role_allows_what_is_called(
    template: str,
    role: str,
    prepare: Callable[[App, Account, SteadyClock], Act],
    others: set[str],
    tmp_path: Path,
) -> None:
    clock = SteadyClock()
    with account_in_process(), metered() as meter:
        settings = dataclasses.replace(make_stores(), cache=tmp_path)
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())
        app.directory.add_domain(Domain("example.test"))
        account = app.directory.add_account(ALICE, "x", 10**9)
        app.mailboxes.create_account(account.id)
        act = prepare(app, account, clock)
        meter.start()
        act()
        calls = {name.replace(".", ":") for name in meter.calls}
        app.platform.close()
    needed = set().union(*(RIGHTS.get(call, {call}) for call in calls))
    allowed = _allowed(resources(template)[role])
    assert needed <= allowed
    assert allowed <= needed | SILENT | others


def _allowed(role: Any) -> set[str]:
    found: set[str] = set()
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found
