"""What one message to one recipient elsewhere takes on AWS: counted like deliveries."""

from msgspec.structs import replace

from postroom.app import App
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.inbound import process
from postroom.pipeline.later import letter_of
from postroom.platform.batches import Reasons, run_batch
from postroom.relay.waiting import tickets_of
from postroom.relaying import relay_of, routes_of
from tests.aws.meter import Meter
from tests.sinks import Sink

SENDER = "account000@example.test"


def send(app: App, meter: Meter, entries: list[Accepted], domains: int, batch: int) -> None:
    """Send them all, to *domains* domains in turn; a server of the test takes each at once."""
    account = app.directory.account(SENDER)
    assert account is not None
    reasons = Reasons(app.platform.table, app.clock, "inbound")
    with Sink() as sink:
        routes_of(app).set("*", f"smtp://127.0.0.1:{sink.port}?tls=none")
        relay = relay_of(app)
        meter.start()
        for number, entry in enumerate(entries):
            address = f"somebody@partner{number % domains}.example"
            ours = replace(
                entry, recipients=(Recipient(address),), reverse_path=SENDER, account=account.id
            )
            app.queue("inbound").send(ours.to_json())
        inbound = app.queue("inbound")
        while letters := inbound.receive(batch):
            event = {"Records": [{"messageId": each.id, "body": each.body} for each in letters]}
            answer = run_batch(event, letter_of, lambda some: process(app, some), reasons)
            assert answer == {"batchItemFailures": []}
            inbound.delete([each.receipt for each in letters])
            meter.calls["lambda.Invoke"] += 1
        meter.calls["sqs.ReceiveMessage"] -= 1  # the last one, which found nothing
        queue = app.queue("outbound")
        while letters := queue.receive(batch):
            tickets = [ticket for each in letters for ticket in tickets_of(each.body)]
            relay.process(tickets, 60)
            queue.delete([each.receipt for each in letters])
            meter.calls["lambda.Invoke"] += 1
        meter.calls["sqs.ReceiveMessage"] -= 1
        relay.close()
        assert len(sink.letters) == len(entries)
