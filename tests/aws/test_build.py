"""template.yaml builds, and each built function does its work in a Lambda runtime."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from local.runtime.invoke import sqs_event
from postroom.app import App, wire
from postroom.directory.records import Domain
from postroom.mailboxes.records import Mailbox
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.platform.aws.store import AwsStore
from postroom.platform.batches import Reasons
from postroom.platform.system import SystemClock, SystemRandomness
from postroom.relaying import routes_of
from postroom.settings import Settings
from tests.aws.lambda_runtime import (
    EMULATOR_PYTHON,
    build_once,
    call,
    moto_server,
    python_of_lambda,
    sam,
)
from tests.aws_account import ENVIRONMENT, ROOT, make_stores
from tests.sinks import Sink, refuse

pytestmark = [
    pytest.mark.aws,
    pytest.mark.skipif(not python_of_lambda(), reason="no Python 3.13: see tests/aws/python.sh"),
]

ALICE, BOB = "alice@example.test", "bob@example.test"
TEXT = b"From: Bob <bob@sender.example>\r\nSubject: %s\r\n\r\nGood morning.\r\n"


@pytest.fixture
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    return build_once(base if worker_id == "master" else base.parent)


@dataclass
class Deployed:
    app: App
    settings: Settings
    endpoint: str
    built: Path

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        return call(self.built, function, event, self.settings, self.endpoint)

    def keep(self, body: str, header: bytes = b"") -> Accepted:
        """Store the message that the queue entry is about, as the gateway did."""
        accepted = Accepted.from_json(body)
        self.app.blobs.put(accepted.blob, header + TEXT % accepted.message_id.encode())
        return accepted

    def inbox(self, address: str) -> Mailbox:
        account = self.app.directory.account(address)
        assert account is not None
        return self.app.mailboxes.find(account.id, "INBOX")

    def texts(self, address: str) -> list[bytes]:
        """The messages as a client reads them."""
        messages = self.app.mailboxes.messages(self.inbox(address).id)
        return [message.prefix + self.app.blobs.get(message.blob) for message in messages]


@pytest.fixture
def deployed(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with moto_server(tmp_path) as endpoint:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        settings, clock = make_stores(endpoint=endpoint), SystemClock()
        app = wire(settings, AwsStore(settings, clock), clock, SystemRandomness())
        try:
            app.directory.add_domain(Domain("example.test"))
            for address in (ALICE, BOB):
                app.mailboxes.create_account(app.directory.add_account(address, "x").id)
            yield Deployed(app, settings, endpoint, built)
        finally:
            app.platform.close()


def events(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "functions" / name).read_text())
    return event


def test_sam_finds_nothing_wrong() -> None:
    assert "valid SAM Template" in sam("validate", "--lint", "-t", "template.yaml", folder=ROOT)


def test_inbound_delivers_once(deployed: Deployed) -> None:
    event = events("inbound/events/one_message.json")
    accepted = deployed.keep(event["Records"][0]["body"])
    assert deployed.call("InboundFunction", event) == {"batchItemFailures": []}
    assert deployed.call("InboundFunction", event) == {"batchItemFailures": []}  # SQS repeats
    (text,) = deployed.texts(ALICE)
    assert text.endswith(TEXT % accepted.message_id.encode())
    assert text.startswith(b"Return-Path: <bob@sender.example>\r\nDelivered-To: " + ALICE.encode())
    assert deployed.inbox(BOB).messages == 0
    (journey,) = deployed.app.journeys.trace(accepted.message_id)
    assert [step.step for step in journey.events] == ["accepted", "delivered"]


def test_inbound_reports_the_poison_entry_alone_and_notes_why(deployed: Deployed) -> None:
    event = events("inbound/events/one_is_poison.json")
    good, poison, other = (record["body"] for record in event["Records"])
    deployed.keep(good)
    deployed.keep(other)
    message_id = event["Records"][1]["messageId"]
    answer = deployed.call("InboundFunction", event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id}]}
    assert (deployed.inbox(ALICE).messages, deployed.inbox(BOB).messages) == (2, 1)
    reasons = Reasons(deployed.app.platform.table, deployed.app.clock, "inbound")
    assert "DecodeError" in reasons.of([message_id])[message_id], poison


def test_inbound_reports_a_message_whose_text_is_not_there(deployed: Deployed) -> None:
    event = events("inbound/events/blob_is_missing.json")
    message_id = event["Records"][0]["messageId"]
    answer = deployed.call("InboundFunction", event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id}]}
    assert deployed.inbox(ALICE).messages == 0


def test_tick_does_what_is_due(deployed: Deployed) -> None:
    answer = deployed.call("TickFunction", events("tick/events/due.json"))
    assert answer == {"fed": 0, "swept": 0, "indexes": 0, "keys": 0, "tls_reports": 0}


def test_mail_leaves_and_its_sender_is_told_of_what_is_refused(deployed: Deployed) -> None:
    app = deployed.app
    account = app.directory.account(ALICE)
    assert account is not None
    app.dkim_keys.make("example.test")
    with Sink(refuse("<no@")) as sink:
        routes_of(app).set("*", f"smtp://127.0.0.1:{sink.port}?tls=none")
        event = events("inbound/events/one_message.json")
        accepted = deployed.keep(event["Records"][0]["body"])
        recipients = tuple(Recipient(f"{name}@elsewhere.test") for name in ("yes", "no"))
        ours = replace(accepted, recipients=recipients, account=account.id, reverse_path=ALICE)
        event["Records"][0]["body"] = ours.to_json()
        for function, queue in (
            ("InboundFunction", "outbound"),
            ("RelayFunction", "bounces"),
            ("BounceFunction", "inbound"),
            ("InboundFunction", ""),
        ):
            assert deployed.call(function, event) == {"batchItemFailures": []}
            if queue:
                letters = app.queue(queue).receive(10)
                assert letters, f"{function} sent nothing to {queue}"
                event = sqs_event(queue, letters)
    [letter] = sink.letters
    assert letter.recipients == ["yes@elsewhere.test"]
    assert app.queue("outbound").depth()[0] == 0
    [report] = deployed.texts(ALICE)
    assert b"Final-Recipient: rfc822; no@elsewhere.test" in report
    assert b"550 5.1.1" in report


AWAY = b"""
require ["fileinto", "mailbox", "regex", "vacation", "date", "relational"];
if currentdate :zone "+0100" :value "ge" "year" "2000" {
    vacation "I am away.";
}
if header :regex "subject" "^<.*@.*>$" {
    fileinto :create "With an id";
}
"""


def test_a_script_files_and_answers(deployed: Deployed) -> None:
    app = deployed.app
    account = app.directory.account(ALICE)
    assert account is not None
    app.scripts.put(account.id, "away", AWAY)
    app.scripts.set_active(account.id, "away")
    event = events("inbound/events/one_message.json")
    deployed.keep(event["Records"][0]["body"], b"To: " + ALICE.encode() + b"\r\n")
    for function, queue in (
        ("InboundFunction", "answers"),
        ("AutorespondFunction", "inbound"),
        ("InboundFunction", "outbound"),
    ):
        assert deployed.call(function, event) == {"batchItemFailures": []}
        letters = app.queue(queue).receive(10)
        assert letters, f"{function} sent nothing to {queue}"
        event = sqs_event(queue, letters)
    assert deployed.inbox(ALICE).messages == 0
    assert app.mailboxes.find(account.id, "With an id").messages == 1


HEAVY = (
    *("boto3", "aws_lambda_powertools", "cryptography", "jinja2", "dns", "asyncio", "yaml"),
    *("re2", "postroom.sieve.engine"),
)


@pytest.mark.parametrize("function", ["InboundFunction", "TickFunction"])
def test_a_cold_function_imports_nothing_heavy_that_it_may_not_need(
    built: Path, function: str
) -> None:
    script = f"import sys, app; print(*(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [str(EMULATOR_PYTHON), "-c", script],
        cwd=built / function,
        env={
            **ENVIRONMENT,
            "PYTHONPATH": str(built / "PostroomLayer" / "python"),
            "POSTROOM_STORE": "aws",
            "POSTROOM_QUEUE_INBOUND": "http://127.0.0.1/1/inbound",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
