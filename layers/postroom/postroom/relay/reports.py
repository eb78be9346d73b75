"""What is to be told to a sender, as records that wait for the `bounce` function.

A report is written in the transaction of the event it tells of, so that each event is reported
once (see `relay.waiting`).
"""

from typing import Literal

import msgspec

from postroom.platform.table import Put
from postroom.relay.waiting import REPORT, Ticket, Waiting, new, ticket

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]  # RFC 3464 section 2.3.3


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened to one recipient. Times in milliseconds since 1970."""

    address: str  # final recipient
    action: Action
    status: str  # enhanced code
    reason: str  # our sentence: what happened
    at: int  # of the event, or of the last attempt
    original: str = ""  # ORCPT, still encoded
    reply: str = ""  # the peer's reply
    peer: str = ""  # "mx1.example.org [192.0.2.1]"
    until: int = 0  # delayed: tries go on until then
    # Not tried: the address is on the suppression list ("bounce", "complaint", "manual") since…
    suppressed: str = ""
    since: int = 0
    more_to_come: bool = False  # relayed: the peer reports deliveries, too


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One report to one sender: a DSN with a part for each of *told*."""

    queue_id: str  # of the message that the report is about
    name: str  # unique among the reports of that message
    blob: str  # the message, for its header or text in the report
    size: int
    received: int  # when it was accepted
    reverse_path: str  # never "": nobody is told then
    told: tuple[Told, ...]
    ret: str = ""
    envid: str = ""
    smtputf8: bool = False
    message_id: str = ""
    account: str = ""  # of the sender, "" for mail from elsewhere
    requiretls: bool = False  # the report needs it as well (RFC 8689 section 5)
    deliver_by: int = 0  # what BY asked for (RFC 2852), 0: nothing

    @property
    def ticket(self) -> Ticket:
        return ticket(REPORT, self.queue_id, self.name)


def new_report(report: Report, due: int) -> Put:
    """The write that lets the report wait, once. *due*: when `tick` looks after it, should the
    letter to the Bounces queue get lost; milliseconds since 1970."""
    return new(report.ticket, _encoder.encode(report), due)


def report_of(found: Waiting) -> Report:
    return _decoder.decode(found.body)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Report)
