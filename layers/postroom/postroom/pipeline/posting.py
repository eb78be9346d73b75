"""Messages that Postroom itself writes go the way of any other: a blob, and a queue entry."""

import hashlib

from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.work import Rooms
from postroom.platform.blobs import BlobKey


def post(
    app: Rooms,
    name: str,
    message: bytes,
    sender: str,
    recipients: tuple[str, ...],
    at: float,
    *,
    message_id: str = "",
    notify: tuple[str, ...] = ("FAILURE",),
    smtputf8: bool = False,
    tls_optional: bool = False,
) -> str:
    """Send a message of ours; return its queue id, which follows from *name*, *at* (seconds since
    1970) and *message_id*: a repeat with the same ones sends nothing twice.

    What becomes of it is not told to *sender* as a delay, only as a failure, unless *notify* has
    other words (RFC 3461 section 4.1). *tls_optional*: policies of TLS do not keep it away.
    """
    queue_id = posted_id(name, at, message_id)
    app.blobs.put(BlobKey(queue_id), message)
    accepted = Accepted(
        queue_id,
        BlobKey(queue_id),
        len(message),
        int(app.clock.seconds() * 1000),
        sender,
        tuple(Recipient(address, notify) for address in recipients),
        message_id,
        smtputf8=smtputf8,
        ours=True,
        tls_optional=tls_optional,
    )
    app.queue("inbound").send(accepted.to_json())
    return queue_id


def posted_id(name: str, at: float, message_id: str = "") -> str:
    """The queue id that `post` gives."""
    octets = hashlib.blake2b(name.encode(), digest_size=RANDOM_OCTETS).digest()
    return new_queue_id(at, octets, message_id)
