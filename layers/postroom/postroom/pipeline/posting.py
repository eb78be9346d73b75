"""Messages that Postroom itself writes go the way of any other: a blob, and a queue entry."""

import hashlib

from postroom.journeys.ids import RANDOM_OCTETS, new_queue_id
from postroom.pipeline.accepted import Accepted, Recipient
from postroom.pipeline.work import Rooms
from postroom.platform.blobs import BlobKey


def post(
    app: Rooms, name: str, message: bytes, sender: str, recipients: tuple[str, ...], at: float
) -> str:
    """Send a message of ours; return its queue id, which follows from *name* and *at* (seconds
    since 1970): a repeat with the same ones sends nothing twice.

    What becomes of it is not told to *sender* as a delay, only as a failure. The policies of a
    domain that is told how TLS fails there must not keep the telling away (RFC 8460 section 3).
    """
    octets = hashlib.blake2b(name.encode(), digest_size=RANDOM_OCTETS).digest()
    queue_id = new_queue_id(at, octets, "")
    app.blobs.put(BlobKey(queue_id), message)
    accepted = Accepted(
        queue_id,
        BlobKey(queue_id),
        len(message),
        int(app.clock.seconds() * 1000),
        sender,
        tuple(Recipient(address, ("FAILURE",)) for address in recipients),
        ours=True,
        tls_optional=True,
    )
    app.queue("inbound").send(accepted.to_json())
    return queue_id
