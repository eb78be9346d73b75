"""What a POP3 session asks of AWS: a few calls for a maildrop of any size, and pages of it."""

from collections import Counter

import pytest

from gateway.pop3.maildrop import PAGE, close_maildrop, find_message, open_maildrop, read_page
from postroom.app import wire
from postroom.directory.records import Domain
from postroom.mailboxes.records import NewMessage
from postroom.message.summary import summarise
from postroom.platform.aws.store import AwsStore
from postroom.platform.blobs import BlobKey
from tests.aws.meter import WRITES, metered
from tests.aws.test_costs import SteadyClock, SteadyRandomness
from tests.aws_account import account_in_process, make_stores

MANY = 2 * PAGE + 100
APPENDED = 49  # in a transaction
SUMMARY = summarise(b"Subject: a\r\n\r\nbody\r\n")


@pytest.mark.aws
def test_a_maildrop_is_read_in_pages_and_emptied_in_batches() -> None:
    clock = SteadyClock()
    with account_in_process(), metered() as meter:
        settings = make_stores()
        app = wire(settings, AwsStore(settings, clock), clock, SteadyRandomness())

        def asked() -> Counter[str]:
            calls = meter.calls.copy()
            meter.start()
            return calls

        try:
            app.directory.add_domain(Domain("example.test"))
            account = app.directory.add_account("alice@example.test", "x").id
            app.mailboxes.create_account(account)
            inbox = app.mailboxes.inbox(account)
            keys = [BlobKey(f"m{number}") for number in range(MANY)]
            for first in range(0, MANY, APPENDED):
                new = [NewMessage(key, SUMMARY, 0) for key in keys[first : first + APPENDED]]
                app.mailboxes.append(account, inbox, new)

            asked()
            maildrop = open_maildrop(app, account, "owner")
            assert maildrop.count == MANY
            assert asked() == {"dynamodb.PutItem": 1, "dynamodb.GetItem": 1}  # STAT is in it

            read_page(app, maildrop)  # for UIDL 1, say
            assert asked() == {"dynamodb.Query": 1, "dynamodb.GetItem": 1}
            while not maildrop.complete:
                read_page(app, maildrop)
            assert asked()["dynamodb.Query"] == 2

            for number in range(1, 17):
                find_message(app, maildrop, number)
            assert asked() == {"dynamodb.Query": 1}

            for number in range(1, 99):
                maildrop.mark(number)
            close_maildrop(app, maildrop)
            calls = asked()
            # Two batches of message and tombstone, and the lock: renewed, then gone.
            assert calls["dynamodb.TransactWriteItems"] <= 3
            assert sum(calls[f"dynamodb.{name}"] for name in WRITES) <= 6
            assert app.mailboxes.get(account, inbox).messages == MANY - 98
        finally:
            app.platform.close()
