"""Each role allows the calls that its program makes, and nothing on top.

What a role lacks is AccessDenied on AWS and nothing at all in moto. So the calls are noted and
held against the policies.
"""

from collections.abc import Callable
from typing import Any

import pytest

from postroom.app import App, wire
from postroom.directory.records import Account, Domain
from postroom.mailboxes.records import DELETED, NewMessage
from postroom.message.summary import summarise
from postroom.pipeline.accepted import Accepted
from postroom.pipeline.inbound import process
from postroom.platform.aws.blobs import PART
from postroom.platform.aws.store import AwsStore
from postroom.platform.batches import Reasons, run_batch
from postroom.platform.blobs import BlobKey
from tests.aws.meter import metered
from tests.aws.test_costs import SteadyClock, SteadyRandomness, accept
from tests.aws_account import account_in_process, make_stores, resources

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

Act = Callable[[], None]


def inbound(app: App, account: Account, clock: SteadyClock) -> Act:
    entry = accept(app, 1, ALICE)
    reasons = Reasons(app.platform.table, clock, "inbound")

    def act() -> None:
        for body in (entry.to_json(), entry.to_json(), "poison"):
            event = {"Records": [{"messageId": "1", "body": body}]}
            run_batch(event, Accepted.from_json, lambda batch: process(app, batch), reasons)

    return act


def tick(app: App, account: Account, clock: SteadyClock) -> Act:
    append_and_expunge(app, account)
    clock.time += 30 * DAY

    def act() -> None:
        assert app.mailboxes.sweep() > 0

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
) -> None:
    clock = SteadyClock()
    with account_in_process(), metered() as meter:
        settings = make_stores()
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
